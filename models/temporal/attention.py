"""Temporal self-attention over frame tokens: each frame's mean asks all frames, and its patches share the answer.

Letters: B batch, T frames, S places of a frame, D width.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.attention import multihead
from models.frames import OverTime, TemporalSettings
from models.geometry import Grid


class Settings(TemporalSettings):
    """Heads of the attention; they divide the width of the trunk there."""

    name: Literal["attention"] = "attention"
    heads: Annotated[int, Field(ge=1)] = 1


class Temporal(OverTime):
    """Let frames attend to each other; a learned position tells them apart.

    Shapes:
        (B, tokens + T*S, D) -> the same
    """

    def __init__(self, settings: Settings, width: int, grid: Grid, tokens: int) -> None:
        super().__init__(grid, tokens)
        self.positions_TD = nn.Parameter(nn.init.trunc_normal_(torch.empty(grid.frames, width), std=0.02))
        self.norm = nn.LayerNorm(width)
        self.attention = multihead(width, settings.heads, "model.temporal.heads")

    def change(self, patches_BTSD: Tensor) -> Tensor:
        """Attend over the frames' means."""
        frames_BTD = self.norm(patches_BTSD.mean(dim=2) + self.positions_TD)
        attended_BTD, _ = self.attention(frames_BTD, frames_BTD, frames_BTD, need_weights=False)
        return attended_BTD.unsqueeze(2)
