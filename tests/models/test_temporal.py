"""Every file of `models/temporal/` keeps the folder's contract."""

import pytest
import torch
from torch import Tensor

from models import catalog
from models.build import ClipShape, ModelSettings, build
from models.geometry import Grid

TEMPORALS = catalog.names("models.temporal")


def changed(settings: ModelSettings, name: str) -> ModelSettings:
    return ModelSettings.model_validate(settings.model_dump() | {"temporal": name})


@pytest.mark.parametrize("name", TEMPORALS)
def test_every_module_stands_after_blocks_that_exist_and_starts_as_the_identity(name: str) -> None:
    module = catalog.load("models.temporal", name)
    for depth in (1, 4, 16):
        assert set(module.places(module.Settings(), depth)) <= set(range(depth))
    if module.places(module.Settings(), 4):
        sequence = torch.randn(2, 3 + 2 * 4 * 4, 8)
        assert torch.equal(module.Temporal(module.Settings(), 8, Grid(2, 4, 4), 3)(sequence), sequence)


@pytest.mark.parametrize("name", TEMPORALS)
def test_a_network_with_any_module_starts_as_the_one_without(
    name: str, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    without, network = (build(changed(settings, each), 5, clip).eval() for each in ("none", name))
    network.load_state_dict(without.state_dict(), strict=False)
    assert torch.equal(network(streams).logits_BC, without(streams).logits_BC)


@pytest.mark.parametrize("name", TEMPORALS)
def test_every_module_builds_on_the_meta_device_at_full_size(name: str) -> None:
    with torch.device("meta"):
        network = build(changed(ModelSettings(), name), 20, ClipShape(16, 224))
        assert network({"rgb": torch.empty(1, 3, 16, 224, 224)}).logits_BC.shape == (1, 20)
