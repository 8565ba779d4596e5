"""Grey edges: how fast the brightness changes across a frame (Sobel), without colour.

Letters: B batch, T frame, H W rows and columns.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from models.senders import SenderSettings, VideoSender

STREAM = "rgb"
_ACROSS = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))


class Settings(SenderSettings):
    """The file it starts from."""

    name: Literal["grayscale_edges"] = "grayscale_edges"


class Sender(VideoSender):
    """Encode the edges of each frame.

    Shapes:
        normalised RGB clip (B, 3, T, H, W) -> Encoded
    """

    CHANNELS = 1

    def shown(self, stream_BCTHW: Tensor) -> Tensor:
        """Give the length of the brightness gradient, (B, 1, T, H, W)."""
        grey_BTHW = stream_BCTHW.mean(dim=1)
        across = stream_BCTHW.new_tensor(_ACROSS) / 8
        kernels = torch.stack((across, across.T)).unsqueeze(1)
        padded = functional.pad(grey_BTHW.flatten(0, 1).unsqueeze(1), (1, 1, 1, 1), mode="replicate")
        edges = functional.conv2d(padded, kernels).square().sum(dim=1).add(1e-12).sqrt()
        return edges.view_as(grey_BTHW).unsqueeze(1)
