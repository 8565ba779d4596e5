"""Asymmetric loss (arXiv:2009.14119): easy negatives count less than easy positives, the easiest not at all.

Letters: B batch, C classes.
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from models.settings import Frozen


class Settings(Frozen):
    """How fast the weights of negatives and of positives fall, and the score below which a negative is ignored."""

    name: Literal["asymmetric"] = "asymmetric"
    gamma_negative: Annotated[float, Field(ge=0)] = 4.0
    gamma_positive: Annotated[float, Field(ge=0)] = 1.0
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.05


class Loss:
    """Score each class by its own probability."""

    def __init__(self, settings: Settings) -> None:
        from timm.loss.asymmetric_loss import AsymmetricLossMultiLabel  # here, because importing timm takes seconds

        gammas = settings.gamma_negative, settings.gamma_positive
        self.mean = AsymmetricLossMultiLabel(*gammas, settings.margin, reduction="mean")

    def __call__(self, logits_BC: Tensor, labels_BC: Tensor) -> Tensor:
        """Give the mean over clips and classes."""
        loss: Tensor = self.mean(logits_BC, labels_BC)
        return loss

    def scores(self, logits_BC: Tensor) -> Tensor:
        """Give each class its own probability."""
        return logits_BC.float().sigmoid()
