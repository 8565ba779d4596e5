"""A data set whose clips are video files: what the readers of manifests and of MuscleMap's lists give.

Letters: T frame, J joints.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments import video
from experiments.clip import BadClip, Choose, Clip
from experiments.digest import Digests
from experiments.joints import Skeletons
from models.geometry import Skeleton


@dataclass(frozen=True)
class VideoSet:
    """Labelled video files, with skeletons and depth videos beside them where the data has them.

    Attributes:
        videos: clip name -> file.
        depth: clip name -> file of its depth video.
        cache: folder where the digests of its files are remembered, if anywhere.
    """

    name: str
    labels: tuple[str, ...]
    clips: tuple[Clip, ...]
    videos: Mapping[str, Path]
    skeletons: Skeletons | None = None
    depth: Mapping[str, Path] | None = None
    cache: Path | None = None

    @property
    def streams(self) -> tuple[str, ...]:
        """What `stream` gives: ``"skeleton"`` and ``"depth"``, where the data has them."""
        there = {"skeleton": self.skeletons, "depth": self.depth}
        return tuple(name for name, source in there.items() if source is not None)

    @property
    def skeleton(self) -> Skeleton | None:
        """The joints of the stream ``"skeleton"``, or None without one."""
        return None if self.skeletons is None else self.skeletons.layout.skeleton

    def length(self, clip: Clip) -> int:
        """Count the frames of `clip`."""
        try:
            return video.length(self.videos[clip.name])
        except video.UnreadableVideo as error:
            raise BadClip(clip.name, str(error)) from error

    def frames(self, clip: Clip, choose: Choose, side: int, fit: str) -> NDArray[np.uint8]:
        """Decode the RGB frames that `choose` takes: (T, side, side, 3)."""
        return self._decoded(self.videos, clip, choose, side, fit)

    def stream(
        self, name: str, clip: Clip, choose: Choose, side: int, fit: str
    ) -> NDArray[np.float32] | NDArray[np.uint8]:
        """Give the skeletons (T, J, 2 or 3) or the depth (T, side, side, 1) at the same frames as RGB."""
        if name == "depth" and self.depth is not None:
            indices = choose(self.length(clip))
            return self._decoded(self.depth, clip, lambda _: indices, side, fit)[..., :1]
        if name == "skeleton" and self.skeletons is not None:
            joints = self.skeletons.at(clip.name, list(choose(self.length(clip))))
            return joints if self.skeletons.layout.units == "metres" else self._in_square(joints, clip, fit)
        raise LookupError(
            f"{self.name}: no stream {name!r}. There are: {', '.join(('rgb', *self.streams))}. "
            f"Choose another modality, or name the files in data.source."
        )

    def fingerprint(self, clip: Clip) -> str:
        """Digest the content of the clip's files; a file that is not there counts as such."""
        files = [self.videos[clip.name]]
        files += [] if self.depth is None else [self.depth[clip.name]]
        digests = [self._digests[file] for file in files]
        if self.skeletons is not None:
            digests += [self._digests[self.skeletons.path], self.skeletons.mark(clip.name)]
        return "-".join(digests)

    def without(self, names: frozenset[str]) -> "VideoSet":
        """Give the same data set without the clips of these names."""
        return replace(self, clips=tuple(clip for clip in self.clips if clip.name not in names))

    @cached_property
    def _digests(self) -> dict[Path, str]:
        names = [clip.name for clip in self.clips]
        files = [self.videos[name] for name in names]
        files += [] if self.depth is None else [self.depth[name] for name in names]
        files += [] if self.skeletons is None else [self.skeletons.path]
        return Digests(self.cache).of_files(files)

    def _decoded(self, files: Mapping[str, Path], clip: Clip, choose: Choose, side: int, fit: str) -> NDArray[np.uint8]:
        try:
            return video.frames(files[clip.name], choose, side, fit)
        except video.UnreadableVideo as error:
            raise BadClip(clip.name, str(error)) from error

    def _in_square(self, joints_TJ2: NDArray[np.float32], clip: Clip, fit: str) -> NDArray[np.float32]:
        """Turn shares of the frame into shares of the square that `frames` shows."""
        if fit == "squash":
            return joints_TJ2
        try:
            width, height = video.size(self.videos[clip.name])
        except video.UnreadableVideo as error:
            raise BadClip(clip.name, str(error)) from error
        stretch = np.array([width, height], np.float32) / min(width, height)
        return ((joints_TJ2 - 0.5) * stretch + 0.5).astype(np.float32)
