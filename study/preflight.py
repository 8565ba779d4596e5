"""What is checked before any clip is decoded: networks can be built, clips fit on the disk, the plan in its budget."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from models.build import (
    AnyModel,
    BaselineModel,
    ClipShape,
    Network,
    build,
    parameter_count,
    streams_of,
)
from models.errors import UserError
from models.geometry import Skeleton
from models.transm3e import Taught, TransM3E
from study import cache, made_up
from study.costs import cache_bytes, left, left_hours
from study.edition import Arm
from study.fitting import PlanError, buildable, clip_shape
from study.phase import phases_of
from study.planner import Plan
from study.preparation import Prepared
from study.settings import Resources


class Size(NamedTuple):
    """How large an arm's joint network is.

    Attributes:
        parameters: those that are trained.
        gflops: of one clip through the network at inference (multiply and add count as two).
    """

    arm: str
    parameters: int
    parameters_total: int
    gflops: float


def check(prepared: Prepared) -> None:
    """Refuse what would fail later.

    Raises:
        PlanError: an arm cannot be built, or the plan costs more than its spec allows.
        DataError: the decoded clips are larger than the free disk.
    """
    check_splits(prepared)
    due = {phase.key for phase in left(prepared)}
    arms = {trial.arm.name: trial.arm for trial in prepared.plan.trials if trial.final.key in due}
    skeletons = {name: prepared.ways[name].source.dataset().skeleton for name in arms}
    sizes(arms.values(), len(prepared.plan.labels), skeletons)
    cache.refuse_too_large(cache_bytes(prepared), prepared.store.cache)
    check_budget(prepared)


def check_splits(prepared: Prepared) -> None:
    """Refuse data that lacks clips which the claim is about, or to train on.

    Raises:
        PlanError: it does.
    """
    edition = prepared.plan.edition
    needed = ("train", *edition.claim.splits)
    for arm, way in prepared.ways.items():
        dataset = way.source.dataset()
        there = Counter(clip.split for clip in dataset.clips)
        missing = [split for split in needed if not there[split]]
        if missing:
            counts = ", ".join(f"{split} {count}" for split, count in there.items())
            raise PlanError(
                f"{edition.spec.source}: the claim is about split {edition.claim.split}, but {dataset.name} "
                f"(arm {arm}) has no clip in {' and '.join(missing)}. It has: {counts}. "
                f"Add such clips, or claim another split."
            )


def check_device(resources: Resources) -> None:
    """Refuse a device that this machine has not.

    Raises:
        PlanError: it does not answer.
    """
    try:
        torch.ones(1, device=resources.device).sum().item()
    except (RuntimeError, AssertionError) as error:  # torch raises the latter where it was built without CUDA
        reason = str(error).strip().splitlines()[0]
        raise PlanError(
            f"resources.device: {resources.device} does not answer: {reason}. "
            f"Run where it does, or train on the processor (--set resources.device=cpu)."
        ) from error


def sizes(arms: Iterable[Arm], classes: int, skeletons: Mapping[str, Skeleton | None]) -> list[Size]:
    """Build every phase of every arm on the meta device, where nothing is allocated, and measure the joint network.

    Args:
        classes: muscle groups of the data.
        skeletons: arm -> the skeleton that its data has.

    Raises:
        PlanError: an arm cannot be built.
    """
    return [_size(arm, classes, skeletons[arm.name]) for arm in arms]


def _size(arm: Arm, classes: int, skeleton: Skeleton | None) -> Size:
    learned = arm.settings.data.labels.learned(classes)
    shape = clip_shape(arm, skeleton)
    models = [phase.settings.model for phase in phases_of(arm.settings, 0, 0, "").values()]
    with buildable(arm, shape):
        with torch.device("meta"):
            networks = [build(model, learned, shape) for model in models]
        gflops = _gflops(networks[-1], models[-1], shape)
    _refuse_sender_tokens(arm, networks[-1])
    trained, in_all = parameter_count(networks[-1])
    return Size(arm.name, trained, in_all, gflops)


def _refuse_sender_tokens(arm: Arm, network: Network) -> None:
    """See that an arm that is probed with sender tokens has senders whose tokens fit.

    Raises:
        PlanError: it has not.
    """
    try:
        if arm.settings.probe.tokens == "sender" and isinstance(network, TransM3E):
            Taught(network)
    except UserError as error:
        raise PlanError(f"arm {arm.name}: probe.tokens: {error}") from error


def _gflops(network: Network, model: AnyModel, shape: ClipShape) -> float:
    """Count what one clip costs at inference, which reads RGB alone unless it is a baseline of another stream."""
    streams, device = ["rgb"], "meta"
    if isinstance(model, BaselineModel):
        if not model.baseline.trains:
            return 0.0
        streams = list(streams_of(model))
    if "skeleton" in streams:  # torch-geometric looks into the graph, which a meta tensor does not tell
        device, network = "cpu", build(model, 1, shape).requires_grad_(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(made_up.batch(streams, 1, shape, device))
    return float(counter.get_total_flops() / 1e9)


def check_budget(prepared: Prepared) -> None:
    """Refuse a plan that costs more than its spec allows; what is done already is not counted again.

    Raises:
        PlanError: it does.
    """
    plan, budget = prepared.plan, prepared.plan.edition.spec.budget
    if budget.epochs is not None:
        _compare(plan, "epochs", budget.epochs, sum(phase.epochs for phase in left(prepared)))
    if budget.gpu_hours is not None:
        _compare(plan, "gpu_hours", budget.gpu_hours, left_hours(prepared))


def _compare(plan: Plan, name: str, allowed: float, needed: float) -> None:
    if needed > allowed:
        raise PlanError(
            f"{plan.edition.spec.source}: budget.{name} is {allowed:g}, but the plan needs {needed:.4g} {name} "
            f"({len(plan.trials)} trials, shared phases counted once). "
            f"Raise the budget, or take fewer levels or seeds."
        )
