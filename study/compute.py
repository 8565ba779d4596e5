"""How a network is computed: on which device, by how many processes, in how many pieces, in which layout.

None of it changes a number but by rounding, and by what is drawn for dropout; it is known to whoever reads a result.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from models.build import recompute_blocks
from study.distributed import ALONE, ProcessGroup
from study.settings import Resources


@dataclass(frozen=True)
class Compute:
    """Where and how networks are computed.

    Attributes:
        group: the processes that train together.
        accumulate: pieces in which each of them takes its part of a batch, one after another.
    """

    device: torch.device
    group: ProcessGroup = ALONE
    accumulate: int = 1
    recompute_blocks: bool = False
    channels_last: bool = False
    compile: bool = False

    @classmethod
    def of(cls, resources: Resources, group: ProcessGroup) -> "Compute":
        """Read it from the settings."""
        return cls(
            torch.device(resources.device),
            group,
            resources.accumulate,
            resources.recompute_blocks,
            resources.channels_last,
            resources.compile,
        )

    @property
    def name(self) -> str:
        """Say what tells it from others, but how many processes there are: ``"cuda, compiled"``."""
        ways = {"compiled": self.compile, "channels last": self.channels_last}
        ways[f"{self.accumulate} pieces a step"] = self.accumulate > 1
        device = str(self.device) if self.group.size == 1 else self.device.type
        return ", ".join([device, *(way for way, is_so in ways.items() if is_so)])

    def ready(self, network: nn.Module) -> None:
        """Bring `network` to the device, and make it compute as asked; its state keeps its names and values."""
        network.to(self.device)
        if self.channels_last:
            for module in network.modules():
                if isinstance(module, nn.Conv3d):
                    module.to(memory_format=torch.channels_last_3d)
        if self.recompute_blocks:
            recompute_blocks(network)
        if self.compile:
            network.compile(options={"fallback_random": True})  # else dropout would draw otherwise

    def random_state(self) -> Tensor:
        """Give the state of what dropout draws from, as bytes."""
        states = [torch.get_rng_state()]
        states += [torch.cuda.get_rng_state(self.device)] if self.device.type == "cuda" else []
        return torch.cat(states)

    def set_random_state(self, state: Tensor) -> None:
        """Draw from here on what was to be drawn when `random_state` gave `state`."""
        size = len(torch.get_rng_state())
        torch.set_rng_state(state[:size].clone())
        if self.device.type == "cuda" and len(state) > size:
            torch.cuda.set_rng_state(state[size:].clone(), self.device)

    def moved(self, streams: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Bring clips to the device; on a GPU while it computes."""
        return {name: self._moved(stream) for name, stream in streams.items()}

    def moved_labels(self, labels_BC: Tensor) -> Tensor:
        """Bring labels to the device."""
        return self._pinned(labels_BC).to(self.device, non_blocking=True)

    def unsynchronised(self, network: nn.Module, piece: int, pieces: int) -> AbstractContextManager[None]:
        """Keep gradients to this process until the last of `pieces`."""
        is_last = piece == pieces - 1
        return nullcontext() if is_last or not isinstance(network, DistributedDataParallel) else network.no_sync()

    def _moved(self, stream: Tensor) -> Tensor:
        if self.channels_last and stream.ndim == 5:
            stream = stream.contiguous(memory_format=torch.channels_last_3d)
        return self._pinned(stream).to(self.device, non_blocking=True)

    def _pinned(self, tensor: Tensor) -> Tensor:
        return tensor.pin_memory() if self.device.type == "cuda" else tensor
