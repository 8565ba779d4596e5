"""How long an epoch of a phase takes: by earlier runs in the store, or by a few timed steps."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from statistics import fmean

import torch
from torch import nn

from models.build import ClipShape, Network, build, for_inference, streams_of, variant
from models.geometry import Skeleton
from results.attempt import Store
from results.files import StoreError, canonical, read_json
from results.plan import read_plans
from study import made_up
from study.compute import Compute
from study.distributed import ALONE
from study.examiner import SEALED_SPLITS, SHOWN_SPLITS
from study.fitting import PlanError, check_device
from study.flops import read_at_inference
from study.inference import latencies_ms, threads
from study.loader import Batch
from study.memory import begin_phase
from study.optim import Precision, autocast, products
from study.phase import Phase, PhaseSettings, ProbePhaseSettings, ProfileSettings, TrainingSettings
from study.preparation import Prepared
from study.settings import Resources
from study.trainer import Trainer

TIMED_STEPS = 3

Rates = Mapping[str, float]
"""Seconds of an epoch for each training clip, by what phases are alike (`alike`) or by kind."""


def seconds(phases: Iterable[Phase], rates: Rates, clips: Mapping[str, int]) -> float | None:
    """Add up how long `phases` take; None if the rate of one of them is unknown.

    Args:
        clips: data set's fingerprint -> how many training clips it has.
    """
    total = 0.0
    for phase in phases:
        rate = rates.get(alike(phase), rates.get(phase.kind))
        if rate is None:
            return None
        total += rate * _passes(phase, clips)
    return total


def _passes(phase: Phase, clips: Mapping[str, int]) -> float:
    """Count how many times a phase shows a training clip, over its epochs; as a single epoch if it only measures.

    A phase that reads no clips counts once.
    """
    if not phase.data:
        return 1.0
    return max(phase.epochs, 1) * phase.settings.data.train.share * clips[phase.data]


def training_clips(prepared: Prepared) -> dict[str, int]:
    """Count the training clips of every data set, by its fingerprint."""
    return {data: counted["train"] for data, counted in _counts(prepared).items()}


def recorded(prepared: Prepared) -> Rates:
    """Take the rates from the results in the store.

    Phases of this plan come first; a kind that none of them has comes from the other editions with the same profile.
    """
    plan, store = prepared.plan, prepared.store
    clips = training_clips(prepared)
    found: dict[str, list[float]] = {}
    for key, phase in plan.phases.items():
        if (seconds := _seconds(store, key)) is not None:
            rate = seconds / _passes(phase, clips)
            for name in (alike(phase), phase.kind):
                found.setdefault(name, []).append(rate)
    return _means(_elsewhere(store, plan.edition.name, plan.edition.profile)) | _means(found)


def timed(prepared: Prepared, phases: Iterable[Phase]) -> Rates:
    """Time a few steps of each kind of `phases` on random clips, with the threads that a worker has.

    Raises:
        PlanError: the device is not there.
    """
    counts = _counts(prepared)
    resources = prepared.plan.edition.settings.resources
    distinct = {alike(phase): phase for phase in phases}
    if distinct:
        _refuse_absent(resources)
    rates: dict[str, float] = {}
    for name, phase in distinct.items():
        if not phase.data:
            rates[name] = _timed_profile(phase.profiled, torch.device(resources.device))
            continue
        own = counts[phase.data]
        epoch_s = _timed_epoch(phase, len(prepared.plan.labels), own, resources)
        rates[name] = epoch_s / (own["train"] * phase.settings.data.train.share)
    return rates


def _refuse_absent(resources: Resources) -> None:
    try:
        check_device(resources)
    except PlanError as error:
        raise PlanError(
            f"{error} Steps are timed where they are to be run, since no earlier run tells how long they take: "
            "`study plan NAME` without --measure, and a study without budget.gpu_hours, time nothing."
        ) from error


def alike(phase: Phase) -> str:
    """Tell phases that take equally long a clip: the same settings, whatever their seed, data and parents."""
    return canonical({name: phase.content[name] for name in ("kind", "settings")})


def _elsewhere(store: Store, edition: str, profile: str) -> dict[str, list[float]]:
    """List the rates in other editions of `profile`, by kind; `study verify` names plans that are damaged."""
    found: dict[str, list[float]] = {}
    for name, plan in read_plans(store).whole.items():
        if plan["profile"] != profile or name == edition:
            continue
        for key, phase in plan["phases"].items():
            if (seconds := _seconds(store, key)) is not None:
                passes = max(phase["epochs"], 1) * max(phase["clips"], 1)
                found.setdefault(phase["kind"], []).append(seconds / passes)
    return found


def _seconds(store: Store, key: str) -> float | None:
    """Tell how long a phase took one device: as many times as there were processes."""
    try:
        done = store.done(key)
        if done is None:
            return None
        ran = read_json(store.attempt(key, done["attempt"]).provenance)
        return float(done["seconds"]) * int(ran["world_size"])
    except (StoreError, FileNotFoundError, KeyError):  # a damaged result says nothing; `study verify` names it
        return None


def _means(found: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: fmean(values) for name, values in found.items()}


def _counts(prepared: Prepared) -> dict[str, Counter[str]]:
    return {data: Counter(clip.split for clip in one.dataset().clips) for data, one in prepared.sources.items()}


def _timed_epoch(phase: Phase, classes: int, clips: Mapping[str, int], resources: Resources) -> float:
    """Time a batch, and add up what an epoch has of them; a probe evaluates every split once."""
    compute, settings = Compute.of(resources, ALONE), phase.settings
    begin_phase(compute.device)
    with threads(resources.threads), products(phase.precision):
        if not isinstance(settings, ProbePhaseSettings):
            return _timed_training_epoch(phase.training, classes, clips, compute)
        network, streams = _made_up(settings, classes, settings.batch, compute)
        batch_s = _timed_evaluation(network, streams, settings.precision, compute)
    return _evaluated(SHOWN_SPLITS + SEALED_SPLITS, clips, settings, settings.batch) * batch_s


def _timed_training_epoch(
    settings: TrainingSettings, classes: int, clips: Mapping[str, int], compute: Compute
) -> float:
    """Time a batch in training and one in evaluation, and add up what an epoch has of both, on average."""
    batch, epochs = settings.optim.batch, settings.epochs
    network, streams = _made_up(settings, classes, batch, compute)
    train_s = _timed_training(network, streams, settings, compute)
    evaluate_s = _timed_evaluation(network, streams, settings.optim.precision, compute)
    shown, sealed = (_evaluated(splits, clips, settings, batch) for splits in (SHOWN_SPLITS, SEALED_SPLITS))
    times = (epochs - 1) // settings.evaluate_every + 1  # the last epoch always is
    trained = round(clips["train"] * settings.data.train.share)
    return _batches(trained, batch) * train_s + (times * shown + sealed) / epochs * evaluate_s


def _timed_profile(settings: ProfileSettings, device: torch.device) -> float:
    """Time a few passes at inference, and add up as many as a measurement has."""
    own = settings.inference
    shape = ClipShape(settings.data.frames, settings.data.size, settings.skeleton)
    network = for_inference(build(settings.model, settings.classes, shape)).to(device)
    streams = made_up.batch(read_at_inference(settings.model), own.batch, shape, str(device))
    few = own.model_copy(update={"warmups": 1, "repeats": TIMED_STEPS})
    with threads(settings.threads):
        taken_ms = latencies_ms(network, streams, few, settings.precision, lambda: None)
    return (own.warmups + own.repeats) * own.batch * fmean(taken_ms) / 1000


def _evaluated(splits: Iterable[str], clips: Mapping[str, int], settings: PhaseSettings, batch: int) -> int:
    """Count the batches of an evaluation."""
    return sum(_batches(clips[split], batch) for split in splits) * settings.data.views


def _made_up(
    settings: PhaseSettings, classes: int, batch: int, compute: Compute
) -> tuple[Network, dict[str, torch.Tensor]]:
    """Build a phase's network, and a batch of what it sees."""
    shape = ClipShape(
        settings.data.frames, settings.data.size, Skeleton(20, 2, tuple((joint, joint + 1) for joint in range(19)))
    )
    network = build(settings.model, settings.data.labels.learned(classes), shape)
    compute.ready(network)
    return network, made_up.batch(streams_of(settings.model), batch, shape)


