"""Small real videos, made on the spot, and a data set of them; disks that refuse; a store of one's own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

# Before torch is imported: threads that spin while they wait make small steps many times slower on shared cores.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.clip import Clip
from experiments.joints import LAYOUTS, Skeletons
from experiments.videos import VideoSet

WriteVideo = Callable[..., Path]
RunScript = Callable[..., str]
SPLIT_OF = ("train", "train", "train", "train", "train", "val_seen", "val_seen", "val_unseen", "test_seen")


@pytest.fixture
def write_video() -> WriteVideo:
    """Give a function that writes frames (T, H, W, 3), grey by default and brighter by 8 a frame, as H.264 in mp4.

    Another ending of the path is another container; more options are the encoder's.
    """

    def write(path: Path, frames: NDArray[np.uint8] | None = None, rotation: int = 0, **options: str) -> Path:
        shown = np.arange(20, dtype=np.uint8)[:, None, None, None] * 8 + np.zeros((1, 48, 64, 3), np.uint8)
        pictures = shown if frames is None else frames
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=30, options={"crf": "10", "preset": "ultrafast", **options})
            stream.height, stream.width = pictures.shape[1:3]
            stream.pix_fmt = "yuv420p"
            if rotation:
                stream.set_display_rotation(rotation)
            for picture in pictures:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write


@pytest.fixture
def video_set(tmp_path: Path, write_video: WriteVideo) -> VideoSet:
    """Give nine noisy clips of 24 frames of 40 x 32 px, with themselves as depth and with 33 joints."""
    rng = np.random.default_rng(0)
    names = [f"clip{number}.mp4" for number in range(len(SPLIT_OF))]
    joints = {name: rng.random((24, 33, 4)).astype(np.float16) for name in names}
    for name in names:
        noise = rng.integers(0, 255, (24, 4, 5, 3), np.uint8)
        write_video(tmp_path / "videos" / name, noise.repeat(8, axis=1).repeat(8, axis=2))
        joints[name][0, 0] = np.nan
    np.savez(tmp_path / "videos" / "skeletons.npz", **joints)  # type: ignore[arg-type]  # an argument is named alike
    clips = [
        Clip(name, split, "row" if "unseen" in split else "curl", (number % 3, 3), "ann")
        for number, (name, split) in enumerate(zip(names, SPLIT_OF, strict=True))
    ]
    files = {name: tmp_path / "videos" / name for name in names}
    skeletons = Skeletons(tmp_path / "videos" / "skeletons.npz", {name: name for name in names}, LAYOUTS["blazepose"])
    return VideoSet("gym", ("neck", "chest", "biceps", "wrists"), tuple(clips), files, skeletons, files)


@pytest.fixture
def run_on_small_disk(tmp_path: Path) -> RunScript:
    """Give a function that runs Python code with a small disk at `sys.argv[1]`, and returns what it prints."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def alone(size: str) -> list[str]:
        mount = f'mount -t tmpfs -o size={size} tmpfs {disk} && exec "$@"'
        return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]

    if shutil.which("unshare") is None or subprocess.run([*alone("1k"), "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk of their own (unshare --mount)")

    def run(code: str, size: str = "256k") -> str:
        command = [*alone(size), sys.executable, "-c", code, str(disk)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the store in a folder of its own; give the folder above it, for specs."""
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    return tmp_path
