"""Gated recurrent unit (arXiv:1406.1078) over the frames at each place.

Letters: B batch, T frames, S places of a frame, D width.
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from models.frames import OverTime, TemporalSettings, back_to_places, each_place
from models.geometry import Grid


class Settings(TemporalSettings):
    """Width of the memory as a share of the trunk's."""

    name: Literal["recurrent"] = "recurrent"
    ratio: Annotated[float, Field(gt=0, le=1)] = 0.5


class Temporal(OverTime):
    """Read each place from the first frame to the last, and add what the memory holds at each.

    Shapes:
        (B, tokens + T*S, D) -> the same
    """

    def __init__(self, settings: Settings, width: int, grid: Grid, tokens: int) -> None:
        super().__init__(grid, tokens)
        hidden = max(1, int(width * settings.ratio))
        self.norm = nn.LayerNorm(width)
        self.unit = nn.GRU(width, hidden, batch_first=True)
        self.widen = nn.Linear(hidden, width)

    def change(self, patches_BTSD: Tensor) -> Tensor:
        """Run the unit along each place's frames."""
        memory_BTD, _ = self.unit(each_place(self.norm(patches_BTSD)))
        return self.widen(back_to_places(memory_BTD, patches_BTSD))
