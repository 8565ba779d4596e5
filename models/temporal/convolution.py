"""Depthwise temporal adapter: narrow, convolve each channel over time, widen (as the ST-Adapter, arXiv:2206.13559).

Letters: B batch, T frames, S places of a frame, D width.
"""

from typing import Annotated, Literal

from pydantic import Field, field_validator
from torch import Tensor, nn

from models.frames import OverTime, TemporalSettings, back_to_places, each_place
from models.geometry import Grid


class Settings(TemporalSettings):
    """Frames that the convolution sees, and its width as a share of the trunk's."""

    name: Literal["convolution"] = "convolution"
    kernel: Annotated[int, Field(ge=1)] = 3
    ratio: Annotated[float, Field(gt=0, le=1)] = 0.5

    @field_validator("kernel")
    @classmethod
    def _is_odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError(f"must be odd, so that a frame stands in its middle, but got {kernel}.")
        return kernel


class Temporal(OverTime):
    """Mix neighbouring frames at each place, channel by channel.

    Shapes:
        (B, tokens + T*S, D) -> the same
    """

    def __init__(self, settings: Settings, width: int, grid: Grid, tokens: int) -> None:
        super().__init__(grid, tokens)
        narrow = max(1, int(width * settings.ratio))
        self.norm = nn.LayerNorm(width)
        self.narrow = nn.Linear(width, narrow)
        self.convolution = nn.Conv1d(narrow, narrow, settings.kernel, padding=settings.kernel // 2, groups=narrow)
        self.widen = nn.Linear(narrow, width)

    def change(self, patches_BTSD: Tensor) -> Tensor:
        """Narrow, convolve and widen."""
        narrow_BTD = each_place(self.narrow(self.norm(patches_BTSD)))
        mixed_BTD = self.convolution(narrow_BTD.transpose(1, 2)).transpose(1, 2)
        return self.widen(back_to_places(nn.functional.gelu(mixed_BTD), patches_BTSD))
