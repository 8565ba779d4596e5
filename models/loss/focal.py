"""Focal loss (arXiv:1708.02002): binary cross-entropy in which what is scored well already counts little.

Letters: B batch, C classes.
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from models.settings import Frozen


class Settings(Frozen):
    """How fast the weight falls with the score, and the weight of the positives against the negatives."""

    name: Literal["focal"] = "focal"
    gamma: Annotated[float, Field(ge=0)] = 2.0
    alpha: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Weight of the positives; the negatives have 1 - alpha. None weighs both alike, by 1."""


class Loss:
    """Score each class by its own probability."""

    def __init__(self, settings: Settings) -> None:
        self.gamma = settings.gamma
        self.alpha = -1.0 if settings.alpha is None else settings.alpha  # torchvision's word for no weight

    def __call__(self, logits_BC: Tensor, labels_BC: Tensor) -> Tensor:
        """Give the mean over clips and classes."""
        from torchvision.ops import sigmoid_focal_loss  # here, because importing it takes longer than building a model

        loss: Tensor = sigmoid_focal_loss(logits_BC.float(), labels_BC.float(), self.alpha, self.gamma, "mean")
        return loss

    def scores(self, logits_BC: Tensor) -> Tensor:
        """Give each class its own probability."""
        return logits_BC.float().sigmoid()
