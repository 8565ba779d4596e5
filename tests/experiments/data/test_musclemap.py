"""MuscleMap's pickled lists: read as published, refused where they are something else."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest

from experiments.clip import MUSCLES, SPLITS, DataError
from experiments.data.musclemap import Settings, read

Lists = dict[str, tuple[Any, Any]]


def sound() -> Lists:
    """Give two clips a split, as absolute paths of the machine on which the lists were made."""
    lists: Lists = {}
    for split in SPLITS:
        activity = split if split.endswith("_unseen") else "squat"
        paths = [f"/data/author/musclemap_trimmed/{activity}/{split}_{number}.mp4" for number in range(2)]
        lists[split] = (paths, [[13, 17], [3]])
    return lists


def written(folder: Path, lists: Lists) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for split, (videos, labels) in lists.items():
        (folder / f"{split}_videos.pkl").write_bytes(pickle.dumps(videos))
        (folder / f"{split}_labels.pkl").write_bytes(pickle.dumps(labels))
    return folder


def refusal(folder: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(Settings(folder=folder, **settings))
    return str(caught.value)


def test_the_published_layout_is_read(tmp_path: Path) -> None:
    dataset = read(Settings(folder=written(tmp_path / "MuscleMap", sound())))

    assert (dataset.name, dataset.labels, len(dataset.clips)) == ("MuscleMap", MUSCLES, 10)
    clip = dataset.clips[0]
    assert (clip.name, clip.activity, clip.split, clip.muscles) == (
        os.path.join("squat", "test_seen_0.mp4"),
        "squat",
        "test_seen",
        (13, 17),
    )


def test_arrays_may_stand_for_lists(tmp_path: Path) -> None:
    lists = sound()
    arrays = {
        split: (np.array(videos), np.array([np.array(own) for own in labels], object))
        for split, (videos, labels) in lists.items()
    }

    first, second = written(tmp_path / "a", lists), written(tmp_path / "b", arrays)

    assert read(Settings(folder=first)).clips == read(Settings(folder=second)).clips


def test_the_order_of_names_is_a_setting(tmp_path: Path) -> None:
    dataset = read(Settings(folder=written(tmp_path, sound()), labels=MUSCLES[::-1]))

    assert [dataset.labels[muscle] for muscle in dataset.clips[0].muscles] == [MUSCLES[6], MUSCLES[2]]


def test_videos_that_were_moved_are_found(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    write_video(tmp_path / "here" / "squat" / "train_0.mp4")
    moved = ("/data/author/musclemap_trimmed", str(tmp_path / "here"))

    dataset = read(Settings(folder=written(tmp_path / "lists", sound()), replace=moved))

    train = next(clip for clip in dataset.clips if clip.split == "train")
    assert dataset.length(train) == 20
    assert dataset.clips == read(Settings(folder=tmp_path / "lists")).clips


def test_relative_paths_start_at_the_folder(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    lists = {
        split: ([path.removeprefix("/data/author/") for path in videos], labels)
        for split, (videos, labels) in sound().items()
    }
    write_video(tmp_path / "musclemap_trimmed" / "squat" / "train_0.mp4")

    dataset = read(Settings(folder=written(tmp_path, lists)))

    assert dataset.length(next(clip for clip in dataset.clips if clip.split == "train")) == 20


def test_the_activity_may_stand_in_the_file_name(tmp_path: Path) -> None:
    lists: Lists = {
        split: ([f"videos/{'row' if 'unseen' in split else 'curl'}_{split}.mp4"], [[1]]) for split in SPLITS
    }

    dataset = read(Settings(folder=written(tmp_path, lists), activity=r"([a-z]+)_[^/]*$"))

    assert {clip.activity for clip in dataset.clips} == {"row", "curl"}
    assert "tells no activity" in refusal(tmp_path, activity=r"(\d+)/")
    assert "trained on: videos" in refusal(tmp_path)


@pytest.mark.parametrize("pattern", ["([a-z]+", "[a-z]+"])
def test_a_pattern_that_can_name_no_activity_is_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="must"):
        Settings(folder=tmp_path, activity=pattern)


@pytest.mark.parametrize(
    ("videos", "labels", "expected"),
    [
        (["a/b.mp4"], [[20]], "train_labels.pkl[0]: no such label number as 20. There are: 0 to 19"),
        (["a/b.mp4"], [["neck"]], "train_labels.pkl[0]: no such label number as 'neck'"),
        (["a/b.mp4"], [[True]], "no such label number as True"),
        (["a/b.mp4"], [[]], "train_videos.pkl[0]: no muscle group"),
        (["a/b.mp4"], [[1], [2]], "2 lists of labels for 1 videos"),
        ([7], [[1]], "train_videos.pkl: holds 7. It must be a list of video paths"),
        ("a/b.mp4", [[1]], "train_videos.pkl: holds 'a/b.mp4'"),
        (["a/b.mp4"], [1], "train_labels.pkl: holds 1. It must be a list of lists"),
        (["a/b.mp4"] * 2, [[1]] * 2, "is listed 2 times"),
        (["/data/author/musclemap_trimmed/squat/val_seen_0.mp4"], [[1]], "in two splits (train, val_seen)"),
        (["/data/author/musclemap_trimmed/val_unseen/new.mp4"], [[1]], "trained on: val_unseen"),
    ],
)
def test_an_unsound_list_is_named(tmp_path: Path, videos: Any, labels: Any, expected: str) -> None:
    assert expected in refusal(written(tmp_path, sound() | {"train": (videos, labels)}))


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    written(tmp_path, sound())
    (tmp_path / "val_unseen_labels.pkl").unlink()

    assert "val_unseen_labels.pkl: no such file" in refusal(tmp_path)


def test_a_list_that_carries_code_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    class Touch:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(tmp_path / "executed"),)

    message = refusal(written(tmp_path, sound() | {"train": ([Touch()], [[1]])}))

    assert "train_videos.pkl: refused, it asks for" in message
    assert not (tmp_path / "executed").exists()
