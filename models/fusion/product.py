"""Product of own and receiver tokens, channel by channel, without parameters.

Letters: B batch, K classification tokens, D width.
"""

from typing import Literal

from torch import Tensor, nn

from models.settings import Frozen

NEEDS_RECEIVERS = True


class Settings(Frozen):
    """Nothing to set."""

    name: Literal["product"] = "product"


class Fusion(nn.Module):
    """Multiply each own token by its receiver.

    Shapes:
        own and receivers (B, K, D) -> (B, K, D)
    """

    def __init__(self, settings: Settings, tokens: int, width: int) -> None:
        super().__init__()

    def forward(self, own_BKD: Tensor, receivers_BKD: Tensor) -> Tensor:
        """Multiply the two."""
        return own_BKD * receivers_BKD
