"""Self-attention over own and receiver tokens together, then the average of both sides.

Letters: B batch, K classification tokens, D width.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.attention import multihead
from models.settings import Frozen

NEEDS_RECEIVERS = True


class Settings(Frozen):
    """Heads of the attention; they divide the width of the tokens."""

    name: Literal["self_attention"] = "self_attention"
    heads: Annotated[int, Field(ge=1)] = 1


class Fusion(nn.Module):
    """Let all 2K tokens attend to each other, with a residual, and average each own token with its receiver.

    Shapes:
        own and receivers (B, K, D) -> (B, K, D)
    """

    def __init__(self, settings: Settings, tokens: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = multihead(width, settings.heads, "model.fusion.heads")

    def forward(self, own_BKD: Tensor, receivers_BKD: Tensor) -> Tensor:
        """Attend and average."""
        both_BND = torch.cat((own_BKD, receivers_BKD), dim=1)
        normed_BND = self.norm(both_BND)
        attended_BND, _ = self.attention(normed_BND, normed_BND, normed_BND, need_weights=False)
        own_BKD, receivers_BKD = (both_BND + attended_BND).chunk(2, dim=1)
        return (own_BKD + receivers_BKD) / 2
