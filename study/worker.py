"""A worker: a process that lives across phases, takes one after another, and reports what became of each.

The threads and the waiting policy of OpenMP are set by whoever starts it, before torch is imported.
"""

import os
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, TextIO

from models.build import streams_of
from results.attempt import Attempt, Store
from results.files import StoreError, UnwritableError, writing
from results.owner import Owner
from study.alone import beside_others, by_itself
from study.dataset import NO_CLIPS, Source
from study.distributed import ALONE, FirstFailed, ProcessGroup, named
from study.event import Event, Progress
from study.leg import Place, Pruned, Stop, Stopped, Superseded, agreed
from study.legs import leg_of
from study.optim import products
from study.phase import Phase
from study.pruning import Pruning, Referee
from study.pulse import pulse
from study.settings import Resources

HEARTBEAT_S = 10.0


class Hearer(Protocol):
    """Whoever is told how a phase goes: the process that gave the orders, or nobody."""

    def send(self, obj: Any, /) -> None:
        """Take in an event.

        Raises:
            OSError: nobody is there any more.
        """
        ...


@dataclass(frozen=True)
class Orders:
    """What a worker is told once, before its first phase.

    Attributes:
        sources: data set's fingerprint -> where to find it.
        code: commit and difference of the checkout when the run began.
        command: what the user typed.
        weights: digest -> where the file with that content lies.
        pruning: what may be given up, if anything may.
    """

    store: Path
    sources: Mapping[str, Source]
    resources: Resources
    code: Mapping[str, str | None]
    command: str
    weights: Mapping[str, Path] = field(default_factory=dict)
    pruning: Pruning | None = None


def work(connection: Connection, orders: Orders) -> None:
    """Run the phases whose hashed content comes through `connection`, until it closes, None comes, or SIGTERM."""
    stop = _StopFlag()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop.set)
    store = Store(orders.store)
    while True:
        try:
            content: dict[str, Any] | None = connection.recv()
        except (EOFError, ConnectionResetError):
            return
        if content is None:
            return
        event = run_phase(Phase.of(content), orders, store, connection, stop)
        with suppress(OSError):
            connection.send(event)
        if event.state == "stopped":
            return


class _StopFlag:
    """Raised by SIGTERM, or by the death of the process that gave the orders."""

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._set = False

    def set(self, number: int, frame: FrameType | None) -> None:
        self._set = True

    def __call__(self) -> None:
        if self._set or os.getppid() != self._parent:
            raise Stopped("interrupted")


def run_phase(
    phase: Phase, orders: Orders, store: Store, hearer: Hearer, stop: Stop, group: ProcessGroup = ALONE
) -> Event:
    """Claim `phase`, train it in its own folder, and say how it ended.

    Args:
        group: the processes that call this together; the first of them claims the phase for all.
    """
    try:
        if orders.pruning and group.first(store.pruned, orders.pruning.claim, [phase.key]):
            return Event(phase.key, "pruned")
        content, owner = phase.content | {"key": phase.key}, _owner(orders)
        attempt = group.first(store.claim, phase.key, content, owner)
        if attempt is None:
            return Event(phase.key, "elsewhere")
        with writing(attempt.log):
            return _train_logged(phase, orders, store, attempt, hearer, agreed(stop, group), group)
    except UnwritableError as refusal:
        return Event(phase.key, "refused", text=str(refusal))
    except StoreError as damage:
        return Event(phase.key, "failed", text=str(damage))


def _train_logged(
    phase: Phase, orders: Orders, store: Store, attempt: Attempt, hearer: Hearer, stop: Stop, group: ProcessGroup
) -> Event:
    pruning = orders.pruning if orders.pruning and phase.key in orders.pruning.trainings else None
    with _followed(attempt, group) as log:
        referee = Referee(pruning, store, phase.key) if pruning and group.is_first else None

        def report(progress: Progress) -> None:
            with writing(attempt.log):
                log.write(f"{progress}\n")
            try:
                hearer.send(Event(phase.key, "epoch", progress))
            except OSError:
                raise Stopped("the run that gave the orders is gone") from None
            if pruning and referee and (reason := referee.gives_up(progress)):
                attempt.prune(pruning.edition, pruning.claim, progress.epoch, reason)
                raise Pruned(reason)

        def wait(for_whom: str) -> None:
            log.write(f"{for_whom}\n")
            with suppress(OSError):
                hearer.send(Event(phase.key, "waiting", text=for_whom))

        try:
            company = by_itself if phase.is_alone else beside_others
            with company(stop, wait, group.anywhere), products(phase.precision):
                leg_of(phase)(phase, _place(phase, orders, group, pruning is not None), store, attempt, report, stop)
        except Stopped as reason:
            group.first(attempt.stop, str(reason))
            return Event(phase.key, "stopped")
        except Superseded as reason:
            log.write(f"{reason}\n")
            return Event(phase.key, "elsewhere")
        except Pruned as reason:
            log.write(f"{reason}\n")
            return Event(phase.key, "pruned", text=str(reason))
        except UnwritableError:
            raise
        except Exception as error:
            # Whatever goes wrong in a training is a result of the study: kept with its traceback, and the rest goes on.
            traceback.print_exc()
            return _failed(error, attempt, group)
    return Event(phase.key, "done")


def _owner(orders: Orders) -> Owner:
    resources = orders.resources
    return Owner.current(orders.command, int(resources.device.startswith("cuda")), resources.threads)


def _failed(error: Exception, attempt: Attempt, group: ProcessGroup) -> Event:
    """Keep an error in the process that has it; what another one is gone of, that one may have kept."""
    if isinstance(error, FirstFailed):
        return Event(attempt.key, "failed", text=str(error))
    if not group.has_lost_one(error):
        attempt.fail(error)
        return Event(attempt.key, "failed", text=named(error))
    reason = f"another of its {group.size} processes failed or was lost ({str(error).splitlines()[0]})"
    if group.is_first:
        attempt.stop(reason)
    return Event(attempt.key, "failed", text=reason)


def _place(phase: Phase, orders: Orders, group: ProcessGroup, is_judged: bool) -> Place:
    if not phase.data:
        return Place(NO_CLIPS, None, orders.resources, orders.code, orders.command)
    source, settings = orders.sources[phase.data], phase.settings
    cache = source.decode(settings.data, streams_of(settings.model))
    return Place(
        source.dataset(), cache, orders.resources, orders.code, orders.command, orders.weights, is_judged, group
    )


@contextmanager
def _followed(attempt: Attempt, group: ProcessGroup) -> Iterator[TextIO]:
    """Keep a log and a heartbeat of an attempt, in the first process; the others print to where they always do."""
    if not group.is_first:
        yield sys.stdout
        return
    with _log(attempt.log) as log, pulse(attempt.heartbeat, HEARTBEAT_S):
        yield log


@contextmanager
def _log(path: Path) -> Iterator[TextIO]:
    """Send what is printed to the file at `path`."""
    with path.open("a", buffering=1) as file, redirect_stdout(file), redirect_stderr(file):
        yield file
