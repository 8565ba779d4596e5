"""Starts a program with the signals that stop a phase held back: one that comes while it still imports is heard later.

Run as ``python -I -S launch.py PROGRAM WORDS..``. What is held back stays so across `exec`, until the handlers of the
program stand and `study.executor.stop_signal.StopSignal` lets it through; without a handler Python dies of SIGUSR2.
"""

import os
import signal
import sys

HELD_BACK = (signal.SIGUSR2, signal.SIGTERM)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    os.execv(sys.argv[1], sys.argv[1:])
