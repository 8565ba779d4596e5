"""Decoded clips on disk: one uint8 array per stream, read through a memory map.

Decoding a clip takes as long as several small training steps, slicing a memory map next to nothing. An array holds a
little more than a training sees, `slack` frames and `margin` px, which leaves room for random starts and crops.

    <data>-<stream>-<digest>.npy          rgb: [N, T + slack, size + margin, size + margin, 3]

The digest is that of the data's content and of every setting that shapes the array, so that a file is never wrong,
only unused. It is written under another name and renamed when it is whole.
"""

import fcntl
import glob
import hashlib
import json
import os
import shutil
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from experiments.clip import BadClip, DataError, DataSet, fingerprint
from study import sampling
from study.pool import each

if TYPE_CHECKING:  # study.settings imports torch
    from study.settings import FrameSettings

Progress = Callable[[int, int], None]

FORMAT = 1  # raised when other content is kept under the same settings
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
) -> Cache:
    """Decode what `folder` does not hold yet; when several processes try, one does it and the others wait.

    Args:
        workers: processes that decode; with one, it is done here.
        progress: called with the clips that are done, and all.

    Raises:
        BadClips: clips cannot be read; all of them are named, nothing is kept.
        DataError: the disk is too small, or cannot be written.
    """
    mark = fingerprint(dataset)
    cache = Cache({stream: folder / f"{_name(dataset.name, mark, settings, stream)}.npy" for stream in streams})
    for stream, file in cache.files.items():
        with _sole_builder(file) as is_due:
            if is_due:
                _decode(dataset, settings, stream, file, workers, progress)
    return cache


def check(
    dataset: DataSet,
    settings: "FrameSettings",
    folder: Path,
    workers: int = 1,
    progress: Progress = lambda done, total: None,
) -> None:
    """Decode every clip once and keep nothing, for trainings without a cache; done once for the same content.

    Raises:
        BadClips: clips cannot be read; all of them are named.
    """
    file = folder / f"{_name(dataset.name, fingerprint(dataset), settings, 'checked')}.json"
    with _sole_builder(file) as is_due:
        if is_due:
            _refuse_bad(dataset, each(_Look(dataset, settings), len(dataset.clips), workers, progress))
            file.write_text(json.dumps({"clips": len(dataset.clips)}))


def missing_bytes(dataset: DataSet, settings: "FrameSettings", folder: Path, streams: Sequence[str] = ("rgb",)) -> int:
    """Tell how much disk `build` would take for what `folder` does not hold yet; nothing without a cache."""
    if settings.cache == "none":
        return 0
    mark = fingerprint(dataset)
    due = [stream for stream in streams if not (folder / f"{_name(dataset.name, mark, settings, stream)}.npy").exists()]
    return size_bytes(dataset, settings, due)


def size_bytes(dataset: DataSet, settings: "FrameSettings", streams: Sequence[str] = ("rgb",)) -> int:
    """Tell how much disk the decoded clips take."""
    rows = [_row(dataset, settings, stream) for stream in streams]
    return len(dataset.clips) * sum(row.nbytes for row in rows)


def refuse_too_large(size: int, folder: Path) -> None:
    """Check that `size` bytes fit on the disk of `folder`, which need not exist yet.

    Raises:
        DataError: they do not.
    """
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if size > free:
        raise DataError(
            f"{folder}: the decoded clips need {size / 1e9:.1f} GB. The disk has {free / 1e9:.1f} GB left. Decode "
            f"while training (data.cache: none), take smaller frames, or set STUDY_HOME to a folder on a larger disk."
        )


def _name(data: str, mark: str, settings: "FrameSettings", stream: str) -> str:
    shape = [settings.frames, settings.slack, _side(settings), settings.stride, settings.fit]
    digest = hashlib.sha256(json.dumps([FORMAT, mark, stream, *shape]).encode()).hexdigest()
    return f"{data}-{stream}-{digest[:20]}"


def _side(settings: "FrameSettings") -> int:
    return settings.size + settings.margin


def _row(dataset: DataSet, settings: "FrameSettings", stream: str) -> NDArray[Any]:
    """Give an array of the form that one clip takes; other streams than RGB are asked for an example."""
    count, side = settings.frames + settings.slack, _side(settings)
    if stream == "rgb":
        return np.broadcast_to(np.uint8(0), (count, side, side, 3))
    for clip in dataset.clips:
        with suppress(BadClip):
            example = dataset.stream(stream, clip, [0], side, settings.fit)
            return np.broadcast_to(example[:1], (count, *example.shape[1:]))
    raise DataError(f"{dataset.name}: no clip has a readable stream {stream!r}. Choose another modality.")


