"""From a request to a plan: resolve the spec, open the data of every arm, enumerate the trials, decode the clips."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from experiments.clip import DataError
from experiments.read import find_spec, read_spec
from models.build import streams_of
from models.errors import UserError
from models.start import start_of
from models.tokens import refuse_read_out
from results.attempt import Store
from results.files import writing
from study import dataset
from study.cache import BadClips, refuse_missing_streams
from study.dataset import Source
from study.edition import Arm, Edition
from study.fitting import refuse_unfit_weights
from study.layout import check_siblings, store_folder
from study.planner import Plan, make_plan
from study.resolve import resolve
from study.settings import FrameSettings
from study.subset import refuse_too_many


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


class Way(NamedTuple):
    """One way in which arms take frames: of which clips, how, and which streams of them."""

    source: Source
    frames: FrameSettings
    streams: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """A study that could be trained now.

    Attributes:
        ways: arm -> how it takes frames.
        skipped: clip -> why it is left out.
        caches: names of the files that hold its decoded clips.
    """

    plan: Plan
    store: Store
    ways: Mapping[str, Way]
    skipped: Mapping[str, str] = field(default_factory=dict)
    caches: Sequence[str] = ()

    @property
    def sources(self) -> dict[str, Source]:
        """Find every data set by the fingerprint that phases know it by."""
        return {way.source.fingerprint(): way.source for way in self.ways.values()}

    @property
    def weights(self) -> dict[str, Path]:
        """Find every file that a phase starts from, by the digest that phases know it by."""
        starts = (start_of(phase.settings.model) for phase in self.plan.phases.values())
        return {start.file.digest: start.file.found() for start in starts if start}

    def distinct_ways(self) -> Iterator[Way]:
        """Go through the different ways in which arms take frames; none, if the plan's phases read no clips."""
        read = {trial.arm.name for trial in self.plan.trained if any(phase.data for phase in trial.phases.values())}
        yield from dict.fromkeys(way for arm, way in self.ways.items() if arm in read)


def prepare(request: Request) -> Prepared:
    """Plan what `request` asks; nothing is written, and no clip is decoded."""
    return _planned(*_open(request), request.skip_bad)


def prepare_store(request: Request) -> Prepared:
    """Plan what `request` asks and make its store, where digests of clips are then remembered from the start."""
    edition, store = _open(request)
    store.prepare()
    with writing(store.cache):
        store.cache.mkdir(exist_ok=True)
    return _planned(edition, store, request.skip_bad)


def decode(
    prepared: Prepared, workers: int, progress: Callable[[int, int], None], *, skip_bad: bool = False
) -> Prepared:
    """Decode every clip of a plan that is not decoded yet, so that a bad one is known before training.

    Args:
        skip_bad: leave bad clips out. That changes the data, and so the keys: the plan is made anew.

    Raises:
        BadClips: clips cannot be read, and they are not to be skipped.
    """
    bad: dict[str, str] = {}
    for way in prepared.distinct_ways():
        try:
            way.source.decode(way.frames, way.streams, workers, progress)
        except BadClips as found:
            if not skip_bad:
                raise
            bad |= found.reasons
    if bad:
        prepared = without(prepared, bad)
    caches = [way.source.decode(way.frames, way.streams, workers, progress) for way in prepared.distinct_ways()]
    return replace(prepared, caches=sorted({file.name for cache in caches if cache for file in cache.files.values()}))


def without(prepared: Prepared, bad: Mapping[str, str]) -> Prepared:
    """Plan anew without the clips that `bad` names: other data, so other keys; every arm loses the same clips."""
    skipped = {**prepared.skipped, **bad}
    ways = {
        arm: way._replace(source=replace(way.source, skipped=frozenset(skipped))) for arm, way in prepared.ways.items()
    }
    return replace(_prepared(prepared.plan.edition, prepared.store, ways), skipped=skipped)


def _open(request: Request) -> tuple[Edition, Store]:
    check_siblings()
    dataset.forget()
    spec = read_spec(find_spec(request.name))
    edition = resolve(spec, request.profile, request.data, request.overrides)
    store = Store(store_folder())
    store.check_version()
    return edition, store


