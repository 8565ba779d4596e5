"""What a run shows while it goes: a live table on a terminal, plain lines elsewhere."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from statistics import fmean

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskID
from rich.progress import Progress as Bars
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from reports.words import duration
from results.plan import PlanFile, labels, parents
from results.state import with_blocked
from study.alone import ALONE_KINDS
from study.event import Event, Progress
from study.printing import STATES

EPOCH_LINE_S = 30.0
NO_EPOCH = float("nan")
"""The loss of a phase that has just begun."""


class Board:
    """The state of a run, as its events tell it.

    Args:
        done: keys that are done before the run.
        failed: keys that are not tried again.
        workers: phases that run at once.
        clock: seconds, to time phases without epochs.
        pruned: keys that were given up before the run.
    """

    def __init__(
        self,
        plan: PlanFile,
        done: Collection[str],
        failed: Collection[str] = (),
        workers: int = 1,
        clock: Callable[[], float] = time.monotonic,
        pruned: Collection[str] = (),
    ) -> None:
        self.edition = plan["edition"]
        self.labels = labels(plan)
        self.latest: dict[str, Progress] = {}
        self._workers = workers
        self._parents = parents(plan)
        self._kind = {key: phase["kind"] for key, phase in plan["phases"].items()}
        self._epochs: dict[str, int] = {key: phase["epochs"] for key, phase in plan["phases"].items()}
        self._state = dict.fromkeys(plan["phases"], "due")
        for keys, name in ((failed, "failed"), (pruned, "pruned"), (done, "done")):
            self._state |= {key: name for key in keys if key in self._state}
        self._left = {key: max(count, 1) for key, count in self._epochs.items() if key not in done}
        self._clock = clock
        self._began: dict[str, float] = {}
        self._took: dict[str, list[float]] = {}
        self._summary = ""

    def note(self, event: Event) -> None:
        """Take in an event."""
        self._summary = ""
        if event.state in ("start", "waiting"):
            self._began[event.key] = self._clock()
            self.latest[event.key] = Progress(0, self._epochs[event.key], NO_EPOCH, None, 0.0)
        elif event.progress:
            self.latest[event.key] = event.progress
            self._left[event.key] = event.progress.epochs - event.progress.epoch
            self._took.setdefault(self._kind[event.key], []).append(event.progress.seconds)
        else:
            self.latest.pop(event.key, None)
            if event.state == "done" and event.key in self._began and not self._epochs[event.key]:
                took = self._clock() - self._began[event.key]
                self._took.setdefault(self._kind[event.key], []).append(took)
        names = {"start": "running", "waiting": "running", "epoch": "running", "elsewhere": "running", "stopped": "due"}
        self._state[event.key] = names.get(event.state, event.state)

    def learn(self, key: str, seconds: float) -> None:
        """Take in what an epoch of a phase like `key` took, or all of it if it has none, before anybody looked."""
        self._took.setdefault(self._kind[key], []).append(seconds)

    def counts(self) -> Counter[str]:
        """Count the phases by state."""
        return Counter(with_blocked(self._state, self._parents).values())

    def left_s(self) -> float | None:
        """Estimate the seconds that are left, from the epochs of each kind seen so far; None before the first one."""
        if not self._took:
            return None
        rates = {kind: fmean(took) for kind, took in self._took.items()}
        usual = fmean(rates.values())
        states = with_blocked(self._state, self._parents)
        open_keys = [key for key in self._left if states[key] in ("due", "running")]
        left = {key: self._left[key] * rates.get(self._kind[key], usual) for key in open_keys}
        alone_s = sum(seconds for key, seconds in left.items() if self._kind[key] in ALONE_KINDS)
        at_once = max(self._workers, sum(state == "running" for state in states.values()))
        return alone_s + (sum(left.values()) - alone_s) / max(1, min(at_once, len(open_keys)))

    def summary(self) -> str:
        """Say in a line how far the run is."""
        if not self._summary:
            counts, left_s = self.counts(), self.left_s()
            text = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
            self._summary = f"{text}; about {duration(left_s)} left" if left_s else text
        return self._summary


@contextmanager
def shown(board: Board, console: Console) -> Iterator[None]:
    """Show `board` live while a run goes on, if `console` is a terminal."""
    if not console.is_terminal:
        yield
        return
    with Live(get_renderable=lambda: draw(board), console=console, refresh_per_second=2):
        yield


@contextmanager
def decoding(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Show a bar while clips are decoded; gives what is called with the clips done and in all."""
    columns = ("decoding clips", BarColumn(), MofNCompleteColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bars: list[TaskID] = []

        def tell(done: int, in_all: int) -> None:
            if not bars:
                bars.append(progress.add_task("", total=in_all))
            progress.update(bars[0], completed=done, total=in_all)

        yield tell


def draw(board: Board) -> Group:
    """Draw the running phases and how far the whole is."""
    running = [(board.labels[key], progress) for key, progress in board.latest.items()]
    return Group(draw_running(running), Text(f"{board.edition}: {board.summary()}"))


def draw_running(running: Iterable[tuple[str, Progress]]) -> Table:
    """Draw phases by label, each with its last epoch."""
    table = Table(box=None, pad_edge=False)
    for column in ("phase", "epoch", "", "loss", "map"):
        table.add_column(column, justify="right" if column in ("loss", "map") else "left")
    for label, (epoch, epochs, loss, mean, _) in running:
        measured = "" if mean is None else f"{mean:.1f}"
        bar = ProgressBar(total=epochs or None, completed=epoch, width=20)
        done = f"{epoch}/{epochs}" if epochs else "measures"
        table.add_row(label, done, bar, f"{loss:.3f}" if epoch else "", measured)
    return table


class Lines:
    """Words for events where no live table can be shown: every end, and the epochs that are news after a while.

    Args:
        every_s: a phase's epoch is told if nothing was for so long.
    """

    def __init__(
        self, board: Board, every_s: float = EPOCH_LINE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._board = board
        self._every_s = every_s
        self._clock = clock
        self._told = clock()

    def line(self, event: Event) -> str | None:
        """Word an event that the board has noted; None for one that is not worth a line."""
        if event.state == "start" or (event.state == "epoch" and self._clock() - self._told < self._every_s):
            return None
        self._told = self._clock()
        words = {"elsewhere": "is held by another run or done already", "stopped": "stopped; will be resumed"}
        if event.state == "waiting":
            return f"{self._board.labels[event.key]}: {event.text}"
        said = str(event.progress) if event.progress else words.get(event.state, event.state)
        text = f"{self._board.labels[event.key]}: {said}"
        return f"{text}: {event.text}" if event.text else f"{text}  ({self._board.summary()})"
