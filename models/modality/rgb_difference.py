"""RGB difference: what moves between two frames, seen by a trunk of the same shape as the main one.

Letters: B batch, T frame, H W rows and columns.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from models.geometry import ClipShape
from models.settings import Frozen
from models.tokens import Tokens, TokenSettings
from models.trunk import Encoded, Trunk, TrunkSettings

STREAM = "rgb"


class Settings(Frozen):
    """Nothing to set."""

    name: Literal["rgb_difference"] = "rgb_difference"


class Sender(nn.Module):
    """Encode the difference of each frame to the one before.

    Shapes:
        normalised RGB clip (B, 3, T, H, W) -> Encoded
    """

    def __init__(self, settings: Settings, trunk: TrunkSettings, tokens: TokenSettings, clip: ClipShape) -> None:
        super().__init__()
        self.trunk = Trunk(trunk, Tokens(tokens.count, trunk.width, receivers=False), clip)

    def forward(self, clip_BCTHW: Tensor) -> Encoded:
        """Encode the differences."""
        encoded: Encoded = self.trunk(difference(clip_BCTHW))
        return encoded


def difference(clip_BCTHW: Tensor) -> Tensor:
    """Give |frame(t) - frame(t-1)|; the first frame, which has none before it, is zero."""
    return torch.diff(clip_BCTHW, dim=2, prepend=clip_BCTHW[:, :, :1]).abs()
