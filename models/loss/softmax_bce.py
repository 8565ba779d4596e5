"""Binary cross-entropy of a softmax over the classes: what the official code computes.

The scores of a clip sum to one, so that a clip with many muscle groups gives each of them less. Average precision ranks
clips by these scores, so the choice between this and `bce` changes the metric, not only the training.

Letters: B batch, C classes.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from models.settings import Frozen


class Settings(Frozen):
    """Nothing to set."""

    name: Literal["softmax_bce"] = "softmax_bce"


class Loss:
    """Score the classes against each other."""

    def __init__(self, settings: Settings) -> None:
        pass

    def __call__(self, logits_BC: Tensor, labels_BC: Tensor) -> Tensor:
        """Give the mean over clips and classes, in float32 also under autocast, where PyTorch refuses this loss."""
        with torch.autocast(logits_BC.device.type, enabled=False):
            return functional.binary_cross_entropy(self.scores(logits_BC), labels_BC.float())

    def scores(self, logits_BC: Tensor) -> Tensor:
        """Give the probabilities over the classes, which sum to one."""
        return logits_BC.float().softmax(dim=-1)
