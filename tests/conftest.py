"""Small real videos, made on the spot."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

WriteVideo = Callable[..., Path]


@pytest.fixture
def write_video() -> WriteVideo:
    """Give a function that writes frames (T, H, W, 3), grey by default and brighter by 8 a frame, as H.264 in mp4."""

    def write(path: Path, frames: NDArray[np.uint8] | None = None, rotation: int = 0) -> Path:
        shown = np.arange(20, dtype=np.uint8)[:, None, None, None] * 8 + np.zeros((1, 48, 64, 3), np.uint8)
        pictures = shown if frames is None else frames
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=30, options={"crf": "10", "preset": "ultrafast"})
            stream.height, stream.width = pictures.shape[1:3]
            stream.pix_fmt = "yuv420p"
            if rotation:
                stream.set_display_rotation(rotation)
            for picture in pictures:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write
