"""What is said of a phase while it runs: by its worker, or by the files of the store."""

from collections.abc import Iterable
from statistics import fmean
from typing import Literal, NamedTuple, Self

from results.record import Record


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

    @classmethod
    def of(cls, epoch: int, epochs: int, records: Iterable[Record]) -> Self | None:
        """Sum up the records of an epoch; None if they are not those of a training."""
        measured = list(records)
        trained = {one.metric: one.value for one in measured if one.split == "train"}
        if not trained.keys() >= {"loss", "seconds"}:
            return None
        maps = [one.value for one in measured if one.metric == "map"]
        return cls(epoch, epochs, trained["loss"], fmean(maps) if maps else None, trained["seconds"])

    def __str__(self) -> str:
        measured = "" if self.map is None else f", map {self.map:.1f}"
        return f"epoch {self.epoch}/{self.epochs}: loss {self.loss:.4g}{measured}"


class Event(NamedTuple):
    """What a worker, or whoever looks at its files, says of a phase.

    ``waiting``: it may not begin yet, `text` says for whom. ``elsewhere``: it is done already, or another run
    holds it. ``failed``: `text` is the error's one line.
    ``refused``: the store cannot be written, `text` says why; no phase could be kept.
    """

    key: str
    state: Literal[
        "start", "waiting", "epoch", "done", "failed", "stopped", "elsewhere", "refused", "pruned", "damaged"
    ]
    progress: Progress | None = None
    text: str = ""
