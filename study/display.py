"""What a run shows while it goes: a live table on a terminal, plain lines elsewhere."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from study.planner import Plan
from study.printing import STATES, duration
from study.worker import Event


class Board:
    """The state of a run, as its events tell it.

    Args:
        plan: names the phases.
        done: keys that are done before the run.
    """

    def __init__(self, plan: Plan, done: set[str]) -> None:
        self.plan = plan
        self.labels = phase_labels(plan)
        self.state = {key: "done" if key in done else "due" for key in plan.phases}
        self.latest: dict[str, Event] = {}
        self.left = {key: phase.settings.epochs for key, phase in plan.phases.items() if key not in done}
        self.began = time.monotonic()
        self.trained = 0

    def note(self, event: Event) -> None:
        """Take in an event."""
        if event.state == "epoch" and event.progress:
            self.latest[event.key] = event
            left = event.progress.epochs - event.progress.epoch
            self.trained += 1
            self.left[event.key] = left
            self.state[event.key] = "running"
        else:
            self.state[event.key] = {"stopped": "due", "elsewhere": "running"}.get(event.state, event.state)
            self.latest.pop(event.key, None)
            if event.state in ("done", "failed"):
                self.left.pop(event.key, None)
        self._block()

    def counts(self) -> Counter[str]:
        """Count the phases by state."""
        return Counter(self.state.values())

    def left_s(self) -> float | None:
        """Estimate the seconds that are left, from the epochs seen so far; None before the first one."""
        if not self.trained:
            return None
        return (time.monotonic() - self.began) / self.trained * sum(self.left.values())

    def _block(self) -> None:
        for key, phase in self.plan.phases.items():
            parents = {self.state[parent] for parent in phase.parents.values()}
            if self.state[key] == "due" and parents & {"failed", "blocked"}:
                self.state[key] = "blocked"
                self.left.pop(key, None)

    def summary(self) -> str:
        """Say in a line how far the run is."""
        counts = self.counts()
        text = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
        left_s = self.left_s()
        return text if left_s is None else f"{text}; about {duration(left_s)} left"


def phase_labels(plan: Plan) -> dict[str, str]:
    """Name every phase as people do: kind, seed, and the arms that share it."""
    arms: dict[str, list[str]] = {}
    for trial in plan.trials:
        for phase in trial.phases.values():
            arms.setdefault(phase.key, []).append(trial.arm.name)
    return {
        key: f"{phase.kind} {arms[key][0] if len(arms[key]) == 1 else f'{len(arms[key])} arms'} seed {phase.seed}"
        for key, phase in plan.phases.items()
    }


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
    with Progress("decoding clips", BarColumn(), MofNCompleteColumn(), console=console, transient=True) as progress:
        bars: list[TaskID] = []

        def tell(done: int, in_all: int) -> None:
            if not bars:
                bars.append(progress.add_task("", total=in_all))
            progress.update(bars[0], completed=done, total=in_all)

        yield tell


def draw(board: Board) -> Group:
    """Draw the running phases and how far the whole is."""
    table = Table(box=None, pad_edge=False)
    for column in ("phase", "epoch", "", "loss", "map"):
        table.add_column(column, justify="right" if column in ("loss", "map") else "left")
    for key, event in board.latest.items():
        if event.progress is None:
            continue
        epoch, epochs, loss, mean = event.progress
        measured = "" if mean is None else f"{mean:.1f}"
        bar = ProgressBar(total=epochs, completed=epoch, width=20)
        table.add_row(board.labels[key], f"{epoch}/{epochs}", bar, f"{loss:.3f}", measured)
    return Group(table, Text(f"{board.plan.edition.name}: {board.summary()}"))


def line(board: Board, event: Event) -> str | None:
    """Word an event for a log; None for one that is not worth a line."""
    if event.state == "epoch":
        return None
    words = {"elsewhere": "is held by another run or done already", "stopped": "stopped; will be resumed"}
    text = f"{board.labels[event.key]}: {words.get(event.state, event.state)}"
    return f"{text}: {event.text}" if event.text else f"{text}  ({board.summary()})"
