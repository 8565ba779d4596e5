"""A training from its first step to its published result, resumed where an earlier attempt left it.

It sees the hashed settings of its phase and nothing else.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from experiments.clip import DataSet
from models.build import (
    ClipShape,
    ModelSettings,
    Network,
    build,
    load_own_state,
    name_of,
    own_state,
    streams_of,
    variant,
)
from models.loss import Criterion
from models.peers import BaselineNetwork
from models.start import start_from, start_of
from models.transm3e import TransM3E
from models.weights import read
from results.attempt import TRAINED, Attempt, Store
from results.record import Record, RecordWriter, read_records
from study.checkpoint import Part, Resume, load_resume, load_weights, save_resume, save_weights
from study.compute import Compute
from study.event import Progress
from study.examiner import SHOWN_SPLITS, Examiner
from study.leg import Place, Pruned, Report, Stop, Stopped, publish, refuse_superseded, unheard, unstopped
from study.loader import Loader
from study.memory import begin_phase
from study.phase import Phase, senders_of
from study.seeding import derive
from study.subset import Subset, draw
from study.trainer import Trainer

log = logging.getLogger(__name__)

SAVING = 0.005
"""The share of a training that may go into keeping its state: a kill costs at most the epoch under way and 200 times
what keeping it once takes, 2 s where that is 10 ms. A training that is told to stop or given up keeps it in any case,
and so does every one before its last epoch, which also measures the test splits."""


def train(
    phase: Phase,
    place: Place,
    store: Store,
    attempt: Attempt,
    report: Report = unheard,
    stop: Stop = unstopped,
) -> bool:
    """Train `phase` in the folder of `attempt`, with the other processes of the place, and publish it.

    Args:
        report, stop: see `study.leg`; all processes of a group must agree to stop (`study.leg.agreed`).

    Returns:
        Whether this attempt became the phase's result; False if another one was published first.

    Raises:
        Superseded: another attempt holds the phase now.
        Diverged: the loss is no longer a number.
    """
    leg = _Leg(phase, place, store)
    settings, group = phase.training, place.group
    for epoch in range(leg.resume(attempt) + 1, settings.epochs + 1):
        began = time.monotonic() - leg.before_s
        shown: list[Record] = []
        try:
            records = leg.epoch(epoch, stop)
            if epoch == settings.epochs:
                records += leg.examiner.measure_all(attempt, epoch, stop)
            elif epoch % settings.evaluate_every == 0:
                records += leg.examiner.measure(SHOWN_SPLITS, epoch, stop)
            elif place.is_judged:
                shown = leg.examiner.measure(SHOWN_SPLITS, epoch, stop)
        except Stopped:
            leg.keep_part(attempt, epoch - 1, time.monotonic() - began)
            raise
        progress = group.first(leg.keep, attempt, epoch, records, shown, time.monotonic() - began)
        try:
            group.first(report, progress)
        except (Stopped, Pruned):
            group.first(leg.keep_state, attempt, epoch)
            raise
    return group.first(leg.finish, attempt)


def be_deterministic(device: torch.device) -> None:
    """Ask CUDA for the same bits each time; what has no such kernel is warned of and goes on."""
    if device.type != "cuda":
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)


def own_seed(phase: Phase) -> int:
    """Derive the seed that everything random in a phase comes from."""
    return derive(phase.seed, phase.replicate, phase.kind)


def subset_of(phase: Phase, dataset: DataSet) -> Subset:
    """Draw what `phase` sees of `dataset`, the same as every phase and arm of its seed."""
    seen = phase.settings.data
    return draw(dataset, seen.labels, seen.train, phase.seed)


def started(phase: Phase, dataset: DataSet, store: Store, weights: Mapping[str, Path] | None = None) -> Network:
    """Build the network of `phase` as its training begins: drawn from its seed, and what there is of it taken from
    its parents or from the file it starts from.

    Args:
        weights: digest -> file.

    Raises:
        StoreError: a parent is not done.
        WeightsError: the file holds something else than was hashed, or does not fit.
    """
    settings, subset = phase.settings, subset_of(phase, dataset)
    torch.manual_seed(derive(own_seed(phase), "weights"))
    shape = ClipShape(settings.data.frames, settings.data.size, dataset.skeleton)
    network = build(settings.model, len(subset.learned), shape)
    if start := start_of(settings.model):
        own = start.file.model_copy(update={"path": (weights or {}).get(start.file.digest)})
        start_from(network, own.found(), read)
    if isinstance(settings.model, ModelSettings) and isinstance(network, TransM3E):
        rgb = load_weights(store.checkpoint(phase.parents["rgb"]))
        network.load_parents(rgb, sender_weights(phase, settings.model, store))
    if isinstance(network, BaselineNetwork):
        network.fit(torch.from_numpy(subset.labels_NC)[list(subset.train)])
    return network


def sender_weights(phase: Phase, model: ModelSettings, store: Store) -> dict[str, dict[str, Tensor]]:
    """Load the weights of those senders of `model` that are parents of `phase`, by modality.

    Raises:
        StoreError: one of them is not done.
    """
    return {
        name_of(sender.modality): load_weights(store.checkpoint(phase.parents[role]))
        for role, sender in senders_of(model).items()
        if role in phase.parents
    }


class _Leg:
    """The network, data and optimiser of one phase."""

    def __init__(self, phase: Phase, place: Place, store: Store) -> None:
        settings, compute = phase.training, Compute.of(place.resources, place.group)
        be_deterministic(compute.device)
        begin_phase(compute.device)
        self.place = place
        self.part: Part | None = None
        self.before_s = 0.0
        self.trained_s = self.saving_s = 0.0
        self.kept = 0
        self.processes = place.group.size
        self.settings = settings
        self.seed = own_seed(phase)
        loss: Criterion = variant(settings.model.loss).Loss(settings.model.loss)
        subset, workers = subset_of(phase, place.dataset), place.resources.loader_workers
        streams, optim = streams_of(settings.model), settings.optim
        self.loader = Loader(
            place.dataset, settings.data, place.cache, subset, streams, loader_workers=workers, group=place.group
        )
        self.network = started(phase, place.dataset, store, place.weights)
        compute.ready(self.network)
        steps = self.loader.steps(optim.batch)
        self.trainer = Trainer(self.network, loss, optim, settings.epochs, steps, self.seed, compute)
        self.examiner = Examiner(
            network=self.network,
            loader=self.loader,
            dataset=place.dataset,
            subset=subset,
            loss=loss,
            batch=optim.batch,
            precision=optim.precision,
            compute=compute,
            seed=phase.seed,
        )

    def resume(self, attempt: Attempt) -> int:
        """Take over the newest earlier attempt's state and records; return how many epochs are done."""
        state = self.place.group.first(_left_by_an_earlier, attempt)  # all go on from what one of them has read
        if state is None:
            return 0
        load_own_state(self.network, state.network)
        self.trainer.load_state(state.optimiser)
        self.processes = max(self.processes, state.processes)
        self.part, self.before_s = state.part_of(self.place.group.rank, self.place.group.size), state.seconds
        self.kept = state.epoch
        return state.epoch

    def epoch(self, epoch: int, stop: Callable[[], None]) -> list[Record]:
        """Train one epoch, or what is left of it."""
        part, self.part, self.before_s = self.part, None, 0.0
        batches = self.loader.train(self.seed, epoch, self.settings.optim.batch, part.batches if part else 0)
        return [Record("loss", "train", epoch, self.trainer.epoch(epoch, batches, stop, part))]

    def keep_part(self, attempt: Attempt, epochs: int, seconds: float) -> None:
        """Keep how far the epoch after `epochs` has come, in `seconds`, so that a later attempt can go on from here.

        Raises:
            Superseded: another attempt holds the phase now.
        """
        group, part = self.place.group, self.trainer.part
        if part is None or part.batches == 0:
            group.first(self.keep_state, attempt, epochs)
            return
        parts = tuple(group.gathered(part))
        group.first(self._save, attempt, epochs, parts, seconds)

    def keep_state(self, attempt: Attempt, epochs: int) -> None:
        """Keep the state after `epochs`, unless it is kept already, or is the last: what follows that is publication.

        Raises:
            Superseded: another attempt holds the phase now.
        """
        if self.kept < epochs < self.settings.epochs:
            self._save(attempt, epochs)

    def _save(self, attempt: Attempt, epochs: int, parts: tuple[Part, ...] = (), seconds: float = 0.0) -> None:
        refuse_superseded(attempt)
        state = Resume(epochs, own_state(self.network), self.trainer.state(), self.processes, parts, seconds)
        save_resume(attempt.resume, state)
        self.kept = epochs

    def keep(
        self, attempt: Attempt, epoch: int, records: Sequence[Record], shown: Sequence[Record], seconds: float
    ) -> Progress:
        """Write down what `epoch` gave, and now and then the state after it, for a later attempt to go on from.

        Args:
            shown: what was measured for a pruner alone.

        Raises:
            Superseded: another attempt holds the phase now.
        """
        records = [*records, Record("seconds", "train", epoch, seconds, "s")]
        progress = Progress.of(epoch, self.settings.epochs, [*records, *shown])
        assert progress is not None, "these are the records of a training"
        if self.place.is_judged and progress.map is not None:
            with RecordWriter(attempt.reported) as reports:
                reports.write([Record("map", "val", epoch, progress.map, "points")])
        with RecordWriter(attempt.records) as writer:
            writer.write(records)
        refuse_superseded(attempt)
        self.trained_s += seconds
        if epoch == self.settings.epochs - 1 or self.saving_s <= SAVING * self.trained_s:
            began = time.monotonic()
            self.keep_state(attempt, epoch)
            self.saving_s += time.monotonic() - began
        attempt.heartbeat()
        return progress

    def finish(self, attempt: Attempt) -> bool:
        """Publish the network; False if another attempt was first."""
        save_weights(attempt.checkpoint, own_state(self.network))
        seconds = sum(record.value for record in read_records(attempt.records) if record.metric == "seconds")
        return publish(attempt, self.place, self.network, seconds, TRAINED, processes=self.processes)


def _left_by_an_earlier(attempt: Attempt) -> Resume | None:
    """Give the state that the newest earlier attempt left, and make it and its records those of `attempt`."""
    earlier = attempt.previous()
    if earlier is None:
        return None
    try:
        state = load_resume(earlier.resume)
    except SafetensorError as error:
        log.warning("%s cannot be read (%s): training starts anew", earlier.resume, error)
        return None
    attempt.inherit(earlier, state.epoch)
    save_resume(attempt.resume, state)
    return state
