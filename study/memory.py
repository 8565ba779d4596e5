"""Peak memory of one phase in a process that lives across many."""

import resource
from pathlib import Path

import torch

_REFERENCES = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


def start_peak(device: torch.device) -> None:
    """Begin a new measurement; what the process held before no longer counts (on Linux and on CUDA)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _REFERENCES.exists():
        _REFERENCES.write_text("5")


def peak_bytes(device: torch.device) -> int:
    """Give the highest memory since `start_peak`: allocated by torch on CUDA, resident elsewhere."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
