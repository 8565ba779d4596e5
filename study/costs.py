"""What a plan costs before it is run: epochs with and without sharing, hours, disk."""

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import torch

from models.build import ClipShape, build, variant
from results.attempt import Store
from study import cache
from study.key import canonical
from study.loader import Batch
from study.phase import Phase
from study.planner import Plan
from study.preparation import Prepared, ways
from study.trainer import Trainer

TIMED_STEPS = 3


@dataclass(frozen=True)
class PlanReport:
    """A plan and what it costs.

    Attributes:
        states: kind -> state -> how many phases.
        left_hours: of one device, for what is not done; None if nothing is known (``--measure``).
        wall_hours: `left_hours` over the workers of this machine.
        cache_bytes: the decoded clips, kept for later runs; `free_bytes` is what the disk has left.
    """

    plan: Plan
    states: Mapping[str, Counter[str]]
    left_hours: float | None
    wall_hours: float | None
    basis: str
    cache_bytes: int
    free_bytes: int


def report_plan(prepared: Prepared, *, measure: bool) -> PlanReport:
    """Count and estimate what `prepared` costs.

    Args:
        measure: time a few training steps of every kind of phase instead of asking earlier runs.
    """
    plan, store = prepared.plan, prepared.store
    found = {key: state.name for key, state in plan.states(store).items()}
    states: dict[str, Counter[str]] = {}
    for key, phase in plan.phases.items():
        states.setdefault(phase.kind, Counter())[found[key]] += 1
    left = [phase for key, phase in plan.phases.items() if found[key] != "done"]
    rates = timed_rates(prepared, left) if measure else recorded_rates(plan, store)
    known = [rates.get(_alike(phase), rates.get(phase.kind)) for phase in left]
    seconds = [rate * phase.settings.epochs for rate, phase in zip(known, left, strict=True) if rate is not None]
    hours = sum(seconds) / 3600 if len(seconds) == len(left) else None
    workers = plan.edition.settings.resources.workers or len(os.sched_getaffinity(0))
    return PlanReport(
        plan,
        states,
        hours,
        None if hours is None else hours / workers,
        "measured now" if measure else "from earlier runs",
        cache_bytes(prepared),
        shutil.disk_usage(next(path for path in (store.root, *store.root.parents) if path.exists())).free,
    )


def cache_bytes(prepared: Prepared) -> int:
    """Tell how much disk the clips that are still to be decoded take.

    Raises:
        DataError: more than is free.
    """
    kept = ways(prepared.plan.edition).items()
    folder = prepared.store.cache
    size = sum(cache.missing_bytes(prepared.dataset, frames, folder, streams) for frames, streams in kept)
    cache.refuse_too_large(size, folder)
    return size


def recorded_rates(plan: Plan, store: Store) -> dict[str, float]:
    """Give the mean seconds of an epoch, by what phases are alike and by kind, from the results in the store.

    Phases of this plan come first; where none is done, those of other editions with the same profile serve.
    """
    seconds: dict[str, list[float]] = {}
    for key, phase in plan.phases.items():
        if done := store.done(key):
            for name in (_alike(phase), phase.kind):
                seconds.setdefault(name, []).append(done["seconds"] / phase.settings.epochs)
    if not seconds:
        for path in store.editions.glob("*/plan.json"):
            other = json.loads(path.read_text())
            if other["profile"] != plan.edition.profile:
                continue
            for key, phase in other["phases"].items():
                if done := store.done(key):
                    seconds.setdefault(phase["kind"], []).append(done["seconds"] / phase["epochs"])
    return {name: fmean(values) for name, values in seconds.items()}


def timed_rates(prepared: Prepared, phases: list[Phase]) -> dict[str, float]:
    """Time a few steps of each kind of phase among `phases` on random clips: seconds an epoch."""
    rates: dict[str, float] = {}
    clips = sum(clip.split == "train" for clip in prepared.dataset.clips)
    for phase in phases:
        if _alike(phase) not in rates:
            steps = -(-clips // phase.settings.optim.batch)
            device = torch.device(prepared.plan.edition.settings.resources.device)
            rates[_alike(phase)] = steps * seconds_a_step(phase, len(prepared.dataset.labels), device)
    return rates


def seconds_a_step(phase: Phase, classes: int, device: torch.device) -> float:
    """Time a training step of `phase` on random clips: the mean of a few, after one to warm up."""
    settings = phase.settings
    frames, size, batch = settings.data.frames, settings.data.size, settings.optim.batch
    network = build(settings.model, classes, ClipShape(frames, size)).to(device)
    loss = variant(settings.model.loss)
    trainer = Trainer(network, loss.loss, settings.optim, 1, TIMED_STEPS + 1, 0, device)
    streams = {"rgb": torch.rand(batch, 3, frames, size, size)}
    clips = Batch(streams, torch.zeros(batch, classes), torch.arange(batch))
    trainer.epoch(1, [clips])
    began = time.perf_counter()
    trainer.epoch(1, [clips] * TIMED_STEPS)
    return (time.perf_counter() - began) / TIMED_STEPS


def _alike(phase: Phase) -> str:
    """Tell phases that take equally long: the same settings, whatever their seed, data and parents."""
    return canonical({name: phase.content[name] for name in ("kind", "settings")})
