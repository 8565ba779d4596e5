"""Concatenation of own and receiver tokens along the channels, projected back to their width.

Letters: B batch, K classification tokens, D width.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from models.settings import Frozen
from models.trunk import initialise

NEEDS_RECEIVERS = True


class Settings(Frozen):
    """Nothing to set."""

    name: Literal["concat"] = "concat"


class Fusion(nn.Module):
    """Project each own token together with its receiver.

    Shapes:
        own and receivers (B, K, D) -> (B, K, D)
    """

    def __init__(self, settings: Settings, tokens: int, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(2 * width, width)
        self.apply(initialise)

    def forward(self, own_BKD: Tensor, receivers_BKD: Tensor) -> Tensor:
        """Join and project the two."""
        return self.project(torch.cat((own_BKD, receivers_BKD), dim=-1))
