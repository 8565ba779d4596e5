"""Depth: how far away everything is, where the data set has it (a single channel, from 0 to 1).

Letters: B batch, T frame, H W rows and columns.
"""

from typing import Literal

from torch import Tensor

from models.senders import SenderSettings, VideoSender

STREAM = "depth"


class Settings(SenderSettings):
    """The file it starts from."""

    name: Literal["depth"] = "depth"


class Sender(VideoSender):
    """Encode the depth.

    Shapes:
        depth (B, 1, T, H, W), 0 to 1 -> Encoded
    """

    CHANNELS = 1

    def shown(self, stream_BCTHW: Tensor) -> Tensor:
        """Give the depth between -1 and 1."""
        return 2 * stream_BCTHW - 1
