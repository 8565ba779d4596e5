"""Skeletons: which joints there are, which are linked, and where each clip's coordinates are kept.

Letters: T frame, J joints, E edges.
"""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from experiments.clip import DataError
from models.geometry import Skeleton

Edges = tuple[tuple[int, int], ...]
Units = Literal["image", "metres"]


@dataclass(frozen=True)
class Layout:
    """A numbering of joints.

    Attributes:
        edges: pairs of joints that a bone, or a part of the face, links.
        units: ``"image"`` if x and y are shares of the frame's width and height, ``"metres"`` if x, y, z are metres.
        mirror: for each joint, the one on the other side of the body; empty if nobody knows.
    """

    joints: int
    edges: Edges
    units: Units
    mirror: tuple[int, ...] = ()

    @property
    def axes(self) -> int:
        """Count the coordinates of a joint."""
        return 2 if self.units == "image" else 3

    @property
    def skeleton(self) -> Skeleton:
        """Give what networks are built for."""
        return Skeleton(self.joints, self.axes, self.edges, self.mirror)


def _swapped(joints: int, pairs: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    mirror = list(range(joints))
    for left, right in pairs:
        mirror[left], mirror[right] = right, left
    return tuple(mirror)


# MediaPipe's POSE_CONNECTIONS, and four more (nose to mouth, nose to shoulders) without which the head is cut off.
_BLAZEPOSE: Edges = (
    *((0, 1), (1, 2), (2, 3), (3, 7), (0, 4), (4, 5), (5, 6), (6, 8), (9, 10), (0, 9), (0, 10), (0, 11), (0, 12)),
    *((11, 12), (11, 13), (13, 15), (15, 17), (15, 19), (15, 21), (17, 19)),
    *((12, 14), (14, 16), (16, 18), (16, 20), (16, 22), (18, 20)),
    *((11, 23), (12, 24), (23, 24), (23, 25), (24, 26), (25, 27), (26, 28)),
    *((27, 29), (28, 30), (29, 31), (30, 32), (27, 31), (28, 32)),
)
# Head, shoulder centre, spine, hip centre; then arm, arm, leg, leg of four joints each, outwards.
_KINECT20: Edges = (
    *((0, 1), (1, 2), (2, 3), (1, 4), (1, 8), (3, 12), (3, 16)),
    *((joint, joint + 1) for limb in (4, 8, 12, 16) for joint in range(limb, limb + 3)),
)
REMEDY = "Write the file again, name another in data.source.skeletons, or set that to null to go without."
_FACE = ((1, 4), (2, 5), (3, 6), (7, 8), (9, 10))
LAYOUTS = {
    "blazepose": Layout(
        33, _BLAZEPOSE, "image", _swapped(33, (*_FACE, *((left, left + 1) for left in range(11, 33, 2))))
    ),
    "kinect20": Layout(
        20, _KINECT20, "metres", _swapped(20, ((left, left + 4) for limb in (4, 12) for left in range(limb, limb + 4)))
    ),
}


@dataclass(frozen=True)
class Skeletons:
    """The joints of every clip, in one npz file that is read clip by clip.

    Attributes:
        path: an npz file of arrays (frames, J, 2 or more), NaN where a joint is missing.
        keys: clip name -> name of its array.
    """

    path: Path
    keys: Mapping[str, str]
    layout: Layout
    _opened: dict[int, NpzFile] = field(default_factory=dict, repr=False, compare=False)

    def at(self, clip: str, indices: Sequence[int]) -> NDArray[np.float32]:
        """Give the joints of `clip` at `indices`; beyond the last frame with joints, that frame's.

        Shapes:
            -> (T, J, 2) in image units, (T, J, 3) in metres
        """
        joints = array_of(self.path, self._file(), self.keys[clip])
        there = np.minimum(indices, len(joints) - 1)
        shown: NDArray[np.float32] = joints[there, :, : self.layout.axes].astype(np.float32)
        return shown

    def mark(self, clip: str) -> str:
        """Digest how the file is read for `clip`: its array, the units and the links."""
        content = json.dumps([self.keys[clip], self.layout.joints, self.layout.units, self.layout.edges])
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def _file(self) -> NpzFile:
        # One open file per process: a forked child would share, and move, its parent's place in the file.
        if os.getpid() not in self._opened:
            self._opened[os.getpid()] = opened(self.path)
        return self._opened[os.getpid()]

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_opened": {}}


def opened(path: Path) -> NpzFile:
    """Open an npz file, without reading its arrays and without admitting pickled ones.

    Raises:
        DataError: there is no such file, or it is something else.
    """
    try:
        file = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: no file of skeletons ({error}). One array per clip is expected in a NumPy .npz file. {REMEDY}"
        ) from error
    if not isinstance(file, NpzFile):
        raise DataError(f"{path}: holds a single array. One array per clip is expected, in a NumPy .npz file. {REMEDY}")
    return file


def array_of(path: Path, file: NpzFile, key: str) -> NDArray[np.floating]:
    """Read one array of numbers from an open npz file.

    Raises:
        DataError: it is damaged, or holds other things than numbers.
    """
    try:
        array: NDArray[np.floating] = file[key]
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path}: the array {key!r} cannot be read ({error}). An array of numbers is expected. {REMEDY}"
        ) from error
    return array


def layout_of(path: Path, shape: tuple[int, ...], declared: str | Edges | None, units: Units | None) -> Layout:
    """Find the layout of arrays of `shape` in the file at `path`.

    Args:
        declared: a name in `LAYOUTS`, pairs of joints, or None for the named layout with as many joints.
        units: of the coordinates, or None for those of the named layout (three declared ones: metres).

    Raises:
        DataError: the shape is that of no skeletons, or the layout does not fit it.
    """
    if len(shape) != 3 or shape[2] < 2:
        raise DataError(
            f"{path}: the arrays have shape {shape}. (frames, joints, 2 or more coordinates) is expected. {REMEDY}"
        )
    joints = shape[1]
    if isinstance(declared, tuple):
        return _declared(path, joints, declared, units or ("metres" if shape[2] == 3 else "image"))
    named = {name: layout for name, layout in LAYOUTS.items() if declared in (None, name)}
    for layout in named.values():
        if layout.joints == joints:
            return replace(layout, units=units or layout.units)
    known = ", ".join(f"{name} ({layout.joints} joints)" for name, layout in named.items())
    raise DataError(
        f"{path}: no known joint graph has {joints} joints. There are: {known}. "
        f"Give the pairs of linked joints in data.source.joints, or set data.source.skeletons to null to go without."
    )


def _declared(path: Path, joints: int, edges: Edges, units: Units) -> Layout:
    wrong = [edge for edge in edges if not all(0 <= joint < joints for joint in edge)]
    if wrong:
        raise DataError(
            f"data.source.joints: {list(wrong[0])} links joints that are not there. "
            f"{path} has joints 0 to {joints - 1}. Correct the pair."
        )
    return Layout(joints, edges, units)
