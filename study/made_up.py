"""Batches that show nothing, of the shape that real ones have: to measure what a network costs.

Letters: B batch, T H W frames, rows, columns, J joints, A axes.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from models.geometry import ClipShape

CHANNELS = {"rgb": 3, "optical_flow": 2, "depth": 1}


def batch(streams: Iterable[str], size: int, shape: ClipShape, device: str = "cpu") -> dict[str, Tensor]:
    """Make a batch of `size` clips with these streams.

    Shapes:
        pictures (B, channels, T, H, W), joints (B, T, J, A)
    """
    return {name: _stream(name, size, shape, device) for name in streams}


def _stream(name: str, size: int, shape: ClipShape, device: str) -> Tensor:
    if name == "skeleton" and shape.skeleton is not None:
        return torch.rand(size, shape.frames, shape.skeleton.joints, shape.skeleton.axes, device=device)
    return torch.rand(size, CHANNELS[name], shape.frames, shape.size, shape.size, device=device)
