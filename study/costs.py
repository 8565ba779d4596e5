"""What a plan costs before it is run: epochs with and without sharing, hours, disk."""

import shutil
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import torch

from models.build import ClipShape, build, variant
from results.files import read_json
from study import cache
from study.key import canonical
from study.loader import Batch
from study.phase import Phase
from study.planner import Plan
from study.preparation import Prepared
from study.settings import workers_of
from study.trainer import Trainer

TIMED_STEPS = 3
Rates = Mapping[str, float]
"""Seconds of an epoch, by what phases are alike or by kind."""


@dataclass(frozen=True)
class PlanReport:
    """A plan and what it costs.

    Attributes:
        states: kind -> state -> how many phases.
        left_hours: of one device, for what is not done; None if nothing is known.
        wall_hours: `left_hours` over the workers of this machine.
        cache_bytes: decoded clips that are still to be written; `free_bytes` is what the disk has left.
    """

    plan: Plan
    states: Mapping[str, Counter[str]]
    left_hours: float | None
    wall_hours: float | None
    cache_bytes: int
    free_bytes: int


def report_plan(prepared: Prepared, rates: Rates) -> PlanReport:
    """Count and estimate what `prepared` costs at these `rates`."""
    plan, store = prepared.plan, prepared.store
    states: dict[str, Counter[str]] = {}
    for key, state in plan.states(store).items():
        states.setdefault(plan.phases[key].kind, Counter())[state.name] += 1
    hours = _hours(left(prepared), rates)
    workers = workers_of(plan.edition.settings.resources)
    there = next(path for path in (store.root, *store.root.parents) if path.exists())
    return PlanReport(
        plan,
        states,
        hours,
        None if hours is None else hours / workers,
        cache_bytes(prepared),
        shutil.disk_usage(there).free,
    )


def left_hours(prepared: Prepared) -> float:
    """Estimate the hours of one device for what is not done: from earlier runs, else from a few timed steps."""
    phases = left(prepared)
    known = _hours(phases, recorded_rates(prepared))
    if known is not None:
        return known
    rates = timed_rates(prepared)
    return sum(rates[_alike(phase)] * phase.settings.epochs for phase in phases) / 3600


def left(prepared: Prepared) -> list[Phase]:
    """List the phases that are not done."""
    plan = prepared.plan
    return [plan.phases[key] for key, state in plan.states(prepared.store).items() if state.name != "done"]


def cache_bytes(prepared: Prepared) -> int:
    """Tell how much disk the clips that are still to be decoded take."""
    folder = prepared.store.cache
    return sum(
        cache.missing_bytes(way.source.dataset(), way.frames, folder, way.streams) for way in prepared.distinct_ways()
    )


def recorded_rates(prepared: Prepared) -> Rates:
    """Take the rates from the results in the store.

    Phases of this plan come first; where none is done, those of other editions with the same profile serve.
    """
    plan, store = prepared.plan, prepared.store
    seconds: dict[str, list[float]] = {}
    for key, phase in plan.phases.items():
        if done := store.done(key):
            for name in (_alike(phase), phase.kind):
                seconds.setdefault(name, []).append(done["seconds"] / phase.settings.epochs)
    if not seconds:
        for other in map(read_json, store.editions.glob("*/plan.json")):
            if other["profile"] != plan.edition.profile:
                continue
            for key, phase in other["phases"].items():
                if done := store.done(key):
                    seconds.setdefault(phase["kind"], []).append(done["seconds"] / phase["epochs"])
    return {name: fmean(values) for name, values in seconds.items()}


def timed_rates(prepared: Prepared) -> Rates:
    """Time a few steps of each kind of phase that is left, on random clips."""
    plan = prepared.plan
    sources = prepared.sources
    device = torch.device(plan.edition.settings.resources.device)
    rates: dict[str, float] = {}
    for phase in left(prepared):
        if _alike(phase) not in rates:
            clips = sum(clip.split == "train" for clip in sources[phase.data].dataset().clips)
            steps = -(-clips // phase.settings.optim.batch)
            rates[_alike(phase)] = steps * seconds_a_step(phase, len(plan.labels), device)
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


def _hours(phases: list[Phase], rates: Rates) -> float | None:
    """Add the epochs of `phases` up; None if the rate of one of them is unknown."""
    known = [rates.get(_alike(phase), rates.get(phase.kind)) for phase in phases]
    seconds = [rate * phase.settings.epochs for rate, phase in zip(known, phases, strict=True) if rate is not None]
    return sum(seconds) / 3600 if len(seconds) == len(phases) else None


def _alike(phase: Phase) -> str:
    """Tell phases that take equally long: the same settings, whatever their seed, data and parents."""
    return canonical({name: phase.content[name] for name in ("kind", "settings")})
