"""Peak memory of one phase in a process that lives across many."""

import resource
import sys
from contextlib import suppress
from pathlib import Path

import torch

_REFERENCES = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


def start_peak(device: torch.device) -> None:
    """Begin a new measurement; what the process held before no longer counts (on Linux and on CUDA)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
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
