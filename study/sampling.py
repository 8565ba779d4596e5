"""Which frames of a clip are taken.

Letters: T frame.
"""

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def spread(length: int, count: int, stride: int | None) -> Indices:
    """Take `count` frames evenly over the whole clip, or every `stride`-th around its middle.

    A clip that is too short repeats frames: all of them evenly, or its first and last.
    """
    if stride is None:
        return np.rint(np.linspace(0, length - 1, count)).astype(np.int64)
    first = (length - 1 - (count - 1) * stride) // 2
    return np.clip(first + stride * np.arange(count), 0, length - 1)


def window(length: int, count: int, slack: int, stride: int | None, time: float) -> Indices:
    """Take `count` frames starting at `time`, a share of the room that there is for starts.

    Without a stride, the room is the `slack` frames taken beyond `count`; with one, it is the whole clip.
    """
    if stride is None:
        first = start(slack, time)
        return spread(length, count + slack, None)[first : first + count]
    first = start(max(length - 1 - (count - 1) * stride, 0), time)
    return np.minimum(first + stride * np.arange(count), length - 1)


def start(room: int, time: float) -> int:
    """Turn a share from 0 to 1 into one of the `room` + 1 places to start, each equally likely."""
    return min(int(time * (room + 1)), room)


def view_times(views: int) -> list[float]:
    """Give the times at which the views of a clip start in evaluation: evenly from first to last, or the middle."""
    return [0.5] if views == 1 else [view / (views - 1) for view in range(views)]
