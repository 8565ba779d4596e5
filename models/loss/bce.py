"""Binary cross-entropy of each muscle group by itself, as the paper writes it.

Letters: B batch, C classes.
"""

from typing import Literal

from torch import Tensor
from torch.nn import functional

from models.settings import Frozen


class Settings(Frozen):
    """Nothing to set."""

    name: Literal["bce"] = "bce"


class Loss:
    """Score each class by its own probability."""

    def __init__(self, settings: Settings) -> None:
        pass

    def __call__(self, logits_BC: Tensor, labels_BC: Tensor) -> Tensor:
        """Give the mean over clips and classes."""
        return functional.binary_cross_entropy_with_logits(logits_BC.float(), labels_BC.float())

    def scores(self, logits_BC: Tensor) -> Tensor:
        """Give each class its own probability."""
        return logits_BC.float().sigmoid()
