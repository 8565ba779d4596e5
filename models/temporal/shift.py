"""Temporal shift (TSM, arXiv:1811.08383): some channels come from the frame before, some from the one after.

Letters: B batch, T frames, S places of a frame, D width.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from models.frames import OverTime, TemporalSettings
from models.geometry import Grid


class Settings(TemporalSettings):
    """Share of the channels that come from before, and the same share from after; the ends are filled with zeros."""

    name: Literal["shift"] = "shift"
    share: Annotated[float, Field(gt=0, le=0.5)] = 0.125


class Temporal(OverTime):
    """Move channels between frames; at an open gate of 1 this is TSM.

    Shapes:
        (B, tokens + T*S, D) -> the same
    """

    def __init__(self, settings: Settings, width: int, grid: Grid, tokens: int) -> None:
        super().__init__(grid, tokens)
        self.moved = max(1, int(width * settings.share))

    def change(self, patches_BTSD: Tensor) -> Tensor:
        """Give the difference that the shift makes."""
        earlier_BTSD, later_BTSD = patches_BTSD[..., : self.moved], patches_BTSD[..., self.moved : 2 * self.moved]
        from_before = functional.pad(earlier_BTSD[:, :-1], (0, 0, 0, 0, 1, 0))
        from_after = functional.pad(later_BTSD[:, 1:], (0, 0, 0, 0, 0, 1))
        return torch.cat((from_before, from_after, patches_BTSD[..., 2 * self.moved :]), dim=-1) - patches_BTSD
