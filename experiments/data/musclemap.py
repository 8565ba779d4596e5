"""Reader of MuscleMap's own layout (arXiv:2303.00952): for every split a pickled list of paths and one of labels.

Two things are not published with its code and are settings here: which label number is which muscle group, and how a
path tells the activity. Pickles are read by a reader that admits no code.
"""

import os
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator

from experiments import pickles
from experiments.checks import Entry, refuse_unsound
from experiments.clip import MUSCLES, SPLITS, Clip, DataError
from experiments.videos import VideoSet
from models.settings import Frozen, outside


class Settings(Frozen):
    """A folder of MuscleMap's lists and how to read them."""

    name: Literal["musclemap"] = "musclemap"
    folder: Path = outside(...)
    """Holds the ten lists; relative video paths start here."""
    videos: str = "{split}_videos.pkl"
    muscles: str = "{split}_labels.pkl"
    replace: tuple[str, str] | None = outside(None)
    """Text in the video paths and what stands there instead on this machine: a folder that was moved, or another
    rendition of the videos (the official code turns ``musclemap_trimmed`` into ``musclemap_rescale``)."""
    labels: tuple[str, ...] = MUSCLES
    """The muscle groups in the order of the label numbers."""
    activity: str = r"([^/]+)/[^/]+$"
    """Pattern whose first group is the activity in a video's path; by default the folder that holds the video."""

    @field_validator("activity")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"must be a regular expression, but got {pattern!r} ({error}).") from error
        if not groups:
            raise ValueError(f"must hold a group in parentheses for the activity, but got {pattern!r}.")
        return pattern


def read(settings: Settings, cache: Path | None = None) -> VideoSet:
    """Read the ten lists; videos are not opened.

    Args:
        cache: folder where the digests of files are remembered, if anywhere.

    Raises:
        DataError: a list is missing, damaged, of another form, or unsound.
    """
    folder = Path(os.path.abspath(settings.folder))
    listed = {split: _listed(folder, split, settings) for split in SPLITS}
    folders = {os.path.dirname(folder / path) for videos, _ in listed.values() for path in videos}
    root = os.path.commonpath(folders or {str(folder)})
    entries, files = [], {}
    for split, (videos, muscles) in listed.items():
        for number, (path, own) in enumerate(zip(videos, muscles, strict=True)):
            where = f"{folder / settings.videos.format(split=split)}[{number}]"
            name = os.path.relpath(folder / path, root)
            entries.append(Entry(where, Clip(name, split, _activity(where, path, settings), own)))
            files[name] = folder / (path.replace(*settings.replace) if settings.replace else path)
    refuse_unsound(str(folder), entries)
    clips = tuple(sorted((entry.clip for entry in entries), key=lambda clip: clip.name))
    return VideoSet(folder.name, settings.labels, clips, files, cache=cache)


def _listed(folder: Path, split: str, settings: Settings) -> tuple[list[str], list[tuple[int, ...]]]:
    """Read the videos of `split` and their label indices."""
    videos_path = folder / settings.videos.format(split=split)
    muscles_path = folder / settings.muscles.format(split=split)
    videos, muscles = pickles.load(videos_path), pickles.load(muscles_path)
    _refuse_other(videos_path, videos, "a list of video paths", str)
    _refuse_other(muscles_path, muscles, "a list of lists of label numbers", list)
    if len(videos) != len(muscles):
        raise DataError(
            f"{muscles_path}: {len(muscles)} lists of labels for {len(videos)} videos in {videos_path.name}. "
            f"One list per video is expected. Check that both lists are of the same split and version."
        )
    return (
        [os.path.normpath(path) for path in videos],
        [_indices(f"{muscles_path}[{number}]", own, len(settings.labels)) for number, own in enumerate(muscles)],
    )


def _refuse_other(path: Path, content: Any, expected: str, kind: type) -> None:
    wrong = content if not isinstance(content, list) else next((x for x in content if not isinstance(x, kind)), None)
    if wrong is not None:
        raise DataError(f"{path}: holds {wrong!r:.60}. It must be {expected}. Check which file it is.")


def _indices(where: str, numbers: list[Any], count: int) -> tuple[int, ...]:
    wrong = [number for number in numbers if type(number) is not int or not 0 <= number < count]
    if wrong:
        raise DataError(
            f"{where}: no such label number as {wrong[0]!r}. There are: 0 to {count - 1}. "
            f"Correct the list, or name as many muscle groups in data.source.labels."
        )
    return tuple(sorted(set(numbers)))


def _activity(where: str, path: str, settings: Settings) -> str:
    found = re.search(settings.activity, path)
    if found is None or not found[1]:
        raise DataError(
            f"{where}: {path} tells no activity. The pattern {settings.activity!r} must match every path, with the "
            f"activity in its first group. Correct data.source.activity."
        )
    return found[1]
