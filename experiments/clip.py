"""What a data set is to the engine: clips with a split, an activity and muscle labels, and the frames they show.

A reader (one file in `experiments/data`) gives a `DataSet`; nothing above it knows where the frames come from.

Letters: T frame, J joints.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.geometry import Skeleton

Choose = Callable[[int], Sequence[int] | NDArray[np.int64]]
"""Chooses, of so many frames, which are shown: positions from 0, in any order and with repeats."""
Split = Literal["train", "val_seen", "val_unseen", "test_seen", "test_unseen"]
SPLITS = ("train", "val_seen", "val_unseen", "test_seen", "test_unseen")
MUSCLES = (
    "neck",
    "chest",
    "shoulder",
    "biceps",
    "triceps",
    "forearms",
    "upper back",
    "latissimus",
    "obliques",
    "upper abdominis",
    "lower abdominis",
    "lower back",
    "hamstring",
    "quadriceps",
    "calves",
    "inner thigh",
    "outer thigh",
    "gluteus",
    "feet-ankles",
    "wrists",
)
"""MuscleMap's 20 muscle groups (arXiv:2303.00952)."""


class DataError(UserError):
    """A data set that cannot be used; the message says what is wrong, where, what there is and what to do."""


class BadClip(DataError):
    """One clip that cannot be shown: missing, empty or corrupt.

    Attributes:
        clip: the clip's name in its data set.
        reason: what is wrong with it, naming the file.
    """

    def __init__(self, clip: str, reason: str) -> None:
        super().__init__(clip, reason)
        self.clip = clip
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.clip}: {self.reason}"


@dataclass(frozen=True)
class Clip:
    """One labelled video clip."""

    name: str
    """Unique in its data set; predictions carry it."""
    split: str
    """One of `SPLITS`."""
    activity: str
    muscles: tuple[int, ...]
    """Sorted indices into `DataSet.labels`."""
    group: str = ""
    """One source or person."""


class DataSet(Protocol):
    """Labelled clips and what they show. May be pickled, and read from several processes at once."""

    @property
    def name(self) -> str:
        """Name of the data in editions: ``"synthetic"``, ``"exercise_clips"``."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Muscle groups, in label order."""

    @property
    def clips(self) -> tuple[Clip, ...]:
        """All clips, in an order that depends on nothing but the data."""

    @property
    def streams(self) -> tuple[str, ...]:
        """What `stream` can give besides ``"rgb"``: ``("skeleton", "depth")``, for example."""

    @property
    def skeleton(self) -> Skeleton | None:
        """The joints of the stream ``"skeleton"``, or None without one."""

    def frames(self, clip: Clip, choose: Choose, side: int, fit: str) -> NDArray[np.uint8]:
        """Show the RGB frames that `choose` takes of those that there are, `side` px high and wide.

        `fit` is ``"crop"`` (short side to `side`, then the centre square) or ``"squash"`` (both sides to `side`).

        Shapes:
            -> (T, side, side, 3)

        Raises:
            BadClip: its file is missing, empty or corrupt.
        """

    def stream(
        self, name: str, clip: Clip, choose: Choose, side: int, fit: str
    ) -> NDArray[np.float32] | NDArray[np.uint8]:
        """Give an auxiliary stream at the same frames.

        Two coordinates of a joint are x and y in units of the square that `frames` shows (0 to 1, y down; outside it
        where the crop cut the joint off); three are metres in the camera's axes, x across.

        Shapes:
            skeleton -> (T, J, 2 or 3) float32, NaN where missing; depth -> (T, side, side, 1) uint8

        Raises:
            LookupError: the data set has no such stream.
        """

    def fingerprint(self, clip: Clip) -> str:
        """Give the hex digest of what `clip` shows: the file's content, or the renderer's version and recipe."""

    def without(self, names: frozenset[str]) -> "DataSet":
        """Give the same data set without the clips of these names."""


def fingerprint(dataset: DataSet) -> str:
    """Digest everything of `dataset` that can change a number: labels, clips, and what the clips show."""
    digest = hashlib.sha256(json.dumps(list(dataset.labels)).encode())
    for clip in dataset.clips:
        content = [clip.name, clip.split, clip.activity, list(clip.muscles), dataset.fingerprint(clip)]
        digest.update(b"\n" + json.dumps(content).encode())
    return digest.hexdigest()
