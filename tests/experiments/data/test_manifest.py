"""Manifests: what is read from a sound one, and the message for each way in which one can be unsound."""

import csv
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from experiments import digest
from experiments.clip import BadClip, DataError, fingerprint
from experiments.data.manifest import Settings, read
from experiments.videos import VideoSet

REAL = Path(__file__).resolve().parents[3].parent / "shared" / "data"
needs_exercise_clips = pytest.mark.skipif(not (REAL / "exercise_clips").is_dir(), reason="../shared/data is not there")
needs_utd_mhad = pytest.mark.skipif(not (REAL / "utd_mhad").is_dir(), reason="../shared/data is not there")

Row = dict[str, Any]
SOUND: list[Row] = [
    {"clip": "b.mp4", "activity": "squat", "muscles": "quadriceps;gluteus", "split": "train", "group": "ann"},
    {"clip": "a.mp4", "activity": "curl", "muscles": "biceps", "split": "train", "group": "bob"},
    {"clip": "c.mp4", "activity": "squat", "muscles": "quadriceps;gluteus", "split": "val_seen", "group": "cal"},
    {"clip": "d.mp4", "activity": "row", "muscles": "biceps; latissimus", "split": "val_unseen", "group": "ann"},
]


def table(folder: Path, rows: list[Row]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "manifest.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def changed(line: int, **cells: str) -> list[Row]:
    """Change the row that stands in `line` of the file."""
    return [row | cells if number == line else row for number, row in enumerate(SOUND, start=2)]


def opened(path: Path, **settings: Any) -> VideoSet:
    return read(Settings(path=path, **settings))


def refusal(path: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        opened(path, **settings)
    return str(caught.value)


def test_a_sound_manifest_is_read_in_an_order_of_its_own(tmp_path: Path) -> None:
    dataset = opened(table(tmp_path / "gym", SOUND))

    assert dataset.name == "gym"
    assert [clip.name for clip in dataset.clips] == ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]
    assert [clip.group for clip in dataset.clips] == ["bob", "ann", "cal", "ann"]
    assert [[dataset.labels[muscle] for muscle in clip.muscles] for clip in dataset.clips] == [
        ["biceps"],
        ["quadriceps", "gluteus"],
        ["quadriceps", "gluteus"],
        ["biceps", "latissimus"],
    ]
    assert dataset.streams == ()


def test_the_data_name_is_that_of_the_folder_however_it_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(tmp_path / "gym", SOUND)
    (tmp_path / "gym" / "clips").mkdir()
    monkeypatch.chdir(tmp_path / "gym" / "clips")

    assert opened(Path("../manifest.csv")).name == "gym"


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    there, back = (opened(table(tmp_path / name / "gym", rows)) for name, rows in (("x", SOUND), ("y", SOUND[::-1])))

    assert there.clips == back.clips
    assert fingerprint(there) == fingerprint(back)


@pytest.mark.parametrize("muscles", [lambda text: text, lambda text: text.split(";")], ids=["text", "list"])
def test_parquet_is_read_like_csv(tmp_path: Path, muscles: Callable[[str], Any]) -> None:
    path = tmp_path / "manifest.parquet"
    polars.DataFrame([row | {"muscles": muscles(row["muscles"])} for row in SOUND]).write_parquet(path)

    assert opened(path).clips == opened(table(tmp_path, SOUND)).clips


def test_columns_and_separator_may_have_other_names(tmp_path: Path) -> None:
    rows = [{"video": row["clip"], **row, "muscles": row["muscles"].replace(";", "|")} for row in SOUND]
    renamed = [{name: cell for name, cell in row.items() if name != "clip"} for row in rows]

    dataset = opened(table(tmp_path, renamed), columns={"clip": "video"}, separator="|")

    assert dataset.clips == opened(table(tmp_path / "same", SOUND)).clips


def test_labels_may_be_those_that_occur(tmp_path: Path) -> None:
    dataset = opened(table(tmp_path, changed(3, muscles="grip")), labels="union")

    assert dataset.labels == ("biceps", "gluteus", "grip", "latissimus", "quadriceps")
    assert dataset.clips[0].muscles == (2,)


@pytest.mark.parametrize("column", ["clip", "activity", "muscles", "split"])
def test_a_missing_column_is_named_with_the_nearest_one(tmp_path: Path, column: str) -> None:
    rows = [{f"{name}s" if name == column else name: cell for name, cell in row.items()} for row in SOUND]

    message = refusal(table(tmp_path, rows))

    assert f"manifest.csv: {column}: no such column. Did you mean '{column}s'?" in message
    assert "data.source.columns" in message


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        (changed(3, muscles="bicep"), ["csv:3", "bicep: no such muscle group", "mean 'biceps'", "data.source.labels"]),
        (changed(4, muscles=" ; "), ["csv:4", "no muscle group is given for c.mp4", "remove the clip"]),
        (changed(4, split="val"), ["csv:4", "no such split as 'val'", "There are: train, val_seen"]),
        (changed(4, clip="./a.mp4"), ["csv:3", "csv:4", "a.mp4 is in two splits (train, val_seen)", "Remove"]),
        (changed(3, clip="b.mp4"), ["csv:2", "csv:3", "b.mp4 is listed 2 times"]),
        (changed(5, activity="curl"), ["csv:5", "unseen activities that are trained on: curl", "val_seen"]),
        (changed(5, activity=""), ["csv:5", "the column 'activity' is empty"]),
        (SOUND[2:], ["manifest.csv: no clip to train on", "There are 2 clips"]),
    ],
    ids=lambda value: value[1] if isinstance(value[0], str) else "",
)
def test_an_unsound_manifest_is_refused_naming_the_line(tmp_path: Path, rows: list[Row], parts: list[str]) -> None:
    message = refusal(table(tmp_path, rows))

    assert [part for part in parts if part not in message] == []


