"""What `study bench` measures: the network of the paper against torchvision's own MViT, at full size on this machine.

Two ways take turns in one process (memory: in a process each), and what counts is the ratio of their medians: seconds
depend on the machine and on who else works on it. Clips are made up and weights drawn at random: they change no cost.

Letters: B batch, C classes.
"""

import itertools
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, Self

import torch
from torch import nn
from torchvision.models.video import mvit_v2_s

from experiments.read import find_spec, read_spec
from models.build import ClipShape, ModelSettings, build, for_inference, streams_of
from models.build import recompute_blocks as recompute
from models.errors import UserError
from models.transm3e import Output, Streams
from study import made_up
from study.compute import Compute
from study.fitting import check_device
from study.inference import finish
from study.loader import Batch
from study.memory import begin_phase, peak_bytes
from study.optim import OptimSettings, Precision, autocast, products
from study.resolve import resolve
from study.trainer import Trainer
from study.training import be_deterministic

CLASSES = 20
STREAMS = ("rgb",)
KNOWN = ClipShape(frames=16, size=224)
"""Clips that torchvision's `mvit_v2_s` is made for."""
PEER = partial(mvit_v2_s, num_classes=CLASSES)
GIGABYTE = 1e9

Step = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """How one way compares with another.

    Attributes:
        unit: ``"s"`` or ``"GB"``.
        ours, theirs: medians.
        required, stretch: what the ratio is to be at most, and at best; None where it is only told.
    """

    what: str
    against: str
    unit: str
    ours: float
    theirs: float
    required: float | None = None
    stretch: float | None = None

    @property
    def value(self) -> float:
        """Give the ratio."""
        return self.ours / self.theirs

    @property
    def is_met(self) -> bool:
        """Tell whether it is as small as is required."""
        return self.required is None or self.value <= self.required


