"""What a network costs at inference: time and memory of a pass on made-up clips, measured with nothing else at work.

The weights are drawn at random: they change no cost.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from models.settings import Frozen
from study.optim import Precision, autocast

_PROCESSORS = Path("/proc/cpuinfo")

Streams = Mapping[str, Tensor]


class InferenceSettings(Frozen):
    """How the cost of a network at inference is measured."""

    batch: int = Field(1, ge=1)
    """Clips in a pass."""
    warmups: int = Field(10, ge=1)
    """Passes before the first one that counts: kernels are chosen and caches filled."""
    repeats: int = Field(50, ge=2)
    """Passes that are timed, one by one."""


@torch.inference_mode()
def latencies_ms(
    network: nn.Module,
    streams: Streams,
    settings: InferenceSettings,
    precision: Precision,
    stop: Callable[[], None],
) -> list[float]:
    """Time passes of `network`, warm: milliseconds a clip, one number a repeat.

    Args:
        stop: called before every pass.
    """
    device, taken_ms = _device(streams), []
    for number in range(settings.warmups + settings.repeats):
        stop()
        finish(device)
        began = time.perf_counter()
        with autocast(precision, device):
            network(streams)
        finish(device)
        if number >= settings.warmups:
            taken_ms.append(1000 * (time.perf_counter() - began) / settings.batch)
    return taken_ms


@torch.inference_mode()
def peak_bytes(network: nn.Module, streams: Streams, precision: Precision) -> int | None:
    """Give the most memory that torch holds for a pass at once: weights, clips and what the pass adds to them.

    It is what torch allocates, not what the process occupies: so it does not depend on what the process did before,
    and is the same in every repeat. Libraries that allocate past torch are not seen.

    Returns:
        None on a device that counts nothing (MPS).
    """
    device = _device(streams)
    held = sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers(), *streams.values()))
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        with autocast(precision, device):
            network(streams)
        finish(device)
        return held + torch.cuda.max_memory_allocated(device) - before
    if device.type != "cpu":
        return None
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled, autocast(precision, device):
        network(streams)
    allocated = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    most = now = 0
    for event in sorted(allocated, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return held + most


def device_name(device: torch.device) -> str:
    """Name a device as its maker does: ``cpu, AMD EPYC 7B13``."""
    if device.type == "cuda":
        return f"{device.type}, {torch.cuda.get_device_name(device)}"
    models = (line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name"))
    return ", ".join(filter(None, (device.type, next(models, ""))))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads meanwhile: more of them can make small steps much slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _cpu_lines() -> list[str]:
    try:
        return _PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return []


def _device(streams: Streams) -> torch.device:
    return next(iter(streams.values())).device


def finish(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
