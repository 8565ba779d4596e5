"""A phase from its first step to its published result, resumed where an earlier attempt left it.

A training sees the hashed settings of its phase and nothing else; `Place` says where it runs, which changes no number.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError

from experiments.clip import DataSet
from models.build import (
    ClipShape,
    ModelSettings,
    Network,
    build,
    load_own_state,
    name_of,
    own_state,
    parameter_count,
    recompute_blocks,
    streams_of,
    variant,
)
from models.loss import Criterion
from models.peers import BaselineNetwork
from models.start import start_from, start_of
from models.transm3e import TransM3E
from models.weights import read
from results import predictions
from results.attempt import Attempt, Store
from results.files import replace_json
from results.record import Record, RecordWriter, read_records
from study import evaluator, provenance
from study.cache import Cache
from study.checkpoint import Resume, load_resume, load_weights, save_resume, save_weights
from study.evaluator import Evaluation
from study.loader import Batch, Loader, labels_of
from study.memory import peak_bytes, start_peak
from study.phase import Phase, senders_of
from study.seeding import derive
from study.settings import Resources
from study.trainer import Trainer

log = logging.getLogger(__name__)

SHOWN_SPLITS = ("val_seen", "val_unseen")
"""Measured while a phase trains."""
SEALED_SPLITS = ("test_seen", "test_unseen")
"""Measured once, at the end, and kept apart until they are revealed."""


class Superseded(Exception):
    """Another worker has taken this phase over; this one stops and publishes nothing."""


class Stopped(Exception):
    """The run was asked to stop; the phase can be resumed."""


class Progress(NamedTuple):
    """One finished epoch, as it is shown while a study runs.

    Attributes:
        loss: mean training loss.
        map: mean mAP (points) of the validation splits, if they were measured.
        seconds: that it took, measuring included.
    """

    epoch: int
    epochs: int
    loss: float
    map: float | None
    seconds: float

    def __str__(self) -> str:
        measured = "" if self.map is None else f", map {self.map:.1f}"
        return f"epoch {self.epoch}/{self.epochs}: loss {self.loss:.4g}{measured}"


@dataclass(frozen=True)
class Place:
    """Where a phase runs: nothing here can change its numbers (bit for bit: on an equal device and thread count).

    Attributes:
        dataset: the clips whose fingerprint the phase's key holds.
        cache: their decoded frames, or None to decode while training.
        code: commit and difference of the checkout when the run began.
        command: what the user typed.
        weights: digest -> where the file with that content lies, for phases that start from one.
    """

    dataset: DataSet
    cache: Cache | None
    resources: Resources
    code: Mapping[str, str | None]
    command: str
    weights: Mapping[str, Path] = field(default_factory=dict)


def train(
    phase: Phase,
    place: Place,
    store: Store,
    attempt: Attempt,
    report: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], None] = lambda: None,
) -> bool:
    """Train `phase` in the folder of `attempt` and publish it.

    Args:
        report: called after every epoch.
        stop: called before every step and every batch that is measured; raises `Stopped` to end the attempt.

    Returns:
        Whether this attempt became the phase's result; False if another one was published first.

    Raises:
        Superseded: another attempt holds the phase now.
        Diverged: the loss is no longer a number.
    """
    device = torch.device(place.resources.device)
    if device.type == "cuda":
        _be_deterministic()
    start_peak(device)
    leg = _Leg(phase, place, store, device)
    epochs = phase.settings.epochs
    already = leg.resume(attempt)
    with RecordWriter(attempt.records) as writer:
        for epoch in range(already + 1, epochs + 1):
            began = time.monotonic()
            records = leg.epoch(epoch, stop)
            if epoch == epochs:
                records += leg.measure_all(attempt, stop)
            elif epoch % phase.settings.evaluate_every == 0:
                records += leg.measure(SHOWN_SPLITS, epoch, stop)
            took = time.monotonic() - began
            writer.write([*records, Record("seconds", "train", epoch, took, "s")])
            if attempt.superseded():
                raise Superseded(f"{phase.key}: attempt {attempt.number} was taken over by a later one.")
            if epoch < epochs:
                leg.save(attempt, epoch)
            attempt.heartbeat()
            report(_progress(epoch, epochs, records, took))
    save_weights(attempt.checkpoint, own_state(leg.network))
    seconds = sum(record.value for record in read_records(attempt.records) if record.metric == "seconds")
    trained, in_all = parameter_count(leg.network)
    cost = {"seconds": seconds, "peak_memory_bytes": peak_bytes(device)}
    cost |= {"parameters": trained, "parameters_total": in_all}
    ran = provenance.describe(place.code, place.command, str(device), torch.get_num_threads(), cost)
    replace_json(attempt.provenance, ran)
    return attempt.publish(seconds)


def _be_deterministic() -> None:
    """Ask CUDA for the same bits each time; what has no such kernel is warned of and goes on."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)


def own_seed(phase: Phase) -> int:
    """Derive the seed that everything random in a phase comes from."""
    return derive(phase.seed, phase.replicate, phase.kind)