def test_many_faulty_rows_make_one_short_message(tmp_path: Path) -> None:
    unseen = [SOUND[3] | {"clip": f"{number}.mp4", "activity": "curl"} for number in range(20)]

    message = refusal(table(tmp_path, SOUND + unseen))

    assert "and 17 more" in message
    assert "20 clips of 1 such activities" in message


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("m.csv", b"", "no rows"),
        ("m.csv", b"clip,activity,muscles,split\n", "no rows"),
        ("m.csv", b'clip,activity,muscles,split\n"a,b\n', "m.csv:2: no row of a CSV file"),
        ("m.csv", b"\xff\xfe\x00clip\n", "no row of a CSV file"),
        ("m.parquet", b"text", "no Parquet file"),
    ],
)
def test_a_file_that_is_no_table_is_named(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)

    assert expected in refusal(tmp_path / name)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    assert "gone.csv: no such manifest" in refusal(tmp_path / "gone.csv")


def test_bad_files_are_said_when_they_are_opened(tmp_path: Path) -> None:
    dataset = opened(table(tmp_path, SOUND))
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "b.mp4").write_text("not a video")

    reasons = []
    for clip in dataset.clips[:3]:
        with pytest.raises(BadClip) as caught:
            dataset.frames(clip, lambda _: [0], 8, "crop")
        reasons.append(pickle.loads(pickle.dumps(caught.value)))

    assert [bad.clip for bad in reasons] == ["a.mp4", "b.mp4", "c.mp4"]
    assert [part in str(bad) for part, bad in zip(("empty", "no video", "not exist"), reasons, strict=True)] == [
        True
    ] * 3


def test_content_labels_and_splits_enter_the_fingerprint(tmp_path: Path) -> None:
    def mark(rows: list[Row], content: str = "video") -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir()))) / "gym"
        path = table(folder, rows)
        for row in rows:
            (folder / row["clip"]).write_text(content)
        return fingerprint(opened(path))

    assert mark(SOUND) == mark(SOUND)
    others = [mark(SOUND, "other"), mark(changed(3, muscles="chest")), mark(changed(4, split="test_seen"))]
    assert len({mark(SOUND), *others}) == 4


def test_digests_are_remembered_in_a_folder_that_is_given(tmp_path: Path) -> None:
    path, cache = table(tmp_path / "gym", SOUND), tmp_path / "cache"
    (tmp_path / "gym" / "a.mp4").write_text("video")
    fingerprint(read(Settings(path=path), cache))
    assert not cache.exists()  # to read a data set writes nothing into a store that is not there
    cache.mkdir()

    first = fingerprint(read(Settings(path=path), cache))

    assert first == fingerprint(opened(path))
    (remembered,) = json.loads((cache / digest.FILE).read_text())
    (cache / digest.FILE).write_text(json.dumps({remembered: "another"}))
    assert fingerprint(read(Settings(path=path), cache)) != first


def test_without_drops_clips_and_changes_the_fingerprint(tmp_path: Path) -> None:
    dataset = opened(table(tmp_path, SOUND))

    less = dataset.without(frozenset({"b.mp4"}))

    assert [clip.name for clip in less.clips] == ["a.mp4", "c.mp4", "d.mp4"]
    assert fingerprint(less) != fingerprint(dataset)


