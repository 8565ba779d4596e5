"""Every file of `models/loss/` keeps the folder's contract; below, what single ones compute."""

import math

import pytest
import torch
from torch import Tensor

from models import catalog
from models.loss import bce, softmax_bce

LOSSES = catalog.names("models.loss")


def examples() -> tuple[Tensor, Tensor]:
    return torch.randn(4, 5, requires_grad=True), (torch.rand(4, 5) > 0.5).to(torch.uint8)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_a_mean_with_a_gradient_and_falls_when_labels_are_met(name: str) -> None:
    module = catalog.load("models.loss", name)
    logits, labels = examples()
    loss = module.loss(logits, labels)
    assert loss.shape == ()
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.any(dim=0).all()
    better = module.loss(logits.detach() - logits.grad, labels)
    assert better < loss
    torch.testing.assert_close(module.loss(logits.flip(0), labels.flip(0)), loss)
    torch.testing.assert_close(module.loss(logits.repeat(2, 1), labels.repeat(2, 1)), loss)


@pytest.mark.parametrize("name", LOSSES)
def test_every_score_is_a_probability_that_rises_with_its_logit(name: str) -> None:
    scores = catalog.load("models.loss", name).scores(torch.tensor([[-2.0, 0.0, 3.0]]))
    assert scores.min() > 0
    assert scores.max() < 1
    assert scores[0].tolist() == sorted(scores[0].tolist())


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_finite_at_extreme_logits_and_in_half_precision(name: str) -> None:
    module = catalog.load("models.loss", name)
    extreme = torch.tensor([[200.0, -200.0]], requires_grad=True)
    module.loss(extreme, torch.tensor([[0, 1]])).backward()
    assert extreme.grad is not None
    assert extreme.grad.isfinite().all()
    logits, labels = examples()
    with torch.autocast("cpu", torch.bfloat16):
        halved = module.loss(logits.bfloat16(), labels)
    assert halved.dtype == torch.float32
    torch.testing.assert_close(halved, module.loss(logits, labels), rtol=0.02, atol=0)


def test_bce_is_the_cross_entropy_of_each_class_by_itself() -> None:
    logits, labels = torch.tensor([[0.0, 2.0]]), torch.tensor([[1, 0]])
    assert bce.loss(logits, labels).item() == pytest.approx((math.log(2) + math.log(1 + math.exp(2))) / 2)


def test_softmax_bce_is_the_cross_entropy_of_probabilities_that_sum_to_one() -> None:
    logits, labels = torch.tensor([[0.0, 0.0, 0.0, 0.0]]), torch.tensor([[1, 0, 0, 0]])
    assert softmax_bce.scores(logits).sum().item() == pytest.approx(1)
    assert softmax_bce.loss(logits, labels).item() == pytest.approx(-(math.log(0.25) + 3 * math.log(0.75)) / 4)