def started(phase: Phase, dataset: DataSet, store: Store, weights: Mapping[str, Path] | None = None) -> Network:
    """Build the network of `phase` as its training begins: drawn from its seed, and what there is of it taken from
    its parents or from the file it starts from.

    Args:
        weights: digest -> file.

    Raises:
        StoreError: a parent is not done.
        WeightsError: the file holds something else than was hashed, or does not fit.
    """
    settings = phase.settings
    torch.manual_seed(derive(own_seed(phase), "weights"))
    shape = ClipShape(settings.data.frames, settings.data.size, dataset.skeleton)
    network = build(settings.model, len(dataset.labels), shape)
    if start := start_of(settings.model):
        own = start.file.model_copy(update={"path": (weights or {}).get(start.file.digest)})
        start_from(network, own.found(), read)
    if isinstance(settings.model, ModelSettings) and isinstance(network, TransM3E):
        trained = {role: load_weights(store.checkpoint(key)) for role, key in phase.parents.items()}
        rgb = trained.pop("rgb")
        modalities = {role: name_of(sender.modality) for role, sender in senders_of(settings.model).items()}
        network.load_parents(rgb, {modalities[role]: state for role, state in trained.items()})
    if isinstance(network, BaselineNetwork):
        labels_NC = labels_of(dataset, settings.data.label_noise, phase.seed)
        network.fit(labels_NC[[clip.split == "train" for clip in dataset.clips]])
    return network


class _Leg:
    """The network, data and optimiser of one phase."""

    def __init__(self, phase: Phase, place: Place, store: Store, device: torch.device) -> None:
        settings = phase.settings
        self.phase = phase
        self.dataset = place.dataset
        self.device = device
        self.seed = own_seed(phase)
        self.loss: Criterion = variant(settings.model.loss).Loss(settings.model.loss)
        workers = place.resources.loader_workers
        streams = streams_of(settings.model)
        self.loader = Loader(
            place.dataset, settings.data, place.cache, streams, loader_workers=workers, seed=phase.seed
        )
        self.network = started(phase, place.dataset, store, place.weights).to(device)
        if place.resources.recompute_blocks:
            recompute_blocks(self.network)
        steps = self.loader.steps(settings.optim.batch)
        self.trainer = Trainer(self.network, self.loss, settings.optim, settings.epochs, steps, self.seed, device)

    def resume(self, attempt: Attempt) -> int:
        """Take over the newest earlier attempt's state and records; return how many epochs are done."""
        earlier = attempt.previous()
        if earlier is None:
            return 0
        try:
            state = load_resume(earlier.resume)
        except SafetensorError as error:
            log.warning("%s cannot be read (%s): training starts anew", earlier.resume, error)
            return 0
        load_own_state(self.network, state.network)
        self.trainer.load_state(state.optimiser)
        attempt.inherit(earlier, state.epoch)
        self.save(attempt, state.epoch)
        return state.epoch

    def save(self, attempt: Attempt, epoch: int) -> None:
        """Keep the state after `epoch`, so that a later attempt can go on from here."""
        state = Resume(epoch, own_state(self.network), self.trainer.state())
        save_resume(attempt.resume, state)

    def epoch(self, epoch: int, stop: Callable[[], None]) -> list[Record]:
        """Train one epoch."""
        batches = self.loader.train(self.seed, epoch, self.phase.settings.optim.batch)
        return [Record("loss", "train", epoch, self.trainer.epoch(epoch, batches, stop))]

    def measure(self, splits: Sequence[str], epoch: int, stop: Callable[[], None]) -> list[Record]:
        """Measure the clips of `splits` after `epoch`."""
        labels = self.dataset.labels
        return [record for one in self._evaluate(splits, stop) for record in evaluator.records(one, labels, epoch)]

    def measure_all(self, attempt: Attempt, stop: Callable[[], None]) -> list[Record]:
        """Measure every evaluation split after the last epoch, seal the test splits and keep all predictions."""
        epochs = self.phase.settings.epochs
        evaluations = self._evaluate(SHOWN_SPLITS + SEALED_SPLITS, stop)
        measured = {one.split: evaluator.records(one, self.dataset.labels, epochs) for one in evaluations}
        with RecordWriter(attempt.sealed) as sealed:
            sealed.write([record for split in SEALED_SPLITS for record in measured.get(split, [])])
        _write_predictions(attempt.predictions, self.dataset, self.phase.seed, evaluations)
        return [record for split in SHOWN_SPLITS for record in measured.get(split, [])]

    def _evaluate(self, splits: Sequence[str], stop: Callable[[], None]) -> list[Evaluation]:
        optim = self.phase.settings.optim

        def batches(split: str) -> Iterator[Batch]:
            for batch in self.loader.evaluate(split, optim.batch):
                stop()
                yield batch

        return [
            evaluator.evaluate(self.network, split, batches(split), self.loss, optim.precision, self.device)
            for split in splits
            if self.loader.indices(split)
        ]


def _progress(epoch: int, epochs: int, records: Sequence[Record], seconds: float) -> Progress:
    """Sum an epoch's records up; the training loss comes first."""
    means = [record.value for record in records if record.metric == "map"]
    return Progress(epoch, epochs, records[0].value, sum(means) / len(means) if means else None, seconds)


def _write_predictions(path: Path, dataset: DataSet, seed: int, evaluations: Sequence[Evaluation]) -> None:
    clips = [dataset.clips[index] for one in evaluations for index in one.index_N]
    predictions.write(
        path,
        [clip.name for clip in clips],
        [clip.activity for clip in clips],
        [clip.split for clip in clips],
        seed,
        np.concatenate([one.scores_NC for one in evaluations]),
        np.concatenate([one.labels_NC for one in evaluations]),
    )
