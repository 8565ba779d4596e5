"""MCTF, multi-classification-token fusion, as the official code computes it.

It departs from the paper's drawing (see `mctf`) in three ways that are kept here on purpose:

- each map has its own projection, and `(map @ values)` is transposed, then reshaped back without transposing, which
  scrambles tokens and channels;
- the residual around the MLP is the mean of both sides, not the mixture;
- LayerNorms run over tokens and width together.

Letters: B batch, K classification tokens, D width.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.settings import Frozen
from models.trunk import drop_path, initialise

NEEDS_RECEIVERS = True


class Settings(Frozen):
    """Hidden width of the MLP as a multiple of the tokens' width, and stochastic depth of its branch."""

    name: Literal["mctf_official"] = "mctf_official"
    mlp_ratio: Annotated[float, Field(gt=0)] = 1.0
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Fusion(nn.Module):
    """Mix receivers (the official side 1) and own tokens (side 2).

    Shapes:
        own and receivers (B, K, D) -> (B, K, D)
    """

    def __init__(self, settings: Settings, tokens: int, width: int) -> None:
        super().__init__()
        self.norm_receivers = nn.LayerNorm((tokens, width))
        self.norm_own = nn.LayerNorm((tokens, width))
        self.attention = MutualAttention(width)
        self.norm_mixed = nn.LayerNorm((tokens, width))
        hidden = int(width * settings.mlp_ratio)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.drop_path = drop_path(settings.drop_path)
        self.apply(initialise)

    def forward(self, own_BKD: Tensor, receivers_BKD: Tensor) -> Tensor:
        """Fuse the two."""
        mean_BKD = (receivers_BKD + own_BKD) / 2
        mixed_BKD = mean_BKD + self.attention(self.norm_receivers(receivers_BKD), self.norm_own(own_BKD))
        return mean_BKD + self.drop_path(self.mlp(self.norm_mixed(mixed_BKD)))


class Side(nn.Module):
    """One side's queries, keys and values, and the projections of the three maps over its values."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.project_within = nn.Linear(width, width)
        self.project_receivers_own = nn.Linear(width, width)
        self.project_own_receivers = nn.Linear(width, width)


class MutualAttention(nn.Module):
    """Attend within and across both sides, with the official code's scrambled projections.

    Shapes:
        receivers and own (B, K, D) -> (B, K, D)
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = width**-0.5
        self.receivers = Side(width)
        self.own = Side(width)
        self.project = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, receivers_BKD: Tensor, own_BKD: Tensor) -> Tensor:
        """Attend and join both sides."""
        receivers_q, own_q = self.receivers.query(receivers_BKD), self.own.query(own_BKD)
        receivers_k, own_k = self.receivers.key(receivers_BKD), self.own.key(own_BKD)
        across = (self._map(receivers_q, own_k), self._map(own_q, receivers_k))
        receivers = _weigh(
            self.receivers, self._map(receivers_q, receivers_k), across, self.receivers.value(receivers_BKD)
        )
        own = _weigh(self.own, self._map(own_q, own_k), across, self.own.value(own_BKD))
        return self.project(torch.cat((receivers, own), dim=-1))

    def _map(self, q_BKD: Tensor, k_BKD: Tensor) -> Tensor:
        return (q_BKD @ k_BKD.transpose(1, 2) * self.scale).softmax(dim=-1)


def _weigh(side: Side, within: Tensor, across: tuple[Tensor, Tensor], value_BKD: Tensor) -> Tensor:
    receivers_own, own_receivers = across
    return (
        side.project_within(_scrambled(within @ value_BKD))
        + side.project_receivers_own(_scrambled(receivers_own @ value_BKD))
        + side.project_own_receivers(_scrambled(own_receivers @ value_BKD))
    )


def _scrambled(x_BKD: Tensor) -> Tensor:
    """Transpose, then read the same memory as (B, K, D) again: the official code's reshape."""
    return x_BKD.transpose(1, 2).reshape(x_BKD.shape)
