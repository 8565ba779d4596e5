"""Chosen frames of a video file, decoded with PyAV and fitted to a square.

Letters: T frame.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from experiments.clip import DataError


class UnreadableVideo(DataError):
    """A file that is missing, empty, or not a video that can be decoded."""


def length(path: Path) -> int:
    """Count the frames of a video by its packets, without decoding (about 1 ms for a 4 s clip).

    Headers are not asked: they are often absent and sometimes wrong.

    Raises:
        UnreadableVideo: the file is missing, empty or corrupt.
    """
    with _opened(path) as (container, stream):
        count = sum(1 for packet in container.demux(stream) if packet.size)
    if not count:
        raise UnreadableVideo(f"{path} holds a video stream without frames")
    return count


def size(path: Path) -> tuple[int, int]:
    """Give width and height in px, as shown (after the rotation that a phone may have noted).

    Raises:
        UnreadableVideo: the file is missing, empty or corrupt.
    """
    with _opened(path) as (container, stream):
        for frame in container.decode(stream):
            sides = (frame.width, frame.height)
            return sides if frame.rotation % 180 == 0 else sides[::-1]
    raise UnreadableVideo(f"{path} holds a video stream without frames")


def frames(path: Path, indices: Sequence[int], side: int, fit: str) -> NDArray[np.uint8]:
    """Decode the RGB frames at `indices`, in any order and with repeats, `side` px high and wide.

    Decodes from the start to the last frame wanted: exercise clips are a few seconds long and hold few key frames,
    so that seeking gains nothing. An index beyond the last frame that can be decoded shows that one.

    Args:
        fit: ``"crop"`` (short side to `side`, then the centre square) or ``"squash"`` (both sides to `side`).

    Shapes:
        -> (T, side, side, 3)

    Raises:
        UnreadableVideo: the file is missing, empty or corrupt.
    """
    wanted, last = set(indices), max(indices)
    shown: dict[int, NDArray[np.uint8]] = {}
    with _opened(path) as (container, stream):
        frame: VideoFrame | None = None
        for position, frame in enumerate(container.decode(stream)):
            if position in wanted:
                shown[position] = _fitted(frame, side, fit)
            if position >= last:
                break
        if frame is None:
            raise UnreadableVideo(f"{path} holds a video stream without frames")
        if last not in shown:
            shown[last] = _fitted(frame, side, fit)
    return np.stack([shown.get(index, shown[last]) for index in indices])


def _fitted(frame: VideoFrame, side: int, fit: str) -> NDArray[np.uint8]:
    width, height = (side, side) if fit == "squash" else _covering(frame.width, frame.height, side)
    # One thread: by default swscale starts as many as there are cores, for every frame.
    scaled = frame.reformat(width=width, height=height, format="rgb24", interpolation="BILINEAR", threads=1)
    image = scaled.to_ndarray().astype(np.uint8, copy=False)
    top, left = (height - side) // 2, (width - side) // 2
    return np.rot90(image[top : top + side, left : left + side], frame.rotation // 90)


def _covering(width: int, height: int, side: int) -> tuple[int, int]:
    """Scale a size so that its short side is `side`."""
    short = min(width, height)
    return max(side, round(width * side / short)), max(side, round(height * side / short))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open the first video stream of a file, decoded by one thread: clips are decoded side by side in processes."""
    if not path.is_file():
        raise UnreadableVideo(f"{path} does not exist")
    if path.stat().st_size == 0:
        raise UnreadableVideo(f"{path} is empty (0 bytes)")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UnreadableVideo(f"{path} holds no video stream")
            stream = container.streams.video[0]
            stream.thread_count = 1
            yield container, stream
    except (av.FFmpegError, OSError) as error:
        raise UnreadableVideo(f"{path} is no video that can be decoded ({error.strerror})") from error
