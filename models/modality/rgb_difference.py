"""RGB difference: what moves between two frames (the paper's auxiliary modality).

Letters: B batch, T frame, H W rows and columns.
"""

from typing import Literal

import torch
from torch import Tensor

from models.senders import SenderSettings, VideoSender

STREAM = "rgb"


class Settings(SenderSettings):
    """The file it starts from."""

    name: Literal["rgb_difference"] = "rgb_difference"


class Sender(VideoSender):
    """Encode the difference of each frame to the one before.

    Shapes:
        normalised RGB clip (B, 3, T, H, W) -> Encoded
    """

    def shown(self, stream_BCTHW: Tensor) -> Tensor:
        """Give |frame(t) - frame(t-1)|; the first frame, which has none before it, is zero."""
        return torch.diff(stream_BCTHW, dim=2, prepend=stream_BCTHW[:, :, :1]).abs()
