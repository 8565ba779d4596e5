"""The cache of decoded clips: what it holds, who builds it, and what stops it."""

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.clip import DataError
from experiments.data import synthetic
from experiments.videos import VideoSet
from study import cache, sampling
from study.cache import BadClips, build
from study.settings import FrameSettings

ROOT = Path(__file__).parents[2]
SMALL = FrameSettings(frames=4, size=12, margin=4, slack=2)


@pytest.mark.parametrize("stride", [None, 3])
def test_rows_are_the_frames_that_the_data_shows(video_set: VideoSet, tmp_path: Path, stride: int | None) -> None:
    settings = SMALL.model_copy(update={"stride": stride})

    kept = build(video_set, settings, tmp_path / "cache").stream("rgb")

    assert kept.shape == (9, 6, 16, 16, 3)
    assert kept.dtype == np.uint8
    sample = partial(sampling.spread, count=6, stride=stride)
    for row, clip in zip(kept, video_set.clips, strict=True):
        np.testing.assert_array_equal(row, video_set.frames(clip, sample, 16, "crop"))


def test_every_stream_of_the_data_can_be_kept(video_set: VideoSet, tmp_path: Path) -> None:
    kept = build(video_set, SMALL, tmp_path / "cache", streams=("rgb", "depth", "skeleton"))

    sample = partial(sampling.spread, count=6, stride=None)
    for name, shape in {"depth": (9, 6, 16, 16, 1), "skeleton": (9, 6, 33, 2)}.items():
        shown = video_set.stream(name, video_set.clips[7], sample, 16, "crop")
        assert kept.stream(name).shape == shape
        np.testing.assert_array_equal(kept.stream(name)[7], shown)
    assert np.isnan(kept.stream("skeleton")[7, 0, 0]).all()
    with pytest.raises(LookupError, match="flow"):
        kept.stream("flow")