def _timed_training(
    network: Network, streams: dict[str, torch.Tensor], settings: TrainingSettings, compute: Compute
) -> float:
    optim = settings.optim.model_copy(update={"lr": 0.0})  # random labels must not make the loss infinite
    loss = variant(settings.model.loss).Loss(settings.model.loss)
    trainer = Trainer(network, loss, optim, 1, TIMED_STEPS + 1, 0, compute)
    network.eval()
    with torch.no_grad():
        labels_BC = torch.zeros_like(network(compute.moved(streams)).logits_BC)
    clips = [Batch(streams, labels_BC.cpu(), torch.arange(len(labels_BC)), len(labels_BC))]
    trainer.epoch(1, clips)
    began = time.perf_counter()
    trainer.epoch(1, clips * TIMED_STEPS)
    return (time.perf_counter() - began) / TIMED_STEPS


@torch.no_grad()
def _timed_evaluation(
    network: nn.Module, streams: Mapping[str, torch.Tensor], precision: Precision, compute: Compute
) -> float:
    network.eval()
    began = 0.0
    for step in range(TIMED_STEPS + 1):
        if step == 1:  # what the first one does once, such as to compile, is not counted
            began = time.perf_counter()
        with autocast(precision, compute.device):
            network(compute.moved(streams)).logits_BC.float().cpu()
    return (time.perf_counter() - began) / TIMED_STEPS


def _batches(clips: int, batch: int) -> int:
    return -(-clips // batch)
