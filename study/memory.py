"""Memory of a process that computes one phase after another: what the C library keeps, and the peak of a phase."""

import ctypes
import resource
import sys
from contextlib import suppress
from pathlib import Path

import torch

_REFERENCES = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_KEPT = {-1: 2**30, -3: 2**25}
"""Options of glibc's mallopt(3): free bytes that are not given back, and the largest that it allows for what is taken
from them."""


def keep_freed() -> None:
    """Keep what a step frees for the next one, which need not ask the system for fresh pages then.

    A small step becomes a tenth faster by it, and one at full size 4 % (bf16: 15 %); LOG.md has the numbers. Where the
    C library is another one than glibc, nothing is done.
    """
    for option, value in _KEPT.items():
        _call("mallopt", option, value)


def start_peak(device: torch.device) -> None:
    """Begin a new measurement; what the process held before no longer counts (on Linux and on CUDA)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        _call("malloc_trim", 0)
        with suppress(OSError):  # without it the peak is that of the whole process: a cost is not worth a failure
            _REFERENCES.write_text("5")


def peak_bytes(device: torch.device) -> int:
    """Give the highest memory since `start_peak`: allocated by torch on CUDA, elsewhere resident.

    On Linux without mapped files, such as the decoded clips, which the kernel takes back whenever it likes.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    with suppress(OSError, KeyError, ValueError):
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        highest, mapped = (int(lines[name].split()[0]) for name in ("VmHWM", "RssFile"))
        return (highest - mapped) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _call(name: str, *numbers: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*numbers)
