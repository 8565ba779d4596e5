"""Every file of `models/loss/` keeps the folder's contract; below, what single ones compute."""

import math

import pytest
import torch
from torch import Tensor

from models import catalog
from models.loss import Criterion

LOSSES = catalog.names("models.loss")


def made(name: str, **settings: float) -> Criterion:
    module = catalog.load("models.loss", name)
    criterion: Criterion = module.Loss(module.Settings(**settings))
    return criterion


def examples() -> tuple[Tensor, Tensor]:
    return torch.randn(4, 5, requires_grad=True), (torch.rand(4, 5) > 0.5).to(torch.uint8)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_a_mean_with_a_gradient_and_falls_when_labels_are_met(name: str) -> None:
    criterion = made(name)
    logits, labels = examples()
    loss = criterion(logits, labels)
    assert loss.shape == ()
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.any(dim=0).all()
    better = criterion(logits.detach() - logits.grad, labels)
    assert better < loss
    torch.testing.assert_close(criterion(logits.flip(0), labels.flip(0)), loss)
    torch.testing.assert_close(criterion(logits.repeat(2, 1), labels.repeat(2, 1)), loss)


@pytest.mark.parametrize("name", LOSSES)
def test_every_score_is_a_probability_that_rises_with_its_logit(name: str) -> None:
    scores = made(name).scores(torch.tensor([[-2.0, 0.0, 3.0]]))
    assert scores.min() > 0
    assert scores.max() < 1
    assert scores[0].tolist() == sorted(scores[0].tolist())


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_finite_at_extreme_logits_and_in_half_precision(name: str) -> None:
    criterion = made(name)
    extreme = torch.tensor([[200.0, -200.0]], requires_grad=True)
    criterion(extreme, torch.tensor([[0, 1]])).backward()
    assert extreme.grad is not None
    assert extreme.grad.isfinite().all()
    logits, labels = examples()
    with torch.autocast("cpu", torch.bfloat16):
        halved = criterion(logits.bfloat16(), labels)
    assert halved.dtype == torch.float32
    torch.testing.assert_close(halved, criterion(logits, labels), rtol=0.02, atol=0)


def test_bce_is_the_cross_entropy_of_each_class_by_itself() -> None:
    logits, labels = torch.tensor([[0.0, 2.0]]), torch.tensor([[1, 0]])
    assert made("bce")(logits, labels).item() == pytest.approx((math.log(2) + math.log(1 + math.exp(2))) / 2)


def test_softmax_bce_is_the_cross_entropy_of_probabilities_that_sum_to_one() -> None:
    logits, labels = torch.tensor([[0.0, 0.0, 0.0, 0.0]]), torch.tensor([[1, 0, 0, 0]])
    assert made("softmax_bce").scores(logits).sum().item() == pytest.approx(1)
    assert made("softmax_bce")(logits, labels).item() == pytest.approx(-(math.log(0.25) + 3 * math.log(0.75)) / 4)


def test_focal_loss_counts_what_is_scored_well_less() -> None:
    logits, labels = torch.tensor([[3.0]]), torch.tensor([[1]])
    score = 1 / (1 + math.exp(-3))
    assert made("focal")(logits, labels).item() == pytest.approx(-((1 - score) ** 2) * math.log(score), rel=1e-4)
    assert made("focal", gamma=0)(logits, labels).item() == pytest.approx(made("bce")(logits, labels).item())
    weighed = made("focal", gamma=0, alpha=0.25)
    assert weighed(logits, labels).item() == pytest.approx(0.25 * made("bce")(logits, labels).item())


def test_asymmetric_loss_ignores_the_easiest_negatives() -> None:
    assert made("asymmetric")(torch.tensor([[-4.0]]), torch.tensor([[0]])).item() == 0
    positive = made("asymmetric", gamma_positive=0)(torch.tensor([[0.5]]), torch.tensor([[1]]))
    assert positive.item() == pytest.approx(made("bce")(torch.tensor([[0.5]]), torch.tensor([[1]])).item())
    plain = made("asymmetric", gamma_negative=0, gamma_positive=0, margin=0)
    logits, labels = examples()
    torch.testing.assert_close(plain(logits, labels), made("bce")(logits, labels))
