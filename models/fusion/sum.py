"""Sum of own and receiver tokens, without parameters.

Letters: B batch, K classification tokens, D width.
"""

from typing import Literal

from torch import Tensor, nn

from models.settings import Frozen

NEEDS_RECEIVERS = True


class Settings(Frozen):
    """Nothing to set."""

    name: Literal["sum"] = "sum"


class Fusion(nn.Module):
    """Add to each own token its receiver.

    Shapes:
        own and receivers (B, K, D) -> (B, K, D)
    """

    def __init__(self, settings: Settings, tokens: int, width: int) -> None:
        super().__init__()

    def forward(self, own_BKD: Tensor, receivers_BKD: Tensor) -> Tensor:
        """Add the two."""
        return own_BKD + receivers_BKD