@dataclass(frozen=True)
class _Fill:
    """Decode clip number `index` into its row of `file`.

    Rows are written, not mapped: a full disk is then an error that can be told, not a signal that kills the process.
    """

    dataset: DataSet
    settings: "FrameSettings"
    stream: str
    file: Path
    offset: int

    def __call__(self, index: int) -> tuple[str, str] | None:
        clip, settings = self.dataset.clips[index], self.settings
        side = _side(settings)
        try:
            count = settings.frames + settings.slack
            indices = sampling.spread(self.dataset.length(clip), count, settings.stride).tolist()
            if self.stream == "rgb":
                row: NDArray[Any] = self.dataset.frames(clip, indices, side, settings.fit)
            else:
                row = self.dataset.stream(self.stream, clip, indices, side, settings.fit)
        except BadClip as bad:
            return bad.clip, bad.reason
        with self.file.open("r+b") as file:
            file.seek(self.offset + index * row.nbytes)
            file.write(np.ascontiguousarray(row).data)
        return None


@dataclass(frozen=True)
class _Look:
    """Decode clip number `index` from its first to its last frame."""

    dataset: DataSet
    settings: "FrameSettings"

    def __call__(self, index: int) -> tuple[str, str] | None:
        clip = self.dataset.clips[index]
        try:
            self.dataset.frames(clip, [0, self.dataset.length(clip) - 1], 8, self.settings.fit)
        except BadClip as bad:
            return bad.clip, bad.reason
        return None


def _decode(
    dataset: DataSet, settings: "FrameSettings", stream: str, file: Path, workers: int, progress: Progress
) -> None:
    row, count = _row(dataset, settings, stream), len(dataset.clips)
    refuse_too_large(count * row.nbytes, file.parent)
    with _draft(file) as (draft, opened):
        np.lib.format.write_array_header_1_0(
            opened, {"descr": row.dtype.str, "fortran_order": False, "shape": (count, *row.shape)}
        )
        offset = opened.tell()
        opened.truncate(offset + count * row.nbytes)
        opened.flush()
        fill = _Fill(dataset, settings, stream, draft, offset)
        _refuse_bad(dataset, each(fill, count, workers, progress))
        os.fsync(opened.fileno())
        os.replace(draft, file)


def _refuse_bad(dataset: DataSet, results: Sequence[tuple[str, str] | None]) -> None:
    reasons = dict(bad for bad in results if bad is not None)
    if reasons:
        raise BadClips(dataset.name, len(dataset.clips), reasons)


@contextmanager
def _sole_builder(file: Path) -> Iterator[bool]:
    """Wait for whoever is building `file`, then say whether it is still due.

    The kernel frees the lock of a process that dies. Where a file system has no locks, two processes build the same
    file twice: each under a name of its own, and the later one's takes the place of an equal one.
    """
    if file.exists():
        yield False
        return
    lock = file.with_suffix(".lock")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as opened:
            with suppress(OSError):
                fcntl.flock(opened, fcntl.LOCK_EX)
            yield not file.exists()
    except OSError as error:
        raise DataError(
            f"{error.filename or file.parent}: decoded clips cannot be written ({error.strerror}). They are kept in "
            f"{file.parent}. Make room or give write access there, set STUDY_HOME to another folder, or decode while "
            f"training (data.cache: none)."
        ) from error
    finally:
        # Whoever waits for the removed lock will see for itself whether the file is there.
        with suppress(OSError):
            lock.unlink()


@contextmanager
def _draft(file: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Open a file of a unique name beside `file`, locked as long as its owner lives, and gone afterwards."""
    stem = f"{file.name}.{socket.gethostname()}."
    for left in file.parent.glob(f"{glob.escape(stem)}*.part"):
        _remove_if_orphaned(left)
    draft = file.with_name(f"{stem}{uuid.uuid4().hex}.part")
    try:
        with draft.open("w+b") as opened:
            with suppress(OSError):
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield draft, opened
    finally:
        draft.unlink(missing_ok=True)


def _remove_if_orphaned(draft: Path) -> None:
    with suppress(OSError), draft.open("r+b") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.unlink()
