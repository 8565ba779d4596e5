"""A signal that comes before the handlers of a phase stand is heard when they do; one that comes after is harmless."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from study.executor import launch

ROOT = Path(__file__).resolve().parents[3]
PHASE = """
import signal, sys, time
print("imports", flush=True)
sys.stdin.readline()
from study.executor.stop_signal import StopSignal
print("seen", *sorted(StopSignal().seen))
"""


DONE = """
import os, signal, sys
from study.executor.stop_signal import StopSignal
class Last:
    def __del__(self, kill=os.kill, own=os.getpid(), number=signal.SIGUSR2):
        kill(own, number)
last, stop = Last(), StopSignal()
if sys.argv[1] == "over":
    stop.over()
"""


def phase(*before: str) -> subprocess.Popen[str]:
    words = [*before, sys.executable, "-c", PHASE]
    own = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(words, env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "imports\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_a_signal_that_comes_during_imports_is_heard_after_them(number: signal.Signals) -> None:
    process = phase(sys.executable, "-I", "-S", launch.__file__)
    process.send_signal(number)
    assert process.communicate("go on\n")[0] == f"seen {int(number)}\n"
    assert process.returncode == 0


@pytest.mark.parametrize(("word", "code"), [("over", 0), ("", -signal.SIGUSR2)])
def test_a_signal_that_comes_while_python_shuts_down_does_not_end_a_phase_that_is_over(word: str, code: int) -> None:
    own = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", DONE, word], env=own).returncode == code


def test_without_the_launcher_it_ends_the_phase() -> None:
    process = phase()
    process.send_signal(signal.SIGUSR2)
    assert process.wait() == -signal.SIGUSR2