def test_joints_of_another_number_are_a_bad_clip_and_overwrite_nobody(
    video_set: VideoSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert video_set.skeletons is not None
    with np.load(video_set.skeletons.path) as file:
        arrays = dict(file)
    odd = video_set.clips[2].name
    arrays[video_set.skeletons.keys[odd]] = np.zeros((24, 20, 2))
    np.savez(video_set.skeletons.path, **arrays)
    with pytest.raises(BadClips, match=rf"{odd}: its skeleton has the shape \(6, 20, 2\).*others is \(6, 33, 2\)"):
        build(video_set, SMALL, tmp_path / "cache", streams=("skeleton",))


def test_how_skeletons_are_read_is_part_of_the_data(video_set: VideoSet) -> None:
    skeletons, (clip, other) = video_set.skeletons, video_set.clips[:2]
    assert skeletons is not None
    swapped = {**skeletons.keys, clip.name: skeletons.keys[other.name], other.name: skeletons.keys[clip.name]}
    metres = dataclasses.replace(skeletons.layout, units="metres")
    changes: list[dict[str, Any]] = [{"keys": swapped}, {"layout": metres}]
    for change in changes:
        changed = dataclasses.replace(video_set, skeletons=dataclasses.replace(skeletons, **change))
        assert changed.fingerprint(clip) != video_set.fingerprint(clip)


def test_rendered_clips_are_kept_like_videos(tmp_path: Path) -> None:
    data = synthetic.read(synthetic.Settings(train=1, val_seen=1, val_unseen=1, test_seen=1, test_unseen=1, frames=9))

    kept = build(data, SMALL, tmp_path).stream("rgb")

    np.testing.assert_array_equal(
        kept[2], data.frames(data.clips[2], lambda _: sampling.spread(9, 6, None), 16, "crop")
    )


def test_several_processes_keep_what_one_keeps(video_set: VideoSet, tmp_path: Path) -> None:
    reported: list[int] = []

    one = build(video_set, SMALL, tmp_path / "one")
    two = build(video_set, SMALL, tmp_path / "two", workers=2, progress=lambda done, total: reported.append(done))

    assert one.files["rgb"].read_bytes() == two.files["rgb"].read_bytes()
    assert (reported[0], reported[-1]) == (0, 9)


def test_what_was_decoded_is_not_decoded_again(video_set: VideoSet, tmp_path: Path) -> None:
    first = build(video_set, SMALL, tmp_path / "cache")
    for file in video_set.videos.values():
        file.unlink()

    second = build(video_set, SMALL, tmp_path / "cache")

    assert second == first


@pytest.mark.parametrize(
    "change", [{"frames": 3}, {"slack": 1}, {"size": 8}, {"margin": 2}, {"stride": 1}, {"fit": "squash"}], ids=str
)
def test_another_setting_is_another_file(video_set: VideoSet, tmp_path: Path, change: dict[str, Any]) -> None:
    first = build(video_set, SMALL, tmp_path / "cache")

    second = build(video_set, SMALL.model_copy(update=change), tmp_path / "cache")

    assert second.files["rgb"] != first.files["rgb"]


def test_settings_that_shape_no_frame_share_the_file(video_set: VideoSet, tmp_path: Path) -> None:
    first = build(video_set, SMALL, tmp_path / "cache")

    second = build(video_set, SMALL.model_copy(update={"views": 3, "mean": (0, 0, 0)}), tmp_path / "cache")

    assert second == first


def test_other_content_is_another_file(video_set: VideoSet, tmp_path: Path) -> None:
    first = build(video_set, SMALL, tmp_path / "cache")
    videos = list(video_set.videos.values())
    videos[0].write_bytes(videos[1].read_bytes())
    reread = VideoSet(video_set.name, video_set.labels, video_set.clips, video_set.videos)

    assert build(reread, SMALL, tmp_path / "cache").files["rgb"] != first.files["rgb"]


@pytest.mark.parametrize("workers", [1, 2])
def test_bad_clips_are_named_in_one_message_and_can_be_left_out(
    video_set: VideoSet, tmp_path: Path, workers: int
) -> None:
    names = [clip.name for clip in video_set.clips]
    video_set.videos[names[1]].write_text("not a video")
    video_set.videos[names[4]].write_bytes(b"")
    video_set.videos[names[6]].unlink()
    video_set.videos[names[8]].unlink()

    with pytest.raises(BadClips) as caught:
        build(video_set, SMALL, tmp_path / "cache", workers)

    assert list(caught.value.reasons) == [names[number] for number in (1, 4, 6, 8)]
    message = str(caught.value)
    assert message.startswith("4 of 9 clips of gym cannot be read.")
    assert "clip1.mp4 is no video" in message
    assert "clip4.mp4 is empty" in message
    assert "clip6.mp4 does not exist; and 1 more. " in message
    assert "--skip-bad" in message
    assert [file.name.endswith(".bad.json") for file in (tmp_path / "cache").iterdir()] == [True]
    assert cache.known_bad(video_set, SMALL, tmp_path / "cache") == caught.value.reasons
    rest = video_set.without(frozenset(caught.value.reasons))
    assert len(build(rest, SMALL, tmp_path / "cache").stream("rgb")) == 5


def test_clips_are_checked_once_where_nothing_is_kept(video_set: VideoSet, tmp_path: Path) -> None:
    cache.check(video_set, tmp_path / "cache")
    for file in video_set.videos.values():
        file.write_bytes(b"")

    cache.check(video_set, tmp_path / "cache")
    with pytest.raises(BadClips, match=r"9 of 9 clips .* is empty"):
        cache.check(video_set, tmp_path / "other")


def test_every_stream_is_checked_where_nothing_is_kept(video_set: VideoSet, tmp_path: Path) -> None:
    depth = tmp_path / "depth.mp4"
    depth.write_text("not a video")
    broken = dataclasses.replace(video_set, depth=dict.fromkeys(video_set.videos, depth))

    cache.check(broken, tmp_path / "cache")
    with pytest.raises(BadClips, match=r"9 of 9 clips .*depth\.mp4 is no video"):
        cache.check(broken, tmp_path / "cache", streams=("rgb", "depth"))


@pytest.mark.parametrize(
    "ask",
    [
        lambda data, folder: build(data, SMALL, folder, streams=("rgb", "flow")),
        lambda data, folder: cache.check(data, folder, streams=("rgb", "flow")),
        lambda data, folder: cache.missing_bytes(data, SMALL, folder, ("rgb", "flow")),
        lambda data, folder: cache.missing_bytes(data, SMALL.model_copy(update={"cache": "none"}), folder, ("flow",)),
    ],
    ids=["build", "check", "size", "size without a cache"],
)
def test_a_stream_that_the_data_does_not_have_is_refused(
    video_set: VideoSet, tmp_path: Path, ask: Callable[[VideoSet, Path], Any]
) -> None:
    message = r"gym: .* no stream 'flow'\. There are: rgb, skeleton, depth\. Choose a model\.modality .*--data"
    with pytest.raises(DataError, match=message):
        ask(video_set, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_the_size_is_known_before_and_nothing_is_missing_afterwards(video_set: VideoSet, tmp_path: Path) -> None:
    size = cache.size_bytes(video_set, SMALL)

    assert cache.missing_bytes(video_set, SMALL, tmp_path / "cache") == size
    file = build(video_set, SMALL, tmp_path / "cache").files["rgb"]

    assert file.stat().st_size - size == 128, "the header"
    assert cache.missing_bytes(video_set, SMALL, tmp_path / "cache") == 0
    assert cache.missing_bytes(video_set, SMALL.model_copy(update={"cache": "none"}), tmp_path / "other") == 0


def test_a_cache_larger_than_the_disk_is_refused(video_set: VideoSet, tmp_path: Path) -> None:
    huge = SMALL.model_copy(update={"size": 1_000_000})

    with pytest.raises(DataError, match=r"need 162001\.\d GB\. The disk has .*data\.cache: none"):
        build(video_set, huge, tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(video_set: VideoSet, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DataError, match=r"cache: decoded clips cannot be written .* set STUDY_HOME"):
        build(video_set, SMALL, tmp_path / "file" / "cache")


BUILD = """
import sys
from collections.abc import Callable
from pathlib import Path
from experiments.data import synthetic
from study.cache import build
from study.settings import FrameSettings

folder, train = Path(sys.argv[1]), int(sys.argv[2])
data = synthetic.read(synthetic.Settings(train=train, val_seen=1, val_unseen=1, test_seen=1, test_unseen=1))
build(data, FrameSettings(frames=4, size=32), folder, 1, lambda *done: print(*done, flush=True))
"""


def started(folder: Path, train: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(folder), str(train)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_two_processes_that_build_the_same_decode_it_once(tmp_path: Path) -> None:
    builders = [started(tmp_path, 100), started(tmp_path, 100)]

    reported = [builder.communicate(timeout=60)[0].splitlines() for builder in builders]

    assert [builder.returncode for builder in builders] == [0, 0]
    assert sorted(len(lines) > 0 for lines in reported) == [False, True]
    assert [file.suffix for file in tmp_path.iterdir()] == [".npy"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_a_build_that_was_stopped_leaves_nothing_that_the_next_keeps(tmp_path: Path, number: signal.Signals) -> None:
    builder = started(tmp_path, 400)
    assert builder.stdout is not None
    lines = [builder.stdout.readline() for _ in range(3)]
    assert lines[0] == "0 404\n"

    builder.send_signal(number)
    builder.wait(timeout=20)

    suffixes = [".part"] if number == signal.SIGKILL else []
    assert [file.suffix for file in tmp_path.iterdir() if file.suffix != ".lock"] == suffixes
    assert not list(tmp_path.glob("*.npy"))


def test_the_cache_can_be_built_without_torch() -> None:
    code = "import sys, study.cache, study.augment, study.sampling; assert not {'torch', 'timm'} & set(sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
