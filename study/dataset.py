"""The data set that a study's settings name: read, cut to its limit, without the clips that were found bad."""

from collections import defaultdict

from experiments.clip import Clip, DataSet
from models import catalog
from models.settings import Frozen


def open_dataset(source: Frozen, limit: int | None = None, skipped: frozenset[str] = frozenset()) -> DataSet:
    """Read the data set of `source`, at most `limit` clips a split, without the clips in `skipped`.

    Args:
        source: settings of one reader in `experiments/data`, as `data.source` holds them.

    Raises:
        DataError: the data set cannot be used; the message names where.
    """
    reader = catalog.load("experiments.data", source.model_dump()["name"])
    dataset: DataSet = reader.read(source)
    if skipped:
        dataset = dataset.without(skipped)
    return dataset if limit is None else dataset.without(beyond(limit, dataset.clips))


def beyond(limit: int, clips: tuple[Clip, ...]) -> frozenset[str]:
    """Name the clips to drop so that every split keeps `limit` of them, spread evenly over its activities."""
    turns: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    seen: dict[tuple[str, str], int] = defaultdict(int)
    for clip in sorted(clips, key=lambda clip: clip.name):
        turn = seen[clip.split, clip.activity]
        seen[clip.split, clip.activity] += 1
        turns[clip.split].append((turn, clip.activity, clip.name))
    return frozenset(name for split in turns.values() for _, _, name in sorted(split)[limit:])
