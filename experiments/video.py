"""Chosen frames of a video file, decoded with PyAV and fitted to a square.

Letters: T frame.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from experiments.clip import Choose, DataError


class UnreadableVideo(DataError):
    """A file that is missing, empty, or not a video that can be decoded."""


def length(path: Path) -> int:
    """Count the frames of a video by its packets, without decoding (about 1 ms for a 4 s clip).

    Headers are not asked: they are often absent and sometimes wrong.

    Raises:
        UnreadableVideo: the file is missing, empty or corrupt.
    """
    with _opened(path) as (container, stream):
        count = sum(map(_is_shown, container.demux(stream)))
    if not count:
        raise _without_frames(path)
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
    raise _without_frames(path)


def frames(path: Path, choose: Choose, side: int, fit: str) -> NDArray[np.uint8]:
    """Decode the RGB frames that `choose` takes of those that there are, `side` px high and wide.

    Decodes from the start: exercise clips are a few seconds long and hold few key frames, so that seeking gains
    nothing. An index beyond the last frame that can be decoded shows that one.

    Args:
        fit: ``"crop"`` (short side to `side`, then the centre square) or ``"squash"`` (both sides to `side`).

    Shapes:
        -> (T, side, side, 3)

    Raises:
        UnreadableVideo: the file is missing, empty or corrupt.
    """
    fitted = _Fit(side, fit)
    with _opened(path) as (container, stream):
        packets = [packet for packet in container.demux(stream) if packet.size]
        times = [packet.pts for packet in packets if _is_shown(packet)]
        if not times:
            raise _without_frames(path)
        indices = [int(index) for index in choose(len(times))]
        wanted = set(indices)
        images = _by_time(stream, packets, times, wanted, fitted)
    if images.keys() != wanted:
        with _opened(path) as (container, stream):
            images = _by_place(path, container.decode(stream), wanted, fitted)
    return np.stack([images[index] for index in indices])


def _is_shown(packet: "Packet[VideoStream]") -> bool:
    """Tell it from one without a frame, and from one that only others need: so begins a clip that was cut as it was."""
    return packet.size > 0 and not packet.is_discard


def _without_frames(path: Path) -> UnreadableVideo:
    return UnreadableVideo(f"{path} holds a video stream without frames")


def _by_time(
    stream: VideoStream,
    packets: "Sequence[Packet[VideoStream]]",
    times: Sequence[int | None],
    wanted: set[int],
    fitted: "_Fit",
) -> dict[int, NDArray[np.uint8]]:
    """Decode wanted frames and those that others refer to, the rest is skipped; gives none where frames are lost.

    The times of shown packets tell which frame is which. Some files have none, or (AVI) those of decoding: packets are
    in that order, and where frames are shown in another, times that only rise are not those of showing. What cannot be
    decoded for lack of a key frame stands at the beginning and would move every place: the first frame must come out.
    """
    order = sorted(time for time in times if time is not None)
    if len(set(order)) < len(times) or (times == order and stream.codec_context.has_b_frames):
        return {}
    place_at = {order[place]: place for place in wanted if place < len(order)}
    needed = {order[0], packets[0].pts, *place_at}  # AV1 decides with its first packet what it skips of all
    images: dict[int, NDArray[np.uint8]] = {}
    begins = False
    for packet in [*packets, None]:
        if packet is not None:
            stream.codec_context.skip_frame = "DEFAULT" if packet.pts in needed else "NONREF"
        for frame in stream.codec_context.decode(packet):
            begins = begins or frame.pts == order[0]
            if frame.pts in place_at:
                images[place_at[frame.pts]] = fitted(frame)
        if len(images) == len(wanted):
            break
    return images if begins else {}


def _by_place(
    path: Path, decoded: Iterator[VideoFrame], wanted: set[int], fitted: "_Fit"
) -> dict[int, NDArray[np.uint8]]:
    """Decode all frames up to the last one that is wanted, and count them."""
    last = max(wanted)
    images: dict[int, NDArray[np.uint8]] = {}
    frame: VideoFrame | None = None
    for position, frame in enumerate(decoded):
        if position in wanted:
            images[position] = fitted(frame)
        if position >= last:
            break
    if frame is None:
        raise _without_frames(path)
    at_end = images[last] if last in images else fitted(frame)
    return {place: images.get(place, at_end) for place in wanted}


class _Fit:
    """Fits frames to a square; one for all frames of a video, since what swscale prepares is kept."""

    def __init__(self, side: int, fit: str) -> None:
        self._side = side
        self._covers = fit != "squash"
        self._scale = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        side = self._side
        width, height = _covering(frame.width, frame.height, side) if self._covers else (side, side)
        # One thread: by default swscale starts as many as there are cores, for every frame.
        scaled = self._scale.reformat(frame, width, height, "rgb24", interpolation="BILINEAR", threads=1)
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
