"""Several processes that train one phase together.

Batches, their order and what is drawn for a clip are those of one process; each takes its part of every batch. The
first process claims, writes and publishes, and tells the others.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import torch
import torch.distributed
from torch import Tensor, nn
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # it is public, but not in __all__
from torch.nn.parallel import DistributedDataParallel

from models.errors import UserError
from results.files import StoreError, read_json, replace_json

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others before it counts them as lost."""
ANNOUNCED_S = 0.2
"""Pause between two looks for what the first process announces."""
_GLOO_TRANSPORT = re.compile(r"\[\S*/gloo/transport/\S+:\d+\] ")
"""How what gloo says of its connections begins: it has no type for it, and names the line of its code."""
T = TypeVar("T")
P = ParamSpec("P")


class Ending(Exception):
    """Ends the work of all processes alike, and is an error of none of them."""


class FirstFailed(RuntimeError):
    """The first process failed at what it did for all: it alone has the error, and tells of it."""


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
        """Have the first process call `do`, and tell all of them what came of it.

        Raises:
            Ending, StoreError: `do` raised it, in all of them.
            FirstFailed: in the others, where `do` raised anything else: it may not be fit to be sent.
        """
        if self.size == 1:
            return do(*args, **kwargs)
        told: list[Any] = [None, None]
        own: Exception | None = None
        if self.is_first:
            try:
                told[0] = do(*args, **kwargs)
            except Exception as error:  # whatever it is, the others must not wait for it
                own = error
                told[1] = error if isinstance(error, Ending | StoreError) else FirstFailed(named(error))
        torch.distributed.broadcast_object_list(told, src=0)
        result, raised = told
        if raised is not None:
            raise own or raised
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

    def has_lost_one(self, error: Exception) -> bool:
        """Tell whether `error` says no more than that another process is gone or silent."""
        if self.size == 1:
            return False
        if isinstance(error, torch.distributed.DistBackendError):  # NCCL's for all that goes wrong
            return "ncclRemoteError" in str(error)
        if isinstance(error, torch.distributed.DistNetworkError | torch.distributed.DistStoreError):
            return True
        return type(error) is RuntimeError and _GLOO_TRANSPORT.match(str(error)) is not None

    def averaging(self, network: nn.Module) -> nn.Module:
        """Give `network` as all train it: a backward pass leaves every process the mean of their gradients.

        Every trained parameter must take part in every pass, and nothing else may change in it.
        """
        if self.size == 1 or not any(parameter.requires_grad for parameter in network.parameters()):
            return network
        # Buffers are built alike and never change (tables of indices): by default each step would send them.
        return DistributedDataParallel(network, broadcast_buffers=False, gradient_as_bucket_view=True)


ALONE = ProcessGroup()


class NotMet(UserError):
    """The processes of a phase did not find each other: none of them has begun."""

    exit_code = 1


@contextmanager
def joined(
    rank: int, size: int, host: str, meeting: Path, device: str, patience: timedelta = PATIENCE
) -> Iterator[ProcessGroup]:
    """Be one of `size` processes until the end of the block.

    Args:
        host: name or address of the first one's machine.
        meeting: the file by which the first one tells the others on which port it can be met; nobody else knows it.
        device: the type of the device that they compute on. What is no tensor of it goes by the network in any case.

    Raises:
        NotMet: one of them did not come.
    """
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    try:
        if rank == 0:
            store = TCPStore(host, 0, size, is_master=True, timeout=patience, wait_for_workers=False)
            replace_json(meeting, store.port)
        else:
            store = TCPStore(host, _announced(meeting, patience), size, timeout=patience, wait_for_workers=False)
        torch.distributed.init_process_group(backend, store=store, timeout=patience, world_size=size, rank=rank)
    except (RuntimeError, TimeoutError) as error:  # gloo has no type of its own
        raise NotMet(
            f"process {rank} of the {size} of this phase: they did not find each other at {host}: "
            f"{named(error).splitlines()[0]}. Run the study again; if it happens again, name the network in the "
            "cluster's setup (GLOO_SOCKET_IFNAME, NCCL_SOCKET_IFNAME)."
        ) from error
    try:
        yield ProcessGroup(rank, size)
    finally:
        torch.distributed.destroy_process_group()


def _announced(meeting: Path, patience: timedelta) -> int:
    """Wait for the port that the first process announces."""
    until = time.monotonic() + patience.total_seconds()
    while not meeting.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"{meeting}: the first one did not announce itself within {patience}")
        time.sleep(ANNOUNCED_S)
    return int(read_json(meeting))


@contextmanager
def of_job(device: str) -> Iterator[tuple[ProcessGroup, str]]:
    """Join the other tasks of the SLURM job that this process is a task of; give the device that is its own, too.

    Raises:
        NotMet: one of them did not come.
    """
    from submitit import JobEnvironment

    task = JobEnvironment()
    if task.num_tasks == 1:
        yield ALONE, device
        return
    own = own_device(device, task.local_rank, task.num_tasks // task.num_nodes, torch.cuda.device_count())
    if own != device:
        torch.cuda.set_device(own)
    start = f"{task.job_id}_{os.environ.get('SLURM_RESTART_COUNT', '0')}"
    meeting = task.paths.folder / f"{start}_meeting.json"
    with joined(task.global_rank, task.num_tasks, task.hostnames[0], meeting, device) as group:
        yield group, own


def own_device(device: str, local_rank: int, local_size: int, visible: int) -> str:
    """Give the device of one task out of `local_size` on a node.

    Args:
        visible: GPUs that the task sees: those of all tasks of the node, or its own alone where SLURM hides the others.
    """
    if device != "cuda":
        return device
    return f"cuda:{local_rank if visible >= local_size else 0}"


def named(error: Exception) -> str:
    """Say in one line what `error` is."""
    return f"{type(error).__name__}: {error}"
