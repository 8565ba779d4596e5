"""The data set that a study's settings name: read, cut to its limit, without the clips that were found bad."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from experiments.clip import Clip, DataSet, fingerprint
from experiments.videos import VideoSet
from models import catalog
from models.settings import Frozen
from study import cache
from study.cache import Cache
from study.settings import FrameSettings

NO_CLIPS: DataSet = VideoSet("no clips", (), (), {})
"""What a phase sees that reads none."""


@dataclass(frozen=True)
class Source:
    """How any process of a run finds the data.

    Attributes:
        reader: settings of one reader in `experiments/data`, as `data.source` holds them.
        limit: clips a split at most, or None for all.
        skipped: names of clips to leave out, since they cannot be read.
        folder: where decoded clips and digests of files are kept.
    """

    reader: Frozen
    limit: int | None
    skipped: frozenset[str]
    folder: Path

    def dataset(self) -> DataSet:
        """Read the data set.

        Raises:
            DataError: it cannot be used; the message names where.
        """
        return _read(self)

    def fingerprint(self) -> str:
        """Digest everything of the data set that can change a number; worker and planner agree on it."""
        return _fingerprint(self)

    def decode(
        self,
        settings: FrameSettings,
        streams: Sequence[str],
        workers: int = 1,
        progress: Callable[[int, int], None] = lambda done, in_all: None,
    ) -> Cache | None:
        """Decode what is not decoded yet and give it; where nothing is kept, only see that every clip can be read.

        Raises:
            BadClips: clips cannot be read; all of them are named.
        """
        if settings.cache == "none":
            cache.check(self.dataset(), self.folder, workers, progress, streams)
            return None
        mark = self.fingerprint()
        return cache.build(self.dataset(), settings, self.folder, workers, progress, streams, mark)

    def known_bad(self, settings: FrameSettings, streams: Sequence[str]) -> dict[str, str]:
        """Give the clips that an earlier `decode` could not read: name -> what is wrong."""
        return cache.known_bad(self.dataset(), settings, self.folder, streams)


def forget() -> None:
    """Read data sets anew from now on: since an earlier request their files may have changed."""
    _read.cache_clear()
    _fingerprint.cache_clear()


@lru_cache(maxsize=8)
def _read(source: Source) -> DataSet:
    reader = catalog.load("experiments.data", source.reader.model_dump()["name"])
    dataset: DataSet = reader.read(source.reader, source.folder)
    if source.limit is not None:
        dataset = dataset.without(beyond(source.limit, dataset.clips))
    return dataset.without(source.skipped) if source.skipped else dataset


@lru_cache(maxsize=8)
def _fingerprint(source: Source) -> str:
    return fingerprint(source.dataset())


def beyond(limit: int, clips: tuple[Clip, ...]) -> frozenset[str]:
    """Name the clips to drop so that every split keeps `limit` of them, spread evenly over its activities."""
    turns: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    seen: dict[tuple[str, str], int] = defaultdict(int)
    for clip in sorted(clips, key=lambda clip: clip.name):
        turn = seen[clip.split, clip.activity]
        seen[clip.split, clip.activity] += 1
        turns[clip.split].append((turn, clip.activity, clip.name))
    return frozenset(name for split in turns.values() for _, _, name in sorted(split)[limit:])
