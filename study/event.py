"""What is said of a phase while it runs: by its worker, or by the files of the store."""

from typing import Literal, NamedTuple


class Progress(NamedTuple):
    """One finished epoch, as it is shown while a study runs.

    Attributes:
        loss: mean training loss.
        map: mean mAP (points) of the validation splits, if they were measured.
        seconds: that it took, measuring included.
    """

    epoch: int
    epochs: int
    loss: float
    map: float | None
    seconds: float

    def __str__(self) -> str:
        measured = "" if self.map is None else f", map {self.map:.1f}"
        return f"epoch {self.epoch}/{self.epochs}: loss {self.loss:.4g}{measured}"


class Event(NamedTuple):
    """What a worker says of a phase.

    ``waiting``: it may not begin yet, `text` says for whom. ``elsewhere``: it is done already, or another run
    holds it. ``failed``: `text` is the error's one line.
    ``refused``: the store cannot be written, `text` says why; no phase could be kept.
    """

    key: str
    state: Literal["start", "waiting", "epoch", "done", "failed", "stopped", "elsewhere", "refused"]
    progress: Progress | None = None
    text: str = ""
