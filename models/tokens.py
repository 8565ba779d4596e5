"""Classification tokens: own ones that learn the muscle groups, receivers that learn from the senders.

Letters: B batch, K classification tokens, G groups of receivers, N patches, D width, C classes.
"""

from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from models.errors import UserError
from models.settings import Frozen


class TokenSettings(Frozen):
    """How many tokens each branch has, where they enter, and how the classes are read from them."""

    count: Annotated[int, Field(ge=1, le=128)] = 20
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the tokens that is left out in training when the classes are read."""
    read_out: Literal["mean", "per_label"] = "mean"
    """All classes from the mean over tokens (official), or each class from its own token: as many tokens as classes."""
    enter: Annotated[int, Field(ge=0)] = 0
    """The block (from 0) that sees the tokens first; the blocks before it see patches alone."""


class Split(NamedTuple):
    """Tokens taken out of a sequence: own (B, K, D), and one such tensor for each group of receivers."""

    own: Tensor
    receivers: tuple[Tensor, ...]


class Tokens(nn.Module):
    """Put receivers (if any), group after group, then own tokens, before the patches.

    Own tokens start from a truncated normal (std 0.02), receivers from zero, as in the official code.

    Shapes:
        (B, N, D) -> (B, G*K + K + N, D)
    """

    def __init__(self, count: int, width: int, groups: int = 0) -> None:
        super().__init__()
        self.groups = groups
        self.own_KD = nn.Parameter(nn.init.trunc_normal_(torch.empty(count, width), std=0.02))
        self.receivers_KD = nn.Parameter(torch.zeros(groups * count, width)) if groups else None

    @property
    def count(self) -> int:
        """Count the tokens before the patches."""
        return len(self.own_KD) * (1 + self.groups)

    def forward(self, patches_BND: Tensor) -> Tensor:
        """Give the sequence with its tokens."""
        tokens = [self.own_KD] if self.receivers_KD is None else [self.receivers_KD, self.own_KD]
        return torch.cat([*(each.expand(len(patches_BND), -1, -1) for each in tokens), patches_BND], dim=1)

    def split(self, sequence_BND: Tensor) -> Split:
        """Take own tokens and receivers out of a sequence."""
        count = len(self.own_KD)
        *receivers, own_BKD = sequence_BND[:, : self.count].split(count, dim=1)
        return Split(own_BKD, tuple(receivers))


class Head(nn.Module):
    """Classify the mean over tokens, as the official code does, or each class by its own token.

    Its weights start as PyTorch's linear layers do; the official code draws them like the trunk's (std 0.02, no bias).

    Shapes:
        (B, K, D) -> (B, C)

    Raises:
        UserError: each class shall have its own token, and there are more or fewer tokens than classes.
    """

    def __init__(self, width: int, classes: int, tokens: TokenSettings, *, dropout: float) -> None:
        super().__init__()
        refuse_read_out(tokens, classes)
        self.reads_mean = tokens.read_out == "mean"
        self.token_dropout = nn.Dropout1d(tokens.dropout)
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(width, classes)

    def forward(self, tokens_BKD: Tensor) -> Tensor:
        """Give the logits; in training whole tokens and then features are dropped."""
        kept_BKD = self.token_dropout(tokens_BKD)
        if self.reads_mean:
            return self.projection(self.dropout(kept_BKD.mean(dim=1)))
        return (self.dropout(kept_BKD) * self.projection.weight).sum(dim=-1) + self.projection.bias


def refuse_read_out(tokens: TokenSettings, classes: int) -> None:
    """Refuse a read-out that does not fit the classes.

    Raises:
        UserError: it does not.
    """
    if tokens.read_out == "per_label" and tokens.count != classes:
        raise UserError(
            f"model.tokens.read_out: per_label reads every label from its own token, so model.tokens.count must be "
            f"the number of labels, {classes}, but is {tokens.count}. Set one of the two."
        )
