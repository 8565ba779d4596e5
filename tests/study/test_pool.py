"""The same work for many numbers, in this process and in others."""

import operator
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from study.pool import ProcessDied, each

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_progress_reaches_the_end(workers: int) -> None:
    reported: list[tuple[int, int]] = []

    results = each(partial(operator.mul, 3), 10, workers, lambda done, total: reported.append((done, total)))

    assert results == list(range(0, 30, 3))
    assert reported == sorted(reported)
    assert reported[0] == (0, 10)
    assert reported[-1] == (10, 10)


def test_nothing_to_do_is_done() -> None:
    assert each(partial(operator.mul, 3), 0, 2, lambda done, total: None) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_work_reaches_the_caller(workers: int) -> None:
    with pytest.raises(ZeroDivisionError):
        each(partial(operator.floordiv, 1), 10, workers, lambda done, total: None)


def test_a_process_that_dies_is_told_in_words() -> None:
    with pytest.raises(ProcessDied, match=r"died: killed, out of memory.*__main__.*run again"):
        each(os._exit, 10, 2, lambda done, total: None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_no_process_outlives_its_parent(number: signal.Signals) -> None:
    code = "import time; from study.pool import each; each(time.sleep, 100, 2, lambda *done: print(done, flush=True))"
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert parent.stdout is not None
    parent.stdout.readline()
    family = psutil.Process(parent.pid)
    while len(family.children(recursive=True)) < 2:
        time.sleep(0.05)
    time.sleep(0.5)
    children = family.children(recursive=True)

    # Ctrl-C goes to every process of the terminal, a kill to one.
    os.killpg(parent.pid, number) if number == signal.SIGINT else parent.kill()
    parent.wait(timeout=20)

    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
