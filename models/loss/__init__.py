"""Classification losses: one loss, one file.

Contract of a file: `Settings` and `Loss(settings)`, which keeps the protocol `Criterion`.
"""

from typing import Protocol

from torch import Tensor


class Criterion(Protocol):
    """What a network is trained on and what its logits mean; B clips, C classes."""

    def __call__(self, logits_BC: Tensor, labels_BC: Tensor) -> Tensor:
        """Give a scalar, the mean over clips and classes, in float32."""
        ...

    def scores(self, logits_BC: Tensor) -> Tensor:
        """Give what is ranked and reported, (B, C) between 0 and 1."""
        ...
