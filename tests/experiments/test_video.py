"""Decoding of chosen frames, and files that are no videos."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from experiments import video

WriteVideo = Callable[..., Path]
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def stripes(names: list[str], across: bool) -> NDArray[np.uint8]:
    """Show three stripes of equal breadth: side by side in 96 x 32 px, or one upon the other in 32 x 96 px."""
    row = np.repeat(np.array([COLOURS[name] for name in names], np.uint8), 32, axis=0)
    image = np.broadcast_to(row, (32, 96, 3)) if across else np.broadcast_to(row[:, None], (96, 32, 3))
    return np.broadcast_to(image, (4, *image.shape))


def colour(pixel: NDArray[np.uint8]) -> str:
    return list(COLOURS)[int(pixel.argmax())]


def test_chosen_frames_are_shown_in_the_order_asked_with_repeats(tmp_path: Path, write_video: WriteVideo) -> None:
    path = write_video(tmp_path / "a.mp4")

    shown = video.frames(path, lambda _: [12, 3, 3, 19], side=16, fit="crop")

    assert video.length(path) == 20
    assert shown.shape == (4, 16, 16, 3)
    assert shown.dtype == np.uint8
    np.testing.assert_allclose(shown.mean(axis=(1, 2, 3)), np.array([12, 3, 3, 19]) * 8, atol=2.5)


def test_an_index_beyond_the_end_shows_the_last_frame(tmp_path: Path, write_video: WriteVideo) -> None:
    path = write_video(tmp_path / "a.mp4")

    shown = video.frames(path, lambda _: [19, 40], side=16, fit="crop")

    np.testing.assert_array_equal(shown[0], shown[1])


def test_crop_keeps_the_centre_square_and_squash_everything(tmp_path: Path, write_video: WriteVideo) -> None:
    path = write_video(tmp_path / "a.mp4", stripes(["red", "green", "blue"], across=True))

    crop, squash = (video.frames(path, lambda _: [0], side=24, fit=fit)[0] for fit in ("crop", "squash"))

    assert {colour(crop[12, column]) for column in (2, 12, 21)} == {"green"}
    assert [colour(squash[12, column]) for column in (3, 12, 20)] == ["red", "green", "blue"]


@pytest.mark.parametrize(("rotation", "expected"), [(90, ["blue", "green", "red"]), (-90, ["red", "green", "blue"])])
def test_a_video_taken_on_its_side_stands_upright(
    tmp_path: Path, write_video: WriteVideo, rotation: int, expected: list[str]
) -> None:
    path = write_video(tmp_path / "a.mp4", stripes(["red", "green", "blue"], across=True), rotation=rotation)

    image = video.frames(path, lambda _: [0], side=24, fit="squash")[0]

    assert [colour(image[row, 12]) for row in (3, 12, 20)] == expected
    assert video.size(path) == (32, 96)


def test_frames_equal_those_of_bare_pyav(tmp_path: Path, write_video: WriteVideo) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (6, 32, 32, 3), np.uint8)
    path = write_video(tmp_path / "a.mp4", noise)

    shown = video.frames(path, lambda _: range(6), side=32, fit="crop")

    np.testing.assert_array_equal(shown, bare(path))


@pytest.mark.parametrize("content", [b"", b"not a video\n" * 500], ids=["empty", "text"])
@pytest.mark.parametrize("read", [video.length, video.size, lambda path: video.frames(path, lambda _: [0], 8, "crop")])
def test_a_file_that_is_no_video_is_named(tmp_path: Path, content: bytes, read: Callable[[Path], object]) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)

    with pytest.raises(video.UnreadableVideo, match=r"a\.mp4 is (empty|no video that can be decoded)"):
        read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(video.UnreadableVideo, match=r"gone\.mp4 does not exist"):
        video.length(tmp_path / "gone.mp4")


def test_a_video_cut_off_in_the_middle_is_refused(tmp_path: Path, write_video: WriteVideo) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (20, 64, 64, 3), np.uint8)
    path = write_video(tmp_path / "a.mp4", noise)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(video.UnreadableVideo, match=r"a\.mp4"):
        video.frames(path, lambda _: [0, 19], 8, "crop")


def test_a_file_with_sound_alone_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))

    with pytest.raises(video.UnreadableVideo, match="holds no video stream"):
        video.length(path)


FILM = {"bf": "3", "b-pyramid": "none", "g": "12"}
"""Options with which no other frame refers to most of them."""


def moving(count: int) -> NDArray[np.uint8]:
    """Show a noise that moves."""
    noise = np.random.default_rng(1).integers(0, 255, (48, 64 + count, 3), np.uint8).repeat(2, axis=0)[:48]
    return np.stack([noise[:, first : first + 64] for first in range(count)])


def bare(path: Path) -> list[NDArray[np.uint8]]:
    """Decode all frames with bare PyAV."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def copy(whole: Path, cut: Path, left_out: int = 0, earlier: int = 0) -> Path:
    """Copy a video without encoding it anew: without its first packets, all of them earlier by some ticks."""
    with av.open(str(whole)) as source, av.open(str(cut), "w", options={"avoid_negative_ts": "disabled"}) as container:
        stream = source.streams.video[0]
        target = container.add_stream_from_template(stream)
        for packet in [packet for packet in source.demux(stream) if packet.size][left_out:]:
            packet.pts, packet.dts, packet.stream = packet.pts - earlier, packet.dts - earlier, target
            container.mux(packet)
    return cut


def hold_to_bare(path: Path, choices: list[list[int]]) -> None:
    """Compare chosen frames with those that bare PyAV gives; beyond the end stands the last one."""
    all_frames = bare(path)
    for taken in choices:
        shown = video.frames(path, lambda _, taken=taken: taken, 48, "crop")
        wanted = [all_frames[min(index, len(all_frames) - 1)][:, 8:56] for index in taken]
        np.testing.assert_array_equal(shown, wanted)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.h264"])
def test_frames_are_the_same_where_others_between_them_are_skipped(
    tmp_path: Path, write_video: WriteVideo, name: str
) -> None:
    """H.264 without a container knows no times, and AVI false ones: nothing is skipped there."""
    path = write_video(tmp_path / name, moving(40), **FILM)
    assert len(bare(path)) == 40
    hold_to_bare(path, [[5], [39], [0, 1, 2], [7, 30, 8], list(range(0, 40, 9)), list(range(40))])


def test_a_clip_that_was_cut_without_encoding_it_anew_begins_where_it_is_shown(
    tmp_path: Path, write_video: WriteVideo
) -> None:
    whole = write_video(tmp_path / "whole.mp4", moving(40), **FILM)
    path = copy(whole, tmp_path / "cut.mp4", earlier=5 * 512)
    assert len(bare(path)) == video.length(path) == 35
    hold_to_bare(path, [[0], [3, 10], [34, 1], [2, 50]])


@pytest.mark.parametrize("name", ["cut.ts", "cut.mkv"])
def test_frames_that_lack_their_key_frame_are_not_counted_on(
    tmp_path: Path, write_video: WriteVideo, name: str
) -> None:
    path = copy(write_video(tmp_path / "whole.ts", moving(40), **FILM), tmp_path / name, left_out=3)
    assert len(bare(path)) < video.length(path)
    hold_to_bare(path, [[3], [0, 3], [12, 20]])
