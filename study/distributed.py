"""Several processes that train one phase together.

Batches, their order and what is drawn for a clip are those of one process; each takes its part of every batch. The
first process claims, writes and publishes, and tells the others.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar, cast

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others before it counts them as lost."""
T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True)
class ProcessGroup:
    """One process among `size` that do the same things in the same order; by default it is alone.

    What is said of all processes must be called by all of them.

    Attributes:
        rank: its number, from 0.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Tell whether it is the one that claims, writes and publishes."""
        return self.rank == 0

    @property
    def words(self) -> tuple[str | int, ...]:
        """What tells its random draws from those of the others; nothing for the first one."""
        return () if self.is_first else ("rank", self.rank)

    def part(self, items: Sequence[T]) -> Sequence[T]:
        """Give its part of `items`: every item belongs to exactly one process, and the first has one if any has."""
        return items[self.rank :: self.size]

    def first(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Have the first process call `do`, and tell all of them what came of it: what it gives, or raises."""
        if self.size == 1:
            return do(*args, **kwargs)
        told: list[Any] = [None, None]
        if self.is_first:
            try:
                told[0] = do(*args, **kwargs)
            except Exception as error:  # whatever it is, the others must not wait for it
                told[1] = error
        torch.distributed.broadcast_object_list(told, src=0)
        result, raised = told
        if raised is not None:
            raise raised
        return cast("T", result)

    def gathered(self, own: T) -> list[T]:
        """Give what each process has, by rank."""
        if self.size == 1:
            return [own]
        all_of_them: list[T] = [own] * self.size
        torch.distributed.all_gather_object(all_of_them, own)
        return all_of_them

    def summed(self, own: Tensor) -> Tensor:
        """Add up what each process has."""
        if self.size == 1:
            return own
        total = own.detach().to("cpu", copy=True)
        torch.distributed.all_reduce(total)
        return total

    def anywhere(self, own: bool) -> bool:
        """Tell whether something is so in any process."""
        return own if self.size == 1 else bool(self.summed(torch.tensor(int(own))))

    def averaging(self, network: nn.Module) -> nn.Module:
        """Give `network` as all train it: a backward pass leaves every process the mean of their gradients.

        Every trained parameter must take part in every pass, and nothing else may change in it.
        """
        if self.size == 1 or not any(parameter.requires_grad for parameter in network.parameters()):
            return network
        return DistributedDataParallel(network, gradient_as_bucket_view=True)


ALONE = ProcessGroup()


@contextmanager
def joined(rank: int, size: int, meeting: str, device: str) -> Iterator[ProcessGroup]:
    """Be one of `size` processes until the end of the block.

    Args:
        meeting: where they meet: ``env://``, or ``file://`` and a path.
        device: the type of the device that they compute on. What is no tensor of it goes by the network in any case.

    Raises:
        torch.distributed.DistError: the others did not come.
    """
    torch.distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo", meeting, PATIENCE, size, rank
    )
    try:
        yield ProcessGroup(rank, size)
    finally:
        torch.distributed.destroy_process_group()


@contextmanager
def of_job(device: str) -> Iterator[tuple[ProcessGroup, str]]:
    """Join the other tasks of the SLURM job that this process is a task of; give the device that is its own, too."""
    from submitit import JobEnvironment
    from submitit.helpers import TorchDistributedEnvironment

    if JobEnvironment().num_tasks == 1:
        yield ALONE, device
        return
    task = TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
    own = own_device(device, task.local_rank, task.local_world_size, torch.cuda.device_count())
    if own != device:
        torch.cuda.set_device(own)
    with joined(task.rank, task.world_size, "env://", device) as group:
        yield group, own


def own_device(device: str, local_rank: int, local_size: int, visible: int) -> str:
    """Give the device of one task out of `local_size` on a node.

    Args:
        visible: GPUs that the task sees: those of all tasks of the node, or its own alone where SLURM hides the others.
    """
    if device != "cuda":
        return device
    return f"cuda:{local_rank if visible >= local_size else 0}"


def is_lost(error: Exception) -> bool:
    """Tell whether an error says no more than that another process is gone or silent: gloo has no type for it."""
    return isinstance(error, torch.distributed.DistError) or "/gloo/" in str(error)
