"""What all legs of a trial have in common: where they run, how they are followed, stopped and published.

`Place` says where a phase runs, which changes no number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from experiments.clip import DataSet
from models.build import parameter_count
from results.attempt import Attempt
from results.files import put_json
from study import provenance
from study.cache import Cache
from study.compute import Compute
from study.distributed import ALONE, Ending, ProcessGroup
from study.event import Progress
from study.memory import peak_bytes
from study.settings import Resources


class Superseded(Ending):
    """Another worker has taken this phase over; this one stops and publishes nothing."""


class Stopped(Ending):
    """The run was asked to stop; the phase can be resumed."""


class Pruned(Ending):
    """The study has given the phase up; another study may resume it."""


@dataclass(frozen=True)
class Place:
    """Where a phase runs: nothing here can change its numbers (bit for bit: on equal devices, threads and processes).

    Attributes:
        dataset: the clips whose fingerprint the phase's key holds.
        cache: their decoded frames, or None to decode while training.
        code: commit and difference of the checkout when the run began.
        command: what the user typed.
        weights: digest -> where the file with that content lies, for phases that start from one.
        is_judged: what a pruner is told is measured after every epoch, and kept apart from the phase's records, which
            do not depend on who trained it.
        group: the processes that run the phase together; all but the first follow it, and write nothing but an
            error of their own.
    """

    dataset: DataSet
    cache: Cache | None
    resources: Resources
    code: Mapping[str, str | None]
    command: str
    weights: Mapping[str, Path] = field(default_factory=dict)
    is_judged: bool = False
    group: ProcessGroup = ALONE


Report = Callable[[Progress], None]
"""Called after every epoch; raises `Pruned` to give the phase up."""
Stop = Callable[[], None]
"""Called before every step and every batch that is measured; raises `Stopped` to end the attempt."""


def unheard(progress: Progress) -> None:
    """Follow nothing."""


def unstopped() -> None:
    """Let it go on."""


def agreed(stop: Stop, group: ProcessGroup) -> Stop:
    """Give what stops all processes of `group` at the same step, whichever of them is told to."""

    def stop_together() -> None:
        reason = None
        try:
            stop()
        except Stopped as told:
            reason = told
        if group.anywhere(reason is not None):
            raise reason or Stopped("another process of this phase was told to stop")

    return stop if group.size == 1 else stop_together


def refuse_superseded(attempt: Attempt) -> None:
    """Stop an attempt that another one has taken over.

    Raises:
        Superseded: one has.
    """
    if attempt.superseded():
        raise Superseded(f"{attempt.key}: attempt {attempt.number} was taken over by a later one.")


def publish(
    attempt: Attempt,
    place: Place,
    network: nn.Module,
    seconds: float,
    files: Sequence[str],
    *,
    device_name: str = "",
    processes: int = 1,
) -> bool:
    """Say where a result comes from and what it cost, and publish it; False if another attempt was first.

    Args:
        files: what it holds beside what every result holds.
        device_name: what tells the device from others of its type, where that changes the numbers.
        processes: the most that had a part in it together.
    """
    device = torch.device(place.resources.device)
    trained, in_all = parameter_count(network)
    cost = {"seconds": seconds, "peak_memory_bytes": peak_bytes(device)}
    cost |= {"parameters": trained, "parameters_total": in_all}
    where = device_name or Compute.of(place.resources, place.group).name
    ran = provenance.describe(place.code, place.command, where, torch.get_num_threads(), processes, cost)
    put_json(attempt.provenance, ran)  # publishing syncs the folder
    return attempt.publish(seconds, files)