def _planned(edition: Edition, store: Store, skip_bad: bool) -> Prepared:
    """Plan an edition, with `skip_bad` without the clips that are known to be unreadable."""
    ways = {arm.name: _way(arm, store) for arm in edition.arms}
    if edition.spec.leave_out_missing:
        edition, ways = _with_streams_there(edition, ways)
    prepared = _prepared(edition, store, ways)
    known: dict[str, str] = {}
    for way in prepared.distinct_ways() if skip_bad else ():
        known |= way.source.known_bad(way.frames, way.streams)
    return without(prepared, known) if known else prepared


def _with_streams_there(edition: Edition, ways: Mapping[str, Way]) -> tuple[Edition, dict[str, Way]]:
    """Leave out, and note, the arms that read a stream which their data do not have; controls must stay."""
    lacking: dict[str, str] = {}
    for arm, way in ways.items():
        try:
            refuse_missing_streams(way.source.dataset(), way.streams)
        except DataError as error:
            if arm in (edition.control.name, *edition.claim.controls.values()):
                raise
            lacking[arm] = str(error).partition(". ")[0]
    notes = [f"{arm}: left out, because {text}." for arm, text in lacking.items()]
    arms = tuple(arm for arm in edition.arms if arm.name not in lacking)
    left = {arm: way for arm, way in ways.items() if arm not in lacking}
    return replace(edition, arms=arms, notes=(*edition.notes, *notes)), left


def _way(arm: Arm, store: Store) -> Way:
    data = arm.settings.data
    source = Source(data.source, data.limit, frozenset(), store.cache)
    return Way(source, data.of_frames(), streams_of(arm.settings.model))


def _prepared(edition: Edition, store: Store, ways: Mapping[str, Way]) -> Prepared:
    labels = {arm: way.source.dataset().labels for arm, way in ways.items()}
    for arm, own in labels.items():
        if own != labels[edition.control.name]:
            raise UserError(
                f"{edition.spec.source}: arm {arm} has other muscle groups than the control, so no claim can compare "
                f"them. It has {', '.join(own)}. Vary data.source only between data sets with equal labels."
            )
    for each in (one for arm in edition.arms for one in edition.tries_of(arm)):
        _refuse_data_that_does_not_serve(each, ways[each.name])
    _refuse_other_measures(edition, len(labels[edition.control.name]))
    data = {arm: way.source.fingerprint() for arm, way in ways.items()}
    skeletons = {arm: way.source.dataset().skeleton for arm, way in ways.items()}
    return Prepared(make_plan(edition, labels[edition.control.name], data, skeletons), store, ways)


def _refuse_other_measures(edition: Edition, there: int) -> None:
    """See that all arms are measured by as many muscle groups; with equal seeds they are then the same ones.

    Raises:
        UserError: they are not.
    """
    counts = {arm.name: arm.settings.data.labels for arm in edition.arms}
    measured = {arm: labels.measured or labels.learned(there) for arm, labels in counts.items()}
    control = measured[edition.control.name]
    for arm, own in measured.items():
        if own != control:
            raise UserError(
                f"{edition.spec.source}: arm {arm} is measured by {own} muscle groups and the control by {control}, so "
                f"no claim can compare them. Set data.labels.measured to {min(measured.values())} for all arms."
            )


def _refuse_data_that_does_not_serve(arm: Arm, way: Way) -> None:
    """See before anything is decoded that the data has what the arm's networks read, and their weights fit them.

    Raises:
        UserError: it has not.
    """
    dataset = way.source.dataset()
    try:
        refuse_missing_streams(dataset, way.streams)
        labels = arm.settings.data.labels
        refuse_too_many(labels, dataset)
        refuse_read_out(arm.settings.model.tokens, labels.learned(len(dataset.labels)))
    except UserError as error:
        raise UserError(f"arm {arm.name}: {error}") from error
    refuse_unfit_weights(arm, len(dataset.labels), dataset.skeleton)
