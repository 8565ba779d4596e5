"""Optical flow between neighbouring frames (DIS, arXiv:1603.03590), computed once and kept in the cache.

A displacement is kept as one byte for each direction: 128 is no motion, and a step is 1/8 px of a frame of 64 px, so
that the farthest, a quarter of the frame's width, is the same share of any frame.

Letters: B batch, T frame, H W rows and columns.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.senders import SenderSettings, VideoSender

STREAM = "optical_flow"
STILL = 128
STEPS_A_FRAME = 512
"""Steps in a frame's width."""


class Settings(SenderSettings):
    """The file it starts from."""

    name: Literal["optical_flow"] = "optical_flow"


class Sender(VideoSender):
    """Encode the flow.

    Shapes:
        flow (B, 2, T, H, W) as bytes divided by 255 -> Encoded
    """

    CHANNELS = 2

    def shown(self, stream_BCTHW: Tensor) -> Tensor:
        """Give the flow in parts of the farthest that is kept; the first frame, which has none before it, is still."""
        moving = (stream_BCTHW * 255 - STILL) / (255 - STILL)
        moving[:, :, 0] = 0
        return moving


def prepare(frames_THWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Compute how each frame moved since the one before; the first frame is still.

    Shapes:
        RGB (T, H, W, 3) -> (T, H, W, 2): x and y

    Raises:
        ValueError: the frames are smaller than 12 px.
    """
    import cv2

    if min(frames_THWC.shape[1:3]) < 12:
        raise ValueError(f"optical flow needs frames of at least 12 px, but got {frames_THWC.shape[1:3]}.")
    cv2.setNumThreads(1)  # a worker of ours has one core
    grey = [cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2GRAY) for frame_HWC in frames_THWC]
    dense = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow_THW2 = np.zeros((*frames_THWC.shape[:3], 2), np.float32)
    for index in range(1, len(grey)):
        flow_THW2[index] = dense.calc(grey[index - 1], grey[index], flow_THW2[index])
    steps = flow_THW2 * (STEPS_A_FRAME / frames_THWC.shape[2])
    kept: NDArray[np.uint8] = np.rint(steps + STILL).clip(1, 255).astype(np.uint8)
    return kept
