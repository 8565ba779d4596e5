"""All active: every muscle group works in every clip.

Letters: B batch, C classes.
"""

from typing import Literal

import torch
from torch import Tensor

from models.geometry import ClipShape
from models.peers import AnyBaseline, Untrained
from models.trunk import TrunkSettings

STREAM = "rgb"
CERTAIN = 5.0


class Settings(AnyBaseline):
    """Nothing to set."""

    name: Literal["all_active"] = "all_active"


class Baseline(Untrained):
    """Say yes to everything.

    Shapes:
        (B, ...) -> (B, C)
    """

    def __init__(self, settings: Settings, trunk: TrunkSettings, classes: int, clip: ClipShape) -> None:
        super().__init__(classes)

    def forward(self, stream: Tensor) -> Tensor:
        """Give every class of every clip the same high logit."""
        return torch.full((len(stream), self.classes), CERTAIN, device=stream.device)
