"""Classification tokens: own ones that learn the muscle groups, receivers that learn from the sender.

Letters: B batch, K classification tokens, N patches, D width.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from models.settings import Frozen


class TokenSettings(Frozen):
    """How many tokens each branch has, and the share of them left out of the mean over tokens in training."""

    count: Annotated[int, Field(ge=1, le=128)] = 20
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Tokens(nn.Module):
    """Put receivers (if any), then own tokens, before the patches.

    Own tokens start from a truncated normal (std 0.02), receivers from zero, as in the official code.

    Shapes:
        (B, N, D) -> (B, K or 2K + N, D)
    """

    def __init__(self, count: int, width: int, *, receivers: bool) -> None:
        super().__init__()
        self.own_KD = nn.Parameter(nn.init.trunc_normal_(torch.empty(count, width), std=0.02))
        self.receivers_KD = nn.Parameter(torch.zeros(count, width)) if receivers else None

    @property
    def count(self) -> int:
        """Count the tokens before the patches."""
        return len(self.own_KD) * (1 if self.receivers_KD is None else 2)

    def forward(self, patches_BND: Tensor) -> Tensor:
        """Give the sequence the first block reads."""
        tokens = [self.own_KD] if self.receivers_KD is None else [self.receivers_KD, self.own_KD]
        return torch.cat([*(each.expand(len(patches_BND), -1, -1) for each in tokens), patches_BND], dim=1)

    def split(self, sequence_BND: Tensor) -> tuple[Tensor, Tensor | None]:
        """Take own tokens and receivers out of a sequence, each (B, K, D)."""
        count = len(self.own_KD)
        if self.receivers_KD is None:
            return sequence_BND[:, :count], None
        return sequence_BND[:, count : 2 * count], sequence_BND[:, :count]


class Head(nn.Module):
    """Classify the mean over tokens, as the official code does.

    Its weights start as PyTorch's linear layers do; the official code draws them like the trunk's (std 0.02, no bias).

    Shapes:
        (B, K, D) -> (B, classes)
    """

    def __init__(self, width: int, classes: int, *, dropout: float, token_dropout: float) -> None:
        super().__init__()
        self.token_dropout = nn.Dropout1d(token_dropout)
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(width, classes)

    def forward(self, tokens_BKD: Tensor) -> Tensor:
        """Give the logits; in training whole tokens and then features are dropped."""
        return self.projection(self.dropout(self.token_dropout(tokens_BKD).mean(dim=1)))
