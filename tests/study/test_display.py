"""What a run shows: counts, time left, and lines where there is no terminal."""

from io import StringIO

import pytest
from rich.console import Console

from results.attempt import Store
from study.display import Board, Lines, draw
from study.event import Event, Progress
from tests import made_store as made


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def plan(tmp_path_factory: pytest.TempPathFactory) -> made.Content:
    """Two arms and one seed: an rgb phase for both, a joint phase for each; ten epochs a phase."""
    store = Store(tmp_path_factory.mktemp("store"))
    made.write_plan(store, levels=(1, 20), seeds=(0,), epochs=10)
    return made.read_plan(store)


def keys(plan: made.Content, kind: str) -> list[str]:
    return [key for key, phase in plan["phases"].items() if phase["kind"] == kind]


def epoch(key: str, number: int, seconds: float = 1.0) -> Event:
    return Event(key, "epoch", Progress(number, 10, 0.5, 42.0, seconds))


def test_a_phase_runs_from_its_start(plan: made.Content) -> None:
    board = Board(plan, ())
    (rgb,) = keys(plan, "rgb")
    board.note(Event(rgb, "start"))
    assert board.counts() == {"running": 1, "due": 2}
    console = Console(file=StringIO(), width=100)
    console.print(draw(board))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "0/10" in text
    assert "nan" not in text
    board.note(Event(rgb, "done"))
    assert board.counts() == {"done": 1, "due": 2}
    assert board.latest == {}


def test_what_waits_for_a_failed_phase_is_blocked(plan: made.Content) -> None:
    board = Board(plan, ())
    board.note(Event(keys(plan, "rgb")[0], "failed", text="no"))
    assert board.counts() == {"failed": 1, "blocked": 2}


def test_time_left_knows_the_epochs_of_each_kind(plan: made.Content) -> None:
    (rgb,), (joint, other) = keys(plan, "rgb"), keys(plan, "joint")
    board = Board(plan, (), workers=2)
    assert board.left_s() is None
    board.note(Event(rgb, "start"))
    board.note(epoch(rgb, 1, seconds=2))
    # 9 epochs of rgb and 20 of joint, which nothing is known of yet, at 2 s, by two workers.
    assert board.left_s() == pytest.approx((9 + 20) * 2 / 2)
    board.note(Event(rgb, "done"))
    board.note(Event(joint, "start"))
    board.note(epoch(joint, 1, seconds=6))
    assert board.left_s() == pytest.approx((9 + 10) * 6 / 2)
    board.note(Event(other, "done"))
    assert board.left_s() == pytest.approx(9 * 6)


def test_off_a_terminal_an_epoch_is_told_only_after_a_while(plan: made.Content) -> None:
    clock = Clock()
    (rgb,) = keys(plan, "rgb")
    board = Board(plan, ())
    lines = Lines(board, every_s=30, clock=clock)

    def told(event: Event) -> str | None:
        board.note(event)
        return lines.line(event)

    assert told(Event(rgb, "start")) is None
    clock.now += 20
    assert told(epoch(rgb, 1)) is None
    clock.now += 20
    text = told(epoch(rgb, 2))
    assert text is not None
    assert text.startswith("rgb of 2 arms (count=1 ...) seed 0: epoch 2/10: loss 0.5, map 42.0  (1 running, 2 due;")
    assert told(epoch(rgb, 3)) is None
    assert told(Event(rgb, "failed", text="diverged")) == "rgb of 2 arms (count=1 ...) seed 0: failed: diverged"


def test_ends_are_worded(plan: made.Content) -> None:
    (rgb,) = keys(plan, "rgb")
    lines = Lines(Board(plan, ()))
    assert "is held by another run or done already" in (lines.line(Event(rgb, "elsewhere")) or "")
    assert "stopped; will be resumed" in (lines.line(Event(rgb, "stopped")) or "")


def test_a_phase_without_epochs_counts_as_one_and_is_said_to_measure(plan: made.Content) -> None:
    measured, other = keys(plan, "joint")
    for key in (measured, other):
        plan["phases"][key] |= {"kind": "profile", "epochs": 0}
    clock = Clock()
    board = Board(plan, set(keys(plan, "rgb")), workers=2, clock=clock)
    lines = Lines(board)
    board.note(Event(measured, "start"))
    console = Console(file=StringIO(), width=100)
    console.print(draw(board))
    assert "measures" in console.file.getvalue()  # type: ignore[attr-defined]
    waits = Event(measured, "waiting", text="waits for phases of other runs")
    clock.now += 50
    board.note(waits)
    assert (lines.line(waits) or "").endswith(": waits for phases of other runs")
    clock.now += 4
    board.note(Event(measured, "done"))
    assert board.left_s() == pytest.approx(4), "however many workers there are"
