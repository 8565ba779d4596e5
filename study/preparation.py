"""From a request to a plan: resolve the spec, open the data, decode it, enumerate the trials."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from experiments.clip import DataSet
from experiments.read import find_spec, read_spec
from models.build import streams_of
from results.attempt import Store
from study.cache import BadClips
from study.dataset import Source
from study.edition import Edition
from study.layout import check_siblings, store_folder
from study.planner import Plan, make_plan
from study.resolve import resolve
from study.settings import FrameSettings


@dataclass(frozen=True)
class Request:
    """A study and what the command line changes in it.

    Attributes:
        name: of a spec in `experiments/`, or the path of one.
        data: a reader's name, or the path of a manifest.
        overrides: dotted setting -> value.
        skip_bad: go on without clips that cannot be read.
    """

    name: str
    profile: str | None = None
    data: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    skip_bad: bool = False


@dataclass(frozen=True)
class Prepared:
    """A study that could be trained now.

    Attributes:
        skipped: clip -> why it is left out.
        caches: names of the files that hold its decoded clips.
    """

    plan: Plan
    source: Source
    dataset: DataSet
    store: Store
    skipped: Mapping[str, str] = field(default_factory=dict)
    caches: tuple[str, ...] = ()


def prepare(request: Request) -> Prepared:
    """Plan what `request` asks; nothing is written, and no clip is decoded."""
    edition, source, store = _open(request)
    dataset = source.dataset()
    return Prepared(make_plan(edition, dataset), source, dataset, store)


def prepare_decoded(request: Request, workers: int, progress: Callable[[int, int], None]) -> Prepared:
    """Plan what `request` asks and decode every clip, so that a bad one is known before training.

    Raises:
        BadClips: clips cannot be read, and the request does not say to skip them.
    """
    edition, source, store = _open(request)
    skipped: dict[str, str] = {}
    for frames, streams in ways(edition).items():
        try:
            source.decode(frames, streams, workers, progress)
        except BadClips as bad:
            if not request.skip_bad:
                raise
            skipped |= bad.reasons
            source = replace(source, skipped=source.skipped | frozenset(bad.reasons))
    dataset = source.dataset()
    caches = [source.decode(frames, streams, workers, progress) for frames, streams in ways(edition).items()]
    files = sorted(file.name for cache in caches if cache for file in cache.files.values())
    return Prepared(make_plan(edition, dataset), source, dataset, store, skipped, tuple(files))


def _open(request: Request) -> tuple[Edition, Source, Store]:
    check_siblings()
    spec = read_spec(find_spec(request.name))
    edition = resolve(spec, request.profile, request.data, request.overrides)
    store = Store(store_folder())
    store.check_version()
    data = edition.settings.data
    return edition, Source(data.source, data.limit, frozenset(), store.cache), store


def ways(edition: Edition) -> dict[FrameSettings, tuple[str, ...]]:
    """List the different ways in which the arms of `edition` take frames, each with the streams that it is taken of."""
    found: dict[FrameSettings, set[str]] = {}
    for arm in edition.arms:
        found.setdefault(arm.settings.data.of_frames(), set()).update(streams_of(arm.settings.model))
    return {frames: tuple(sorted(streams)) for frames, streams in found.items()}
