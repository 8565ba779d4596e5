"""What a benchmark compares, on networks of a few hundred parameters; its numbers are measured by `study bench`."""

from functools import partial
from itertools import islice

import pytest
import torch
from torch import Tensor, nn

import study
from models.build import ClipShape, ModelSettings
from models.errors import UserError
from study import benching
from study.benching import Asked, Pair, Ratio, measure
from study.optim import OptimSettings

SHAPE = ClipShape(2, 16)
TRUNK = {"width": 4, "depth": 2, "stage_starts": [1], "heads": 1}


class Flat(nn.Module):
    """A peer that is smaller than anything ours can be."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs, benching.CLASSES)

    def forward(self, clips: Tensor) -> Tensor:
        return self.layer(clips.flatten(1))  # type: ignore[no-any-return]


PEER = partial(Flat, 3 * 2 * 16 * 16)


@pytest.fixture
def asked() -> Asked:
    model = ModelSettings.model_validate({"trunk": TRUNK, "tokens": {"count": 2}})
    return Asked(model, OptimSettings(batch=2), SHAPE, torch.device("cpu"), batch=2, repeats=3, peer=PEER)


TIMED = [
    "joint step, fp32",
    "joint step, bf16",
    "inference, RGB alone with its 4 tokens, fp32",
    "inference, RGB alone with its 4 tokens, bf16",
]
HELD = ["peak memory of a joint step", "peak memory of a joint step, resources.recompute_blocks"]


def test_steps_and_passes_are_timed(asked: Asked) -> None:
    ratios = list(islice(measure(asked), len(TIMED)))
    assert [(ratio.what, ratio.unit) for ratio in ratios] == [(what, "s") for what in TIMED]
    assert all(ratio.ours > 0 and ratio.theirs > 0 for ratio in ratios)


@pytest.mark.slow
def test_memory_is_that_of_a_process_of_its_own(asked: Asked) -> None:
    ratios = list(measure(asked))[len(TIMED) :]
    assert [(ratio.what, ratio.unit) for ratio in ratios] == [(what, "GB") for what in HELD]
    assert all(ratio.ours > 0 and ratio.theirs > 0 for ratio in ratios)


def test_two_functions_take_turns_and_the_first_turn_does_not_count(asked: Asked) -> None:
    calls: list[str] = []
    benching.in_turns(lambda: calls.append("ours"), lambda: calls.append("theirs"), asked)
    assert calls == ["ours", "theirs"] * 4


def test_a_step_trains_ours_and_of_the_pair_the_first(asked: Asked) -> None:
    pair = Pair(asked.peer)
    pair.train()
    assert pair.trained.training
    assert not pair.asked.training
    assert not any(parameter.requires_grad for parameter in pair.asked.parameters())
    losses = [benching.step_of(asked, whose)() for whose in ("ours", "theirs")]
    assert all(isinstance(loss, float) and loss > 0 for loss in losses)


def test_a_ratio_is_met_up_to_what_is_required() -> None:
    ratio = Ratio("a", "b", "s", 0.95, 1.0, 0.95)
    assert ratio.is_met
    assert not Ratio("a", "b", "s", 0.96, 1.0, 0.95).is_met
    assert Ratio("a", "b", "GB", 2.0, 1.0, None).is_met


def test_clips_that_torchvision_does_not_know_are_refused() -> None:
    with pytest.raises(UserError, match=r"--profile tiny: its clips have 8 frames of 64 px, .*: full"):
        study.bench("tiny")


def test_the_network_of_the_paper_is_asked_about_with_its_streams() -> None:
    asked = benching.of_profile("full", "cpu", 1, 1)
    assert (asked.model.tokens.count, asked.model.trunk.depth, asked.shape) == (20, 16, benching.KNOWN)
    assert asked.batch_of(("rgb",)).streams["rgb"].shape == (1, 3, 16, 224, 224)
