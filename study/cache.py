"""Decoded clips on disk: one uint8 array per stream, read through a memory map.

Decoding a clip takes as long as several small training steps, slicing a memory map next to nothing. An array holds a
little more than a training sees, `slack` frames and `margin` px, which leaves room for random starts and crops.

    <data>-<stream>-<digest>.npy          rgb: [N, T + slack, size + margin, size + margin, 3]

The digest is that of the data's content and of every setting that shapes the array, so that a file is never wrong,
only unused. It is written under another name and renamed when it is whole. Where clips could not be read there is no
array but a list of them, ``<data>-<stream>-<digest>.bad.json``, so that `--skip-bad` need not look for them again.
"""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.clip import BadClip, Choose, Clip, DataError, DataSet, fingerprint
from models import catalog
from results.files import read_json, rename, replace_json
from study import sampling
from study.pool import each
from study.publish import draft, sole_builder

if TYPE_CHECKING:  # study.settings imports torch
    from study.settings import FrameSettings

Progress = Callable[[int, int], None]

FORMAT = 2  # raised when other content is kept under the same settings
CHECK = 2  # raised when a check finds more
NAMED = 3  # bad clips named in a message


class BadClips(DataError):
    """Clips that cannot be read, all of them.

    Attributes:
        reasons: clip name -> what is wrong, naming the file.
    """

    def __init__(self, data: str, total: int, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        named = "; ".join(f"{name}: {reason}" for name, reason in list(self.reasons.items())[:NAMED])
        more = f"; and {len(reasons) - NAMED} more" if len(reasons) > NAMED else ""
        super().__init__(
            f"{len(reasons)} of {total} clips of {data} cannot be read. {named}{more}. "
            f"Mend or remove them, or add --skip-bad to go on without them."
        )


@dataclass(frozen=True)
class Cache:
    """The decoded clips of a data set, in the order of its clips.

    Attributes:
        files: stream -> file.
    """

    files: Mapping[str, Path]

    def stream(self, name: str) -> NDArray[Any]:
        """Map one stream into memory: (N, T + slack, ...), read-only.

        Raises:
            LookupError: it was not built.
        """
        if name not in self.files:
            raise LookupError(
                f"the cache holds no stream {name!r}. There are: {', '.join(self.files)}. Build it first."
            )
        array: NDArray[Any] = np.load(self.files[name], mmap_mode="r")
        return array


def build(
    dataset: DataSet,
    settings: "FrameSettings",
    folder: Path,
    workers: int = 1,
    progress: Progress = lambda done, total: None,
    streams: Sequence[str] = ("rgb",),
    mark: str | None = None,
) -> Cache:
    """Decode what `folder` does not hold yet; when several processes try, one does it and the others wait.

    Args:
        workers: processes that decode; with one, it is done here.
        progress: called with the clips that are done, and all.
        mark: fingerprint of `dataset`, where it is known already.

    Raises:
        BadClips: clips cannot be read; all of them are named, nothing is kept.
        DataError: the data has no such stream, or the disk is too small or cannot be written.
    """
    refuse_missing_streams(dataset, streams)
    mark, form = mark or fingerprint(dataset), _Form.of(settings)
    cache = Cache({stream: _file(folder, dataset, mark, form, stream) for stream in streams})
    reasons: dict[str, str] = {}
    for stream, file in cache.files.items():
        with sole_builder(file) as is_due:
            if is_due:
                reasons |= _decode(dataset, form, stream, file, workers, progress)
    if reasons:
        raise BadClips(dataset.name, len(dataset.clips), reasons)
    return cache


def check(
    dataset: DataSet,
    folder: Path,
    workers: int = 1,
    progress: Progress = lambda done, total: None,
    streams: Sequence[str] = ("rgb",),
) -> None:
    """Decode every clip once and keep nothing, for trainings without a cache; done once for the same content.

    Raises:
        BadClips: clips cannot be read; all of them are named.
        DataError: the data has no such stream.
    """
    refuse_missing_streams(dataset, streams)
    file = _checked(folder, dataset, streams)
    with sole_builder(file) as is_due:
        if is_due:
            reasons = _bad(each(_Look(dataset, tuple(streams)), len(dataset.clips), workers, progress))
            if reasons:
                replace_json(_bad_list(file), reasons)
                raise BadClips(dataset.name, len(dataset.clips), reasons)
            file.write_text(json.dumps({"clips": len(dataset.clips)}))


def known_bad(
    dataset: DataSet, settings: "FrameSettings", folder: Path, streams: Sequence[str] = ("rgb",)
) -> dict[str, str]:
    """Give the clips that `build` or `check` found unreadable, clip name -> what is wrong; nothing is decoded."""
    if settings.cache == "none":
        files = [_checked(folder, dataset, streams)]
    else:
        mark, form = fingerprint(dataset), _Form.of(settings)
        files = [_file(folder, dataset, mark, form, stream) for stream in streams]
    known: dict[str, str] = {}
    for path in map(_bad_list, files):
        if path.exists():
            known |= read_json(path)
    return known


def missing_bytes(dataset: DataSet, settings: "FrameSettings", folder: Path, streams: Sequence[str] = ("rgb",)) -> int:
    """Tell how much disk `build` would take for what `folder` does not hold yet; nothing without a cache.

    Raises:
        DataError: the data has no such stream.
    """
    refuse_missing_streams(dataset, streams)
    if settings.cache == "none":
        return 0
    mark, form = fingerprint(dataset), _Form.of(settings)
    due = [stream for stream in streams if not _file(folder, dataset, mark, form, stream).exists()]
    return size_bytes(dataset, settings, due)


def size_bytes(dataset: DataSet, settings: "FrameSettings", streams: Sequence[str] = ("rgb",)) -> int:
    """Tell how much disk the decoded clips take."""
    rows = [_Form.of(settings).example(dataset, stream) for stream in streams]
    return len(dataset.clips) * sum(row.nbytes for row in rows)


def refuse_missing_streams(dataset: DataSet, streams: Sequence[str]) -> None:
    """Check that the data has all of `streams`.

    Raises:
        DataError: it does not.
    """
    there = ("rgb", *dataset.streams)
    for stream in streams:
        if stream not in there and computed(stream) is None:
            raise DataError(
                f"{dataset.name}: the data has no stream {stream!r}. There are: {', '.join(there)}. "
                f"Choose a model.modality that reads one of them, or data that has it (--data)."
            )


def free_bytes(folder: Path) -> int:
    """Tell what is left of the disk of `folder`, which need not exist yet."""
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(there).free


def refuse_too_large(size: int, folder: Path) -> None:
    """Check that `size` bytes fit on the disk of `folder`, which need not exist yet.

    Raises:
        DataError: they do not.
    """
    free = free_bytes(folder)
    if size > free:
        raise DataError(
            f"{folder}: the decoded clips need {size / 1e9:.1f} GB. The disk has {free / 1e9:.1f} GB left. Decode "
            f"while training (data.cache: none), take smaller frames, or set STUDY_HOME to a folder on a larger disk."
        )


def shown(dataset: DataSet, clip: Clip, stream: str, choose: Choose, side: int, fit: str) -> NDArray[Any]:
    """Give a stream of `clip`, RGB or another, at the frames that `choose` takes.

    Raises:
        BadClip: a file is missing, empty or corrupt.
        LookupError: the data set has no such stream.
    """
    if stream == "rgb":
        return dataset.frames(clip, choose, side, fit)
    prepare = computed(stream)
    if prepare is not None:
        return prepare(dataset.frames(clip, choose, side, fit))
    return dataset.stream(stream, clip, choose, side, fit)


def computed(stream: str) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None:
    """Find what computes a stream from RGB frames: `prepare` of the modality of the same name; None without one."""
    if stream not in catalog.names("models.modality"):
        return None
    prepare: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None
    prepare = getattr(catalog.load("models.modality", stream), "prepare", None)
    return prepare


@dataclass(frozen=True)
class _Form:
    """What shapes a row: passed to the processes that decode, which so need not import the settings and torch."""

    count: int
    side: int
    stride: int | None
    fit: str

    @classmethod
    def of(cls, settings: "FrameSettings") -> "_Form":
        return cls(settings.frames + settings.slack, settings.size + settings.margin, settings.stride, settings.fit)

    def row(self, dataset: DataSet, clip: Clip, stream: str) -> NDArray[Any]:
        """Decode one clip: (T + slack, ...)."""
        choose = partial(sampling.spread, count=self.count, stride=self.stride)
        return shown(dataset, clip, stream, choose, self.side, self.fit)

    def example(self, dataset: DataSet, stream: str) -> NDArray[Any]:
        """Give an array of the form and type of a row; only for other streams than RGB is something decoded."""
        if stream == "rgb":
            return np.broadcast_to(np.uint8(0), (self.count, self.side, self.side, 3))
        for clip in dataset.clips:
            with suppress(BadClip):
                first = shown(dataset, clip, stream, lambda _: [0], self.side, self.fit)
                return np.broadcast_to(first, (self.count, *first.shape[1:]))
        raise DataError(f"{dataset.name}: no clip has a readable stream {stream!r}. Choose another modality.")


def _file(folder: Path, dataset: DataSet, mark: str, form: _Form, what: str) -> Path:
    content = json.dumps([FORMAT, mark, what, *dataclasses.astuple(form)])
    return folder / f"{dataset.name}-{what}-{hashlib.sha256(content.encode()).hexdigest()[:20]}.npy"


def _checked(folder: Path, dataset: DataSet, streams: Sequence[str]) -> Path:
    return folder / f"{dataset.name}-checked{CHECK}-{'-'.join(sorted(streams))}-{fingerprint(dataset)[:20]}.json"


def _bad_list(file: Path) -> Path:
    return file.with_suffix(".bad.json")


@dataclass(frozen=True)
class _Fill:
    """Decode clip number `index` into its row of `file`.

    Rows are written, not mapped: a full disk is then an error that can be told, not a signal that kills the process.
    """

    dataset: DataSet
    form: _Form
    stream: str
    file: Path
    offset: int
    shape: tuple[int, ...]

    def __call__(self, index: int) -> tuple[str, str] | None:
        clip = self.dataset.clips[index]
        try:
            row = self.form.row(self.dataset, clip, self.stream)
        except BadClip as bad:
            return bad.clip, bad.reason
        if row.shape != self.shape:
            return clip.name, f"its {self.stream} has the shape {row.shape}, and that of the others is {self.shape}"
        with self.file.open("r+b") as file:
            file.seek(self.offset + index * row.nbytes)
            file.write(np.ascontiguousarray(row).data)
        return None


@dataclass(frozen=True)
class _Look:
    """Decode every frame of clip number `index`."""

    dataset: DataSet
    streams: tuple[str, ...]

    def __call__(self, index: int) -> tuple[str, str] | None:
        clip = self.dataset.clips[index]
        try:
            for stream in self.streams:
                shown(self.dataset, clip, stream, range, 8, "squash")
        except BadClip as bad:
            return bad.clip, bad.reason
        return None


def _decode(dataset: DataSet, form: _Form, stream: str, file: Path, workers: int, progress: Progress) -> dict[str, str]:
    """Decode a stream of every clip into `file`; where some cannot be read, list and return those instead."""
    row, count = form.example(dataset, stream), len(dataset.clips)
    refuse_too_large(count * row.nbytes, file.parent)
    with draft(file) as (part, opened):
        np.lib.format.write_array_header_1_0(
            opened, {"descr": row.dtype.str, "fortran_order": False, "shape": (count, *row.shape)}
        )
        offset = opened.tell()
        opened.truncate(offset + count * row.nbytes)
        opened.flush()
        reasons = _bad(each(_Fill(dataset, form, stream, part, offset, row.shape), count, workers, progress))
        if reasons:
            replace_json(_bad_list(file), reasons)
        else:
            os.fsync(opened.fileno())
            rename(part, file)
    return reasons


def _bad(results: Sequence[tuple[str, str] | None]) -> dict[str, str]:
    return dict(bad for bad in results if bad is not None)