def test_reading_a_csv_does_not_import_polars(tmp_path: Path) -> None:
    path = table(tmp_path, SOUND)
    code = (
        "import sys; from experiments.data.manifest import Settings, read; "
        f"read(Settings(path={str(path)!r})); assert not {{'polars', 'torch'}} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


class TestSkeletons:
    """Skeletons beside the videos."""

    def folder(self, tmp_path: Path, joints: int = 33, axes: int = 4, prefix: str = "") -> Path:
        steps = np.arange(5, dtype=np.float16)[:, None, None] / 10
        arrays: dict[str, Any] = {prefix + row["clip"]: steps + np.zeros((1, joints, axes)) for row in SOUND}
        path = table(tmp_path, [row | {"skeleton_key": prefix + row["clip"]} for row in SOUND])
        np.savez(tmp_path / "skeletons.npz", **arrays)
        return path

    def test_those_beside_the_manifest_are_found_and_read_at_the_frames_asked(
        self, tmp_path: Path, write_video: Callable[..., Path]
    ) -> None:
        path = self.folder(tmp_path, prefix="key of ")
        write_video(tmp_path / "a.mp4")
        dataset: VideoSet = pickle.loads(pickle.dumps(opened(path)))

        joints = dataset.stream("skeleton", dataset.clips[0], lambda _: [1, 3, 3, 99], 24, "squash")

        assert dataset.streams == ("skeleton",)
        assert len(dataset.skeleton.edges) == 39
        assert joints.shape == (4, 33, 2)
        assert joints.dtype == np.float32
        np.testing.assert_allclose(joints[:, 0, 0], [0.1, 0.3, 0.3, 0.4], atol=1e-3)

    def test_a_crop_moves_image_coordinates_with_the_picture(
        self, tmp_path: Path, write_video: Callable[..., Path]
    ) -> None:
        dataset = opened(self.folder(tmp_path))
        write_video(tmp_path / "a.mp4")  # 64 x 48 px: the square shows x from 1/8 to 7/8

        joints = dataset.stream("skeleton", dataset.clips[0], lambda _: [0, 4], 24, "crop")

        np.testing.assert_allclose(joints[:, 0], [[-1 / 6, 0], [0.4 * 4 / 3 - 1 / 6, 0.4]], atol=1e-3)

    def test_metres_stay_as_they_are(self, tmp_path: Path, write_video: Callable[..., Path]) -> None:
        dataset = opened(self.folder(tmp_path, joints=20, axes=3))
        write_video(tmp_path / "a.mp4")

        joints = dataset.stream("skeleton", dataset.clips[0], lambda _: [2], 24, "crop")

        np.testing.assert_allclose(joints, np.full((1, 20, 3), 0.2), atol=1e-3)
        assert len(dataset.skeleton.edges) == 19

    def test_a_graph_of_ones_own_is_taken(self, tmp_path: Path) -> None:
        dataset = opened(self.folder(tmp_path, joints=3, axes=2), joints=[[0, 1], [1, 2]])

        assert dataset.skeleton.edges == ((0, 1), (1, 2))

    @pytest.mark.parametrize(
        ("joints", "axes", "settings", "expected"),
        [
            (7, 3, {}, "no known joint graph has 7 joints"),
            (33, 3, {"joints": "kinect20"}, "no known joint graph has 33 joints. There are: kinect20 (20 joints)"),
            (3, 3, {"joints": [[0, 3]]}, "[0, 3] links joints that are not there"),
            (33, 1, {}, "have shape (5, 33, 1)"),
            (33, 3, {"columns": {"skeleton_key": "activity"}}, "has no array 'squat'"),
            (33, 3, {"skeletons": "other.npz"}, "other.npz: no file of skeletons"),
        ],
    )
    def test_unfit_ones_are_refused(
        self, tmp_path: Path, joints: int, axes: int, settings: dict[str, Any], expected: str
    ) -> None:
        assert expected in refusal(self.folder(tmp_path, joints, axes), **settings)

    def test_they_are_left_alone_where_the_settings_say_so(self, tmp_path: Path) -> None:
        dataset = opened(self.folder(tmp_path, joints=7), skeletons=None)

        with pytest.raises(LookupError, match=r"no stream 'skeleton'\. There are: rgb"):
            dataset.stream("skeleton", dataset.clips[0], lambda _: [0], 24, "crop")

    def test_pickled_ones_are_not_admitted(self, tmp_path: Path) -> None:
        path = table(tmp_path, SOUND)
        arrays: dict[str, Any] = {row["clip"]: np.array([{}], object) for row in SOUND}
        np.savez(tmp_path / "skeletons.npz", **arrays)

        assert "the array 'b.mp4' cannot be read (Object arrays" in refusal(path)


@needs_exercise_clips
def test_the_real_exercise_clips_are_read() -> None:
    dataset = opened(REAL / "exercise_clips" / "manifest.csv")

    clip = dataset.clips[0]
    assert (dataset.name, len(dataset.clips), dataset.streams) == ("exercise_clips", 527, ("skeleton",))
    assert dataset.frames(clip, lambda count: [0, count - 1], 32, "crop").std() > 10
    assert dataset.stream("skeleton", clip, lambda _: [0], 32, "crop").shape == (1, 33, 2)
    assert len(fingerprint(dataset)) == 64


@needs_utd_mhad
def test_real_depth_is_main_input_and_stream() -> None:
    dataset = opened(REAL / "utd_mhad" / "manifest.csv", columns={"depth": "clip"})

    clip = dataset.clips[0]
    assert (dataset.name, len(dataset.clips), dataset.streams) == ("utd_mhad", 861, ("skeleton", "depth"))
    shown = dataset.frames(clip, lambda _: [3, 9], 32, "crop")
    depth = dataset.stream("depth", clip, lambda _: [3, 9], 32, "crop")
    np.testing.assert_array_equal(shown[..., :1], depth)
    assert dataset.stream("skeleton", clip, lambda _: [0], 32, "crop").shape == (1, 20, 3)