class Pair(nn.Module):
    """What the joint phase stands against: a network that is trained, and a second one that sees the same clips."""

    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.trained = make()
        self.asked = make().requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the one that is trained."""
        self.trained.train(mode)
        return self

    def forward(self, streams: Streams) -> Output:
        """Classify the clips in `streams["rgb"]`."""
        with torch.no_grad():
            self.asked(streams["rgb"])
        return Output(self.trained(streams["rgb"]))


@dataclass(frozen=True)
class Asked:
    """What is measured, and how often.

    Attributes:
        model: of the joint phase.
        optim: likewise.
        shape: of the clips.
        batch: clips in a step.
        repeats: turns of each of two ways; the one before them does not count.
        peer: makes a network that ours is compared with, of clips to logits.
    """

    model: ModelSettings
    optim: OptimSettings
    shape: ClipShape
    device: torch.device
    batch: int
    repeats: int
    peer: Callable[[], nn.Module]

    def batch_of(self, streams: Sequence[str]) -> Batch:
        """Make clips up, with labels, where a loader leaves them: on the processor."""
        clips = made_up.batch(streams, self.batch, self.shape, "cpu")
        labels_BC = torch.randint(0, 2, (self.batch, CLASSES)).float()
        return Batch(clips, labels_BC, torch.arange(self.batch), self.batch)


def of_profile(profile: str, device: str, batch: int, repeats: int) -> Asked:
    """Ask about the control of `token_count_sweep` with a profile; with ``full`` it is the network of the paper.

    Raises:
        UserError: there is no such profile or device, or its clips are none that torchvision's network knows.
    """
    edition = resolve(read_spec(find_spec("token_count_sweep")), profile)
    settings = edition.control.settings
    check_device(settings.resources.model_copy(update={"device": device}))
    shape = ClipShape(settings.data.frames, settings.data.size)
    if shape != KNOWN:
        raise UserError(
            f"--profile {profile}: its clips have {shape.frames} frames of {shape.size} px, and torchvision's "
            f"mvit_v2_s knows {KNOWN.frames} of {KNOWN.size} px only. Give a profile whose clips have these: full."
        )
    return Asked(settings.model, settings.optim.joint(), shape, torch.device(device), batch, repeats, PEER)


def measure(asked: Asked) -> Iterator[Ratio]:
    """Measure everything, one ratio after another."""
    begin_phase(asked.device)
    yield from _steps(asked)
    yield from _passes(asked)
    yield from _memory(asked)


def _steps(asked: Asked) -> Iterator[Ratio]:
    ours, theirs = step_of(asked, "ours"), step_of(asked, "theirs")
    yield Ratio("joint step, fp32", "torchvision's pair, fp32", "s", *in_turns(ours, theirs, asked), 0.95, 0.85)
    del theirs
    half = step_of(asked, "ours", "bf16")
    yield Ratio("joint step, bf16", "the same, fp32", "s", *in_turns(half, ours, asked), 0.65, 0.55)


def _passes(asked: Asked) -> Iterator[Ratio]:
    ours = for_inference(build(asked.model, CLASSES, asked.shape)).to(asked.device)
    theirs = asked.peer().eval().to(asked.device)
    clips = Compute(asked.device).moved(asked.batch_of(STREAMS).streams)
    bare = partial(_pass, lambda streams: theirs(streams["rgb"]), clips, "fp32", asked.device)
    targets: dict[Precision, tuple[float, float]] = {"fp32": (0.95, 0.85), "bf16": (0.6, 0.5)}
    for precision, (required, stretch) in targets.items():
        own = partial(_pass, ours, clips, precision, asked.device)
        what = f"inference, RGB alone with its {2 * asked.model.tokens.count} tokens, {precision}"
        yield Ratio(what, "torchvision's forward, fp32", "s", *in_turns(own, bare, asked), required, stretch)


def _memory(asked: Asked) -> Iterator[Ratio]:
    theirs = _apart(asked, "theirs")
    what, against = "peak memory of a joint step", "torchvision's pair"
    yield Ratio(what, against, "GB", _apart(asked, "ours"), theirs)
    recomputing = _apart(asked, "ours", recomputes=True)
    yield Ratio(f"{what}, resources.recompute_blocks", against, "GB", recomputing, theirs, 0.8, 0.55)


def step_of(asked: Asked, whose: str, precision: Precision = "fp32", recomputes: bool = False) -> Step:
    """Give a function that takes a step of training, as a phase does."""
    be_deterministic(asked.device)
    torch.manual_seed(0)
    network: nn.Module = build(asked.model, CLASSES, asked.shape) if whose == "ours" else Pair(asked.peer)
    if recomputes:
        recompute(network)
    compute = Compute(asked.device)
    compute.ready(network)
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    optim = asked.optim.model_copy(update={"precision": precision})
    trainer = Trainer(network, loss, optim, epochs=10_000, steps_per_epoch=1, seed=0, compute=compute)
    batch, numbers = asked.batch_of(STREAMS if whose == "theirs" else streams_of(asked.model)), itertools.count(1)

    def step() -> float:
        with products(precision):
            return trainer.epoch(next(numbers), [batch])

    return step


def in_turns(ours: Step, theirs: Step, asked: Asked) -> tuple[float, float]:
    """Time two functions in turns; give the medians, seconds."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(1 + asked.repeats):
        for step, own in zip((ours, theirs), taken, strict=True):
            finish(asked.device)
            began = time.perf_counter()
            step()
            finish(asked.device)
            own.append(time.perf_counter() - began)
    return median(taken[0][1:]), median(taken[1][1:])


def _apart(asked: Asked, whose: str, recomputes: bool = False) -> float:
    """Give the peak memory of two steps in a process of its own, gigabytes."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_gb, (asked, whose, recomputes, torch.get_num_threads()))


def _peak_gb(asked: Asked, whose: str, recomputes: bool, threads: int) -> float:
    torch.set_num_threads(threads)
    begin_phase(asked.device)
    step = step_of(asked, whose, recomputes=recomputes)
    step()
    step()
    return peak_bytes(asked.device) / GIGABYTE


@torch.inference_mode()
def _pass(network: Callable[[Streams], Any], streams: Streams, precision: Precision, device: torch.device) -> None:
    with products(precision), autocast(precision, device):
        network(streams)
