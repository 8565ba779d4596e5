"""Whether networks can be built, start from the files they name, and be computed on this machine.

The first two are seen on the meta device, without memory.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch

from models.build import AnyModel, ClipShape, build
from models.errors import UserError
from models.geometry import Skeleton
from models.start import start_from, start_of
from models.weights import WeightsError, read_shapes
from study.edition import Arm
from study.phase import phases_of
from study.settings import Resources


class PlanError(UserError):
    """A plan that cannot be trained; nothing was."""


def clip_shape(arm: Arm, skeleton: Skeleton | None) -> ClipShape:
    """Give the clips that the networks of `arm` are built for."""
    return ClipShape(arm.settings.data.frames, arm.settings.data.size, skeleton)


@contextmanager
def buildable(arm: Arm, shape: ClipShape) -> Iterator[None]:
    """Word what goes wrong where networks of `arm` are built; what is wrong with their weights passes.

    Raises:
        PlanError: one cannot be built for clips of `shape`.
    """
    try:
        yield
    except WeightsError:
        raise
    except (ValueError, RuntimeError) as error:  # torch raises the latter where a layer has nothing left to look at
        raise PlanError(
            f"arm {arm.name}: its network cannot be built for clips of {shape.frames} frames of {shape.size} px: "
            f"{error} Raise data.frames or data.size, or leave the arm out."
        ) from error


def refuse_unfit_weights(arm: Arm, classes: int, skeleton: Skeleton | None) -> None:
    """See that every phase of `arm` can start from the file it names.

    Raises:
        PlanError: one cannot; or a network that starts from a file cannot be built.
    """
    shape, learned = clip_shape(arm, skeleton), arm.settings.data.labels.learned(classes)
    for phase in phases_of(arm.settings, 0, 0, "").values():
        model = phase.settings.model
        if start := start_of(model):
            try:
                with buildable(arm, shape):
                    _start(model, learned, shape)
            except WeightsError as error:
                raise PlanError(f"arm {arm.name}: {start.setting}: {error}") from error


@lru_cache(maxsize=64)
def _start(model: AnyModel, classes: int, shape: ClipShape) -> None:
    """Start a phase from its file without the numbers; once for all arms that share it."""
    with torch.device("meta"):
        network = build(model, classes, shape)
    if start := start_of(model):
        start_from(network, start.file.found(), read_shapes)


def check_device(resources: Resources) -> None:
    """Refuse a device, or a compiler, that this machine has not.

    Raises:
        PlanError: it does not answer, or is not there.
    """
    try:
        torch.ones(1, device=resources.device).sum().item()
    except (RuntimeError, AssertionError) as error:  # torch raises the latter where it was built without CUDA
        reason = str(error).strip().splitlines()[0]
        raise PlanError(
            f"resources.device: {resources.device} does not answer: {reason}. "
            f"Run where it does, or train on the processor (--set resources.device=cpu)."
        ) from error
    compiler = os.environ.get("CXX", "g++")
    if resources.compile and shutil.which(compiler) is None:
        raise PlanError(
            f"resources.compile: there is no C++ compiler ({compiler}), which torch.compile needs. "
            f"Install one, name another in the variable CXX, or run uncompiled (--set resources.compile=false)."
        )
