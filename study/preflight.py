"""What is checked before any clip is decoded: networks can be built, clips fit on the disk, the plan in its budget."""

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

import torch

from models.build import Network, build, for_inference, parameter_count
from models.errors import UserError
from models.geometry import Skeleton
from models.transm3e import Taught, TransM3E
from study import cache
from study.costs import at_most, cache_bytes, left, left_hours
from study.edition import Arm
from study.executor.cluster import Cluster
from study.fitting import PlanError, buildable, clip_shape
from study.flops import gflops
from study.planner import Plan, Trial
from study.preparation import Prepared
from study.tuning import chosen_so_far


class Size(NamedTuple):
    """How large the network of an arm's last phase is.

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
    refuse_mixed_pieces(prepared)
    possible = chosen_so_far(prepared)
    due = {phase.key for phase in left(possible)}
    sizes(possible, {trial.arm.name for trial in possible.plan.trained if trial.final.key in due})
    cache.refuse_too_large(cache_bytes(prepared), prepared.store.cache)
    check_budget(at_most(prepared))


def check_cluster(prepared: Prepared, cluster: Cluster) -> None:
    """Refuse what would fail on a cluster, or leave processes of it idle.

    Raises:
        PlanError: phases do not get the device or the processors that they are told to use, or a batch has fewer clips
            than processes.
    """
    resources = prepared.plan.edition.settings.resources
    device = resources.device
    kind = device.partition(":")[0]
    if kind == "mps" or ":" in device or (kind == "cuda" and not cluster.gpus_per_task):
        raise PlanError(
            f"resources.device: {device} with gpus_per_task {cluster.gpus_per_task}: SLURM gives phases processors "
            f"(cpu), or GPUs of their own (cuda, with gpus_per_task: 1, and sbatch: {{gres: 'gpu:TYPE:1'}} or "
            f"{{constraint: TYPE}} beside it where it matters which). Change one of the two."
        )
    if resources.threads > cluster.cpus_per_task:
        raise PlanError(
            f"resources.threads: {resources.threads} threads on cpus_per_task {cluster.cpus_per_task} of the cluster "
            f"would wait for each other. Raise cpus_per_task, or lower resources.threads."
        )
    batches = [phase.training.optim.batch for phase in left(prepared) if phase.is_divisible]
    if batches and min(batches) < cluster.processes:
        raise PlanError(
            f"optim.batch: {min(batches)} clips for {cluster.processes} processes (nodes {cluster.nodes} x "
            f"tasks_per_node {cluster.tasks_per_node} of the cluster): some would have nothing to do. "
            f"Ask for fewer processes, or raise the batch, which is another training."
        )


def check_splits(prepared: Prepared) -> None:
    """Refuse data that lacks clips which the claim is about, or to train on.

    Raises:
        PlanError: it does.
    """
    edition = prepared.plan.edition
    if edition.claim.is_about_cost:
        return
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


def refuse_mixed_pieces(prepared: Prepared) -> None:
    """Refuse to take batches in pieces where a network looks at a whole batch: it would come to other numbers.

    Raises:
        PlanError: an arm has such a network.
    """
    pieces = prepared.plan.edition.settings.resources.accumulate
    if pieces == 1:
        return
    for trial in prepared.plan.trials:
        if any(phase.epochs and not phase.is_divisible for phase in trial.phases.values()):
            raise PlanError(
                f"resources.accumulate: {pieces}, but the network of arm {trial.arm.name} normalises over its batch: "
                f"in pieces it would come to other numbers. Set it to 1, lower optim.batch, or leave the arm out."
            )


def sizes(prepared: Prepared, arms: Collection[str]) -> list[Size]:
    """Build every phase of every arm on the meta device, where nothing is allocated, and measure the last network.

    An arm that is tuned has one network for each that it may choose.

    Args:
        arms: names of those to build.

    Raises:
        PlanError: an arm cannot be built.
    """
    networks = {
        (trial.arm.name, trial.arm.settings.model.model_dump_json()): trial
        for trial in reversed(prepared.plan.trained)
        if trial.arm.name in arms
    }
    skeletons = {name: prepared.ways[name].source.dataset().skeleton for name, _ in networks}
    classes, counts = len(prepared.plan.labels), Counter(name for name, _ in networks)
    measured = [(trial, _size(trial, classes, skeletons[name])) for (name, _), trial in reversed(networks.items())]
    return [
        size._replace(arm=f"{size.arm}, {trial.arm.tried}") if counts[size.arm] > 1 else size
        for trial, size in measured
    ]


def _size(trial: Trial, classes: int, skeleton: Skeleton | None) -> Size:
    arm = trial.arm
    learned = arm.settings.data.labels.learned(classes)
    shape = clip_shape(arm, skeleton)
    with buildable(arm, shape):
        with torch.device("meta"):
            networks = [build(phase.settings.model, learned, shape) for phase in trial.phases.values()]
        if trial.final.kind == "profile":
            for_inference(networks[-1])
        counted = gflops(networks[-1], trial.final.settings.model, shape)
    if trial.final.kind == "probe":
        _refuse_sender_tokens(arm, networks[-1])
    trained, in_all = parameter_count(networks[-1])
    return Size(arm.name, trained, in_all, counted)


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
