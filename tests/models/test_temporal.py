"""Every file of `models/temporal/` keeps the folder's contract, and so does a module that is written here.

This file is such a file itself: `Settings`, `places` and `Temporal` below are what the contract asks for.

Letters: B batch, N sequence (tokens, patches), D width.
"""

import sys
from types import ModuleType
from typing import Literal

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from models import catalog
from models.build import ClipShape, ModelSettings, build, rgb_settings, sender_settings
from models.frames import OverTime, TemporalSettings
from models.geometry import Grid
from models.settings import key_content
from models.temporal.state_space import scan
from models.transm3e import TransM3E

OWN = sys.modules[__name__]
MODULES = [catalog.load("models.temporal", name) for name in catalog.names("models.temporal") if name != "none"] + [OWN]
every_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])


class Settings(TemporalSettings):
    name: Literal["mean_over_time"] = "mean_over_time"


class Temporal(OverTime):
    """Add to every patch the mean of its place over all frames."""

    def __init__(self, settings: Settings, width: int, grid: Grid, tokens: int) -> None:
        super().__init__(grid, tokens)
        self.norm = nn.LayerNorm(width)

    def change(self, patches_BTSD: Tensor) -> Tensor:
        return self.norm(patches_BTSD).mean(1, keepdim=True)


def with_module(settings: ModelSettings, module: ModuleType) -> ModelSettings:
    return settings.model_copy(update={"temporal": module.Settings()})


@every_module
def test_a_module_stands_after_every_stage_but_the_last(module: ModuleType) -> None:
    assert module.Settings().places(16, (1, 3, 14)) == (0, 2, 13)
    assert module.Settings().places(4, ()) == ()
    assert module.Settings(stages=(1, 0, 1)).places(16, (1, 3, 14)) == (0, 2)
    with pytest.raises(ValueError, match=r"below the last stage, 3, .* but got \[3, 5\].* stages from 0 to 3"):
        module.Settings(stages=(0, 3, 5)).places(16, (1, 3, 14))


@every_module
def test_a_module_starts_as_the_identity_and_learns_to_leave_it(module: ModuleType) -> None:
    sequence = torch.randn(2, 3 + 4 * 2 * 2, 8)
    temporal = module.Temporal(module.Settings(), 8, Grid(4, 2, 2), 3)
    given = temporal(sequence)
    assert torch.equal(given, sequence)
    wanted = torch.randn_like(given)

    optimiser = torch.optim.SGD(temporal.parameters(), lr=0.1)
    for _ in range(2):  # the gate has to open before anything behind it can learn
        optimiser.zero_grad()
        (temporal(sequence) * wanted).sum().backward()
        optimiser.step()
    assert temporal(sequence).shape == sequence.shape
    assert not torch.allclose(temporal(sequence), sequence)
    assert [name for name, value in temporal.named_parameters() if value.grad is None or not value.grad.any()] == []


@every_module
def test_an_open_module_looks_at_other_frames_and_leaves_the_tokens_and_the_batch_alone(module: ModuleType) -> None:
    temporal = module.Temporal(module.Settings(), 16, Grid(4, 2, 2), 3).eval()
    nn.init.ones_(temporal.gate)
    sequence = torch.randn(2, 3 + 4 * 2 * 2, 16)
    given = temporal(sequence)
    assert torch.equal(given[:, :3], sequence[:, :3])
    torch.testing.assert_close(temporal(sequence.flip(0)).flip(0), given)
    moved = sequence.clone()
    moved[:, 3 + 4 : 3 + 8] += torch.randn(2, 4, 16)  # the second frame
    differs = (temporal(moved) - given)[:, 3:].unflatten(1, (4, 4)).abs().amax(dim=(0, 2, 3)) > 1e-6
    assert differs[1]
    assert differs[2:].any()


