"""MCTF, multi-classification-token fusion, as the paper draws it (arXiv:2303.00952).

`mixed = mean(own, receivers) + CLS-Fusion(LN(own), LN(receivers))`, then `mixed + MLP(LN(mixed))`. What the
official code computes in its place is `mctf_official`.

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

    name: Literal["mctf"] = "mctf"
    mlp_ratio: Annotated[float, Field(gt=0)] = 1.0
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Fusion(nn.Module):
    """Mix own and receiver tokens by their mutual attention, on top of their mean.

    Shapes:
        own and receivers (B, K, D) -> (B, K, D)
    """

    def __init__(self, settings: Settings, tokens: int, width: int) -> None:
        super().__init__()
        self.norm_own = nn.LayerNorm(width)
        self.norm_receivers = nn.LayerNorm(width)
        self.attention = MutualAttention(width)
        self.norm_mixed = nn.LayerNorm(width)
        hidden = int(width * settings.mlp_ratio)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.drop_path = drop_path(settings.drop_path)
        self.apply(initialise)

    def forward(self, own_BKD: Tensor, receivers_BKD: Tensor) -> Tensor:
        """Fuse the two."""
        mean_BKD = (own_BKD + receivers_BKD) / 2
        mixed_BKD = mean_BKD + self.attention(self.norm_own(own_BKD), self.norm_receivers(receivers_BKD))
        return mixed_BKD + self.drop_path(self.mlp(self.norm_mixed(mixed_BKD)))


class MutualAttention(nn.Module):
    """CLS-Fusion: the values of each side, weighted by the maps within that side and across, in both directions.

    Shapes:
        own and receivers (B, K, D) -> (B, K, D)
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = width**-0.5
        self.own = nn.Linear(width, 3 * width, bias=False)
        self.receivers = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(2 * width, width)

    def forward(self, own_BKD: Tensor, receivers_BKD: Tensor) -> Tensor:
        """Attend and join both sides."""
        own_q, own_k, own_v = self.own(own_BKD).chunk(3, dim=-1)
        receivers_q, receivers_k, receivers_v = self.receivers(receivers_BKD).chunk(3, dim=-1)
        across = self._map(own_q, receivers_k) + self._map(receivers_q, own_k)
        own = (self._map(own_q, own_k) + across) @ own_v
        receivers = (self._map(receivers_q, receivers_k) + across) @ receivers_v
        return self.project(torch.cat((own, receivers), dim=-1))

    def _map(self, q_BKD: Tensor, k_BKD: Tensor) -> Tensor:
        return (q_BKD @ k_BKD.transpose(1, 2) * self.scale).softmax(dim=-1)
