"""Every file of `models/distill/` keeps the folder's contract; below, what single ones compute."""

import math

import pytest
import torch
from torch import Tensor

from models import catalog
from models.build import ClipShape, ModelSettings, build, load_own_state, needs_sender, own_state
from models.distill import dense_tokens

DISTILLS = catalog.names("models.distill")
WITH_SENDER = [name for name in DISTILLS if catalog.load("models.distill", name).NEEDS_SENDER]
WIDTHS = (8, 16)


def blocks(batch: int = 4) -> tuple[Tensor, ...]:
    return tuple(torch.randn(batch, 3, width) for width in WIDTHS)


def changed(settings: ModelSettings, name: str) -> ModelSettings:
    return ModelSettings.model_validate(settings.model_dump() | {"distill": name, "fusion": "average"})


@pytest.mark.parametrize("name", WITH_SENDER)
def test_every_distillation_pulls_the_receivers_and_is_zero_when_they_are_the_senders(name: str) -> None:
    module = catalog.load("models.distill", name)
    distill = module.Distill(module.Settings())
    receivers, senders = tuple(block.requires_grad_() for block in blocks()), blocks()
    loss = distill(receivers, senders)
    assert loss.shape == ()
    assert loss > 0
    loss.backward()
    assert all(block.grad is not None and block.grad.any() for block in receivers)
    assert distill(senders, senders).item() == pytest.approx(0, abs=1e-6)
    backwards = distill(tuple(block.flip(0) for block in receivers), tuple(block.flip(0) for block in senders))
    torch.testing.assert_close(backwards, loss)


@pytest.mark.parametrize("name", DISTILLS)
def test_every_distillation_trains_all_but_the_sender(
    name: str, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    settings = changed(settings, name)
    network = build(settings, 5, clip).train()
    output = network(streams)
    assert (output.distill is not None) == needs_sender(settings)
    (output.logits_BC.square().sum() + (output.distill or 0)).backward()
    for parameter, value in network.named_parameters():
        assert value.requires_grad != parameter.startswith("sender."), parameter
        assert (value.grad is not None) == value.requires_grad, parameter


@pytest.mark.parametrize("name", DISTILLS)
def test_every_distillation_comes_back_from_its_state_and_repeats_with_its_seed(
    name: str, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    def network() -> torch.nn.Module:
        torch.manual_seed(3)
        return build(changed(settings, name), 5, clip)

    first, second = network(), network()
    load_own_state(second, own_state(first))
    for left, right in zip(first(streams), second(streams), strict=True):
        assert left is right is None or torch.equal(left, right)


@pytest.mark.parametrize("name", DISTILLS)
def test_every_distillation_builds_and_runs_on_the_meta_device_at_full_size(name: str) -> None:
    with torch.device("meta"):
        network = build(changed(ModelSettings(), name), 20, ClipShape(16, 224))
        output = network({"rgb": torch.empty(1, 3, 16, 224, 224)})
    assert output.logits_BC.shape == (1, 20)


@pytest.mark.parametrize(("axis", "dimension"), [("tokens", 1), ("channels", 2)])
def test_dense_tokens_is_the_mean_divergence_over_sixteen(axis: str, dimension: int) -> None:
    receivers, senders = blocks(), blocks()
    total = 0.0
    for receiver, sender in zip(receivers, senders, strict=True):
        aimed, given = (sender / 10).softmax(dimension), (receiver / 10).softmax(dimension)
        total += (aimed * (aimed.log() - given.log())).mean().item()
    settings = dense_tokens.Settings.model_validate({"axis": axis})
    loss = dense_tokens.Distill(settings)(receivers, senders)
    assert loss.item() == pytest.approx(0.9 * 100 * total / 16, rel=1e-4)


def test_weight_and_divisor_scale_the_loss_and_the_temperature_flattens_it() -> None:
    receivers, senders = blocks(), blocks()
    loss = dense_tokens.Distill(dense_tokens.Settings())(receivers, senders)
    halved = dense_tokens.Distill(dense_tokens.Settings(weight=45))(receivers, senders)
    spread = dense_tokens.Distill(dense_tokens.Settings(blocks_divisor=2))(receivers, senders)
    cold = dense_tokens.Distill(dense_tokens.Settings(temperature=1))(receivers, senders)
    assert math.isclose(halved.item(), loss.item() / 2, rel_tol=1e-5)
    assert math.isclose(spread.item(), loss.item() * 8, rel_tol=1e-5)
    assert cold > 10 * loss


def test_a_sender_of_another_depth_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        dense_tokens.Distill(dense_tokens.Settings())(blocks(), blocks()[:1])
