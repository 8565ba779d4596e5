"""Cross-attention: own tokens ask, receiver tokens answer.

Letters: B batch, K classification tokens, D width.
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from models.attention import multihead
from models.settings import Frozen

NEEDS_RECEIVERS = True


class Settings(Frozen):
    """Heads of the attention; they divide the width of the tokens."""

    name: Literal["cross_attention"] = "cross_attention"
    heads: Annotated[int, Field(ge=1)] = 1


class Fusion(nn.Module):
    """Add to the own tokens what they read from the receivers.

    Shapes:
        own and receivers (B, K, D) -> (B, K, D)
    """

    def __init__(self, settings: Settings, tokens: int, width: int) -> None:
        super().__init__()
        self.norm_own = nn.LayerNorm(width)
        self.norm_receivers = nn.LayerNorm(width)
        self.attention = multihead(width, settings.heads, "model.fusion.heads")

    def forward(self, own_BKD: Tensor, receivers_BKD: Tensor) -> Tensor:
        """Attend and add."""
        answers_BKD = self.norm_receivers(receivers_BKD)
        read_BKD, _ = self.attention(self.norm_own(own_BKD), answers_BKD, answers_BKD, need_weights=False)
        return own_BKD + read_BKD
