"""No fusion: own tokens pass, receivers are dropped.

Letters: B batch, K classification tokens, D width.
"""

from typing import Literal

from torch import Tensor, nn

from models.settings import Frozen

NEEDS_RECEIVERS = False


class Settings(Frozen):
    """Nothing to set."""

    name: Literal["none"] = "none"


class Fusion(nn.Module):
    """Give the own tokens.

    Shapes:
        own (B, K, D), receivers (B, K, D) or None -> (B, K, D)
    """

    def __init__(self, settings: Settings, tokens: int, width: int) -> None:
        super().__init__()

    def forward(self, own_BKD: Tensor, receivers_BKD: Tensor | None) -> Tensor:
        """Drop the receivers."""
        return own_BKD
