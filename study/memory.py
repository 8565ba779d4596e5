"""Memory of a process that computes one phase after another: what the C library keeps, and the peak of a phase."""

import ctypes
import resource
import sys
from contextlib import suppress
from pathlib import Path

import torch

_REFERENCES = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_OPTIONS = {_TRIM_THRESHOLD: 2**30, _MMAP_THRESHOLD: 2**25}
"""Of glibc's mallopt(3), bytes: what is kept of what was freed, and the largest piece taken from it; 32 MiB is the most
that it allows."""


def begin_phase(device: torch.device) -> None:
    """Begin a phase: give back what the one before has freed, measure the peak anew, and keep what steps free.

    A step that finds what the last one freed asks the system for no fresh pages: a small one becomes a tenth faster,
    and one at full size 4 % (bf16: 15 %). Where the C library is another one than glibc, nothing is kept or given back.
    Elsewhere than on Linux and on CUDA the peak is that of the whole process.
    """
    for option, value in _OPTIONS.items():
        _call("mallopt", option, value)
    if device.type == "cuda":
        torch.cuda.init()  # or a device with a number is not known yet
        torch.cuda.reset_peak_memory_stats(device)
    else:
        _call("malloc_trim", 0)
        with suppress(OSError):  # without it the peak is that of the whole process: a cost is not worth a failure
            _REFERENCES.write_text("5")


def peak_bytes(device: torch.device) -> int:
    """Give the highest memory since `begin_phase`: allocated by torch on CUDA, elsewhere resident.

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
