"""Every file of `models/temporal/` keeps the folder's contract, and so does a module that is written here.

This file is such a file itself: `Settings`, `places` and `Temporal` below are what the contract asks for.

Letters: B batch, N sequence (tokens, patches), D width.
"""

import sys
from types import ModuleType
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from models import catalog
from models.build import ClipShape, ModelSettings, build, rgb_settings
from models.geometry import Grid
from models.settings import Frozen, key_content

OWN = sys.modules[__name__]
MODULES = [catalog.load("models.temporal", name) for name in catalog.names("models.temporal") if name != "none"] + [OWN]
every_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])


class Settings(Frozen):
    name: Literal["mean_over_time"] = "mean_over_time"
    enters: Literal["joint", "pretrain"] = "joint"


def places(settings: Settings, depth: int) -> tuple[int, ...]:
    return tuple(range(depth))


class Temporal(nn.Module):
    """Add to every patch the mean of its place over all frames, as far as a gate is open."""

    def __init__(self, settings: Settings, width: int, grid: Grid, tokens: int) -> None:
        super().__init__()
        self.tokens, self.grid = tokens, grid
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x_BND: Tensor) -> Tensor:
        tokens_BND, patches_BND = x_BND.tensor_split((self.tokens,), dim=1)
        mean = self.norm(patches_BND).unflatten(1, (self.grid.frames, -1)).mean(1, keepdim=True)
        added_BND = mean.expand(-1, self.grid.frames, -1, -1).flatten(1, 2)
        return torch.cat((tokens_BND, patches_BND + self.gate * added_BND), dim=1)


def with_module(settings: ModelSettings, module: ModuleType) -> ModelSettings:
    return settings.model_copy(update={"temporal": module.Settings()})


@every_module
def test_a_module_stands_after_blocks_that_exist(module: ModuleType) -> None:
    assert module.places(module.Settings(), 4)
    for depth in (1, 4, 16):
        assert set(module.places(module.Settings(), depth)) <= set(range(depth))


@every_module
def test_a_module_starts_as_the_identity_and_learns_to_leave_it(module: ModuleType) -> None:
    sequence = torch.randn(2, 3 + 2 * 4 * 4, 8)
    temporal = module.Temporal(module.Settings(), 8, Grid(2, 4, 4), 3)
    given = temporal(sequence)
    assert torch.equal(given, sequence)

    (given * torch.randn_like(given)).sum().backward()
    torch.optim.SGD(temporal.parameters(), lr=1.0).step()
    assert temporal(sequence).shape == sequence.shape
    assert not torch.allclose(temporal(sequence), sequence)


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


def test_the_network_runs_a_module_after_every_block_it_names_as_far_as_its_gate_is_open(
    settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    network = build(with_module(settings, OWN), 5, clip).eval()
    closed = network(streams).logits_BC
    for index in range(settings.trunk.depth - 1):  # patches after the last block reach no token
        gate = network.get_parameter(f"trunk.temporal.{index}.gate")
        nn.init.ones_(gate)
        assert not torch.allclose(network(streams).logits_BC, closed)
        nn.init.zeros_(gate)
        assert torch.equal(network(streams).logits_BC, closed)


def test_none_names_no_block() -> None:
    none = catalog.load("models.temporal", "none")
    assert none.places(none.Settings(), 16) == ()
