"""Checkpoints as safetensors: weights alone when a phase is done, weights and optimiser while it runs.

A file is replaced in one step, so that a kill leaves the old one or the new one and never a torn one.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from results.files import rename, temporary_beside, writing


class Part(NamedTuple):
    """How far one process had come in an epoch that was broken off.

    Attributes:
        batches: that were taken whole, by all processes.
        clips: in them.
        total: what the process adds to the sum of their losses.
        random: state of what the rest of the epoch draws from; None to begin a new one.
    """

    batches: int
    clips: int
    total: Tensor
    random: Tensor | None


class Resume(NamedTuple):
    """The state of a training after `epoch` epochs, and a part of the next one if it was broken off.

    Attributes:
        processes: the most that trained any of them together.
        parts: by process; empty if no epoch was broken off.
        seconds: that the part took.
    """

    epoch: int
    network: dict[str, Tensor]
    optimiser: dict[str, Tensor]
    processes: int = 1
    parts: tuple[Part, ...] = ()
    seconds: float = 0.0

    def part_of(self, rank: int, size: int) -> Part | None:
        """Give the part of one of `size` processes that go on; where others broke off, the first one takes their sum
        over, and what is drawn from here on is not what they would have drawn.
        """
        if not self.parts or len(self.parts) == size:
            return self.parts[rank] if self.parts else None
        total = torch.stack([part.total for part in self.parts]).sum()
        return self.parts[0]._replace(total=total if rank == 0 else torch.zeros_like(total), random=None)


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write a state dict to `path`."""
    _replace(path, dict(weights), {})


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read the state dict at `path`."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file is no mapping


def save_resume(path: Path, resume: Resume) -> None:
    """Write the state of a training to `path`."""
    tensors = {f"network.{name}": tensor for name, tensor in resume.network.items()}
    tensors |= {f"optimiser.{name}": tensor for name, tensor in resume.optimiser.items()}
    progress: dict[str, float] = {"epoch": resume.epoch, "processes": resume.processes}
    for rank, part in enumerate(resume.parts):
        tensors |= {f"part.{rank}.total": part.total}
        tensors |= {} if part.random is None else {f"part.{rank}.random": part.random}
        progress |= {"batches": part.batches, "clips": part.clips, "parts": rank + 1, "seconds": resume.seconds}
    _replace(path, tensors, {"progress": json.dumps(progress)})


def load_resume(path: Path) -> Resume:
    """Read the state of a training from `path`."""
    with safe_open(path, framework="pt") as file:  # opened once: another attempt may replace it at any time
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file is no mapping
        progress = json.loads(file.metadata()["progress"])
    parts = [
        Part(progress["batches"], progress["clips"], tensors[f"part.{rank}.total"], tensors.get(f"part.{rank}.random"))
        for rank in range(progress.get("parts", 0))
    ]
    return Resume(
        progress["epoch"],
        _under("network.", tensors),
        _under("optimiser.", tensors),
        progress.get("processes", 1),
        tuple(parts),
        progress.get("seconds", 0.0),
    )


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _replace(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    partial = temporary_beside(path)
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata or None)
    with writing(path):
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            rename(partial, path)
        except OSError:
            with suppress(OSError):
                partial.unlink()
            raise