@every_module
def test_a_module_repeats_with_its_seed_and_comes_back_from_its_state(
    module: ModuleType, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    def opened(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        network = build(with_module(settings, module), 5, clip).eval()
        for name, value in network.named_parameters():
            if name.endswith(".gate"):
                nn.init.ones_(value)
        return network

    first, same, other = opened(1), opened(1), opened(2)
    assert torch.equal(first(streams).logits_BC, same(streams).logits_BC)
    other.load_state_dict(first.state_dict())
    assert torch.equal(first(streams).logits_BC, other(streams).logits_BC)


@every_module
def test_a_network_with_a_module_starts_as_the_one_without(
    module: ModuleType, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    without, network = (build(each, 5, clip).eval() for each in (settings, with_module(settings, module)))
    missing = network.load_state_dict(without.state_dict(), strict=False).missing_keys
    assert missing
    assert all(name.startswith("trunk.temporal.") for name in missing)
    assert torch.equal(network(streams).logits_BC, without(streams).logits_BC)


@every_module
def test_a_module_enters_the_rgb_phase_only_if_it_says_so(
    module: ModuleType, settings: ModelSettings, clip: ClipShape
) -> None:
    late = rgb_settings(with_module(settings, module))
    early_module = module.Settings(enters="pretrain")
    early = rgb_settings(settings.model_copy(update={"temporal": early_module}))
    assert key_content(late) == key_content(rgb_settings(settings))
    assert early.temporal == early_module
    assert not any("temporal" in name for name in build(late, 5, clip).state_dict())
    assert any("temporal" in name for name in build(early, 5, clip).state_dict())


@pytest.mark.parametrize(
    "module", [*MODULES, catalog.load("models.temporal", "none")], ids=lambda module: module.__name__
)
def test_a_module_builds_on_the_meta_device_at_full_size(module: ModuleType) -> None:
    with torch.device("meta"):
        network = build(with_module(ModelSettings(), module), 20, ClipShape(16, 224))
        assert network({"rgb": torch.empty(1, 3, 16, 224, 224)}).logits_BC.shape == (1, 20)


def test_the_network_runs_a_module_after_every_stage_it_names_as_far_as_its_gate_is_open(
    settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    network = build(with_module(settings, OWN), 5, clip).eval()
    closed = network(streams).logits_BC
    for index in (0, 2):
        gate = network.get_parameter(f"trunk.temporal.{index}.gate")
        nn.init.ones_(gate)
        assert not torch.allclose(network(streams).logits_BC, closed)
        nn.init.zeros_(gate)
        assert torch.equal(network(streams).logits_BC, closed)


def test_a_stage_that_is_not_there_is_refused(settings: ModelSettings) -> None:
    with pytest.raises(ValidationError, match=r"temporal\.stages: must lie below the last stage, 2"):
        ModelSettings.model_validate(settings.model_dump() | {"temporal": {"name": "shift", "stages": [2]}})


def test_none_names_no_block() -> None:
    none = catalog.load("models.temporal", "none")
    assert none.Settings().places(16, (1, 3, 14)) == ()


def test_the_parallel_scan_is_the_recurrence_it_stands_for() -> None:
    decay, driven = torch.rand(5), torch.randn(2, 7, 5)
    state, states = torch.zeros(2, 5), []
    for frame in driven.unbind(1):
        state = decay * state + frame
        states.append(state)
    torch.testing.assert_close(scan(decay, driven), torch.stack(states, dim=1))


def test_an_open_shift_is_tsm() -> None:
    shift = catalog.load("models.temporal", "shift")
    temporal = shift.Temporal(shift.Settings(share=0.25), 4, Grid(3, 1, 1), 0)
    nn.init.ones_(temporal.gate)
    frames = torch.arange(12.0).view(1, 3, 4)
    assert temporal(frames)[0].tolist() == [[0, 5, 2, 3], [0, 9, 6, 7], [4, 0, 10, 11]]


@every_module
@pytest.mark.parametrize("enters", ["joint", "pretrain"])
def test_arms_with_and_without_a_module_begin_from_one_seed_as_the_same_function(
    module: ModuleType, enters: str, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    """As trainings do: weights are drawn from the seed, then the joint phase takes over those of its parents."""

    def begun(asked: ModelSettings) -> tuple[Tensor, Tensor]:
        torch.manual_seed(7)
        rgb = build(rgb_settings(asked), 5, clip).eval()
        torch.manual_seed(8)
        joint = build(asked, 5, clip).eval()
        assert isinstance(joint, TransM3E)
        joint.load_parents(rgb.state_dict(), {"rgb_difference": sender})
        return rgb(streams).logits_BC, joint(streams).logits_BC

    sender = build(sender_settings(settings)["rgb_difference"], 5, clip).state_dict()
    with_one = settings.model_copy(update={"temporal": module.Settings(enters=enters)})
    for ours, theirs in zip(begun(with_one), begun(settings), strict=True):
        assert torch.equal(ours, theirs)


def test_modules_at_two_places_are_drawn_apart(settings: ModelSettings, clip: ClipShape) -> None:
    module = catalog.load("models.temporal", "attention")
    places = build(with_module(settings, module), 5, clip).state_dict()
    drawn = [value for name, value in places.items() if ".temporal." in name and value.dim() > 1]
    assert len({value.flatten()[0].item() for value in drawn}) == len(drawn)


@every_module
def test_the_gradient_goes_through_an_open_module(module: ModuleType) -> None:
    temporal = module.Temporal(module.Settings(), 8, Grid(4, 2, 2), 3).eval()
    sequence = torch.randn(2, 3 + 4 * 2 * 2, 8, requires_grad=True)
    wanted = torch.randn_like(sequence)

    def gradient() -> Tensor:
        (found,) = torch.autograd.grad((temporal(sequence) * wanted).sum(), sequence)
        return found

    closed = gradient()
    nn.init.ones_(temporal.gate)
    assert not torch.allclose(gradient(), closed)
