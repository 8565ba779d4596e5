"""Who may be at work beside whom on one machine, with real processes."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from study import alone
from study.alone import beside_others, by_itself
from study.leg import Stopped

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from study import alone
alone.SHARED = Path(sys.argv[2])
how = alone.by_itself if sys.argv[1] == "alone" else alone.beside_others
with how(lambda: None, lambda text: print(text, flush=True)):
    print("at work", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep apart from what else runs on this machine, other tests above all."""
    monkeypatch.setattr(alone, "SHARED", tmp_path)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Give a function that starts a process which is at work, with others or alone, until it is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(how: str) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", HOLD, how, str(tmp_path)]
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def nothing() -> None:
    """Let it go on."""


def test_trainings_bear_company(holder: Callable[[str], subprocess.Popen[str]]) -> None:
    assert [line(holder("with others")) for _ in range(2)] == ["at work"] * 2
    with beside_others(nothing, pytest.fail):
        pass


@pytest.mark.parametrize(("first", "second"), [("with others", "alone"), ("alone", "with others"), ("alone", "alone")])
def test_who_runs_alone_waits_and_is_waited_for_until_the_other_is_killed(
    holder: Callable[[str], subprocess.Popen[str]], first: str, second: str
) -> None:
    one = holder(first)
    assert line(one) == "at work"
    other = holder(second)
    assert line(other).startswith("waits for ")
    one.kill()
    assert line(other) == "at work"


def test_a_wait_can_be_stopped_and_leaves_no_lock(holder: Callable[[str], subprocess.Popen[str]]) -> None:
    trains = holder("with others")
    assert line(trains) == "at work"
    said: list[str] = []

    def stop() -> None:
        raise Stopped("interrupted")

    with pytest.raises(Stopped), by_itself(stop, said.append):
        pytest.fail("it was not alone")
    assert len(said) == 1
    assert str(alone.lock_path()) in said[0]
    trains.kill()
    trains.wait()
    with by_itself(nothing, pytest.fail):
        pass


def test_the_lock_is_let_go_in_one_process_too() -> None:
    order: list[str] = []

    def measure() -> None:
        with by_itself(nothing, lambda text: order.append("waits")):
            order.append("alone")

    with beside_others(nothing, pytest.fail):
        thread = threading.Thread(target=measure)
        thread.start()
        while not order:
            time.sleep(0.01)
        order.append("trained")
    thread.join()
    assert order == ["waits", "trained", "alone"]
