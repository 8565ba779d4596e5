"""What is checked before any training: every arm's networks can be built, and the plan is within its budget."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from models.build import ClipShape, build, parameter_count
from models.errors import UserError
from study.edition import Arm
from study.phase import phases_of
from study.planner import Plan


class PlanError(UserError):
    """A plan that cannot be trained; nothing was."""


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


def sizes(arms: Iterable[Arm], classes: int) -> list[Size]:
    """Build every phase of every arm on the meta device, where nothing is allocated, and measure the joint network.

    Raises:
        PlanError: an arm cannot be built.
    """
    return [_size(arm, classes) for arm in arms]


def _size(arm: Arm, classes: int) -> Size:
    data = arm.settings.data
    shape = ClipShape(data.frames, data.size)
    try:
        with torch.device("meta"):
            networks = [
                build(phase.settings.model, classes, shape) for phase in phases_of(arm.settings, 0, 0, "").values()
            ]
            joint = networks[-1].eval()
            clip_BCTHW = torch.empty(1, 3, data.frames, data.size, data.size)
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                joint({"rgb": clip_BCTHW})
    except (ValueError, RuntimeError) as error:
        raise PlanError(
            f"arm {arm.name}: its network cannot be built for {data.frames} frames of {data.size} px: {error} "
            f"Change model.*, data.frames or data.size; `study check` builds every arm."
        ) from error
    counted = parameter_count(joint)
    return Size(arm.name, counted.trainable, counted.total, counter.get_total_flops() / 1e9)


def check_budget(plan: Plan, left_hours: float | None) -> None:
    """Refuse a plan that costs more than its spec allows.

    Args:
        left_hours: of one device, for what is not done; None if nothing is known, and then it is not compared.

    Raises:
        PlanError: it does.
    """
    budget = plan.edition.spec.budget
    costs = (("epochs", budget.epochs, plan.epochs), ("gpu_hours", budget.gpu_hours, left_hours))
    for name, allowed, needed in costs:
        if allowed is not None and needed is not None and needed > allowed:
            raise PlanError(
                f"{plan.edition.spec.source}: budget.{name} is {allowed:g}, but the plan needs {needed:g} {name} "
                f"({len(plan.trials)} trials, shared phases counted once). "
                f"Raise the budget, or take fewer levels or seeds."
            )
