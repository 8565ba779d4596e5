"""A probe: what a finished network makes of damaged clips, or of true sender tokens. Nothing is trained.

It sees the hashed settings of its phase, the weights of its parents, and nothing else.
"""

import time

import torch
from torch import nn

from experiments.clip import DataSet
from models.build import (
    BaselineModel,
    ClipShape,
    ModelSettings,
    Network,
    build,
    load_own_state,
    streams_of,
    variant,
)
from models.transm3e import Taught, TransM3E
from results.attempt import PREDICTIONS, Attempt, Store
from results.record import RecordWriter
from study.checkpoint import load_weights
from study.damage import damaged
from study.examiner import Examiner
from study.leg import Place, Report, Stop, Superseded, publish, unheard, unstopped
from study.loader import Batch, Loader
from study.memory import start_peak
from study.phase import Phase, ProbePhaseSettings
from study.training import be_deterministic, sender_weights, subset_of


def probe(
    phase: Phase,
    place: Place,
    store: Store,
    attempt: Attempt,
    report: Report = unheard,
    stop: Stop = unstopped,
) -> bool:
    """Measure the network of a finished training as `phase` asks, and publish records and predictions.

    Returns:
        Whether this attempt became the phase's result; False if another one was published first.

    Raises:
        Superseded: another attempt holds the phase now.
        StoreError: a parent is not done.
    """
    settings = phase.settings
    if not isinstance(settings, ProbePhaseSettings):
        raise TypeError(f"a probe is needed, but got a phase of kind {phase.kind!r}.")
    device = torch.device(place.resources.device)
    if device.type == "cuda":
        be_deterministic()
    start_peak(device)
    began = time.monotonic()
    dataset, subset = place.dataset, subset_of(phase, place.dataset)
    network = finished(phase, settings, dataset, store)
    shown: nn.Module = network
    streams = streams_of(settings.model)
    if settings.probe.tokens == "sender" and isinstance(network, TransM3E):
        shown = Taught(network)
    elif not isinstance(settings.model, BaselineModel):
        streams = ("rgb",)

    def change(batch: Batch) -> Batch:
        clips = [dataset.clips[index].name for index in batch.index_B.tolist()]
        return batch._replace(streams=damaged(batch.streams, clips, settings.probe, phase.seed))

    workers = place.resources.loader_workers
    loader = Loader(dataset, settings.data, place.cache, subset, streams, loader_workers=workers)
    loss = variant(settings.model.loss).Loss(settings.model.loss)
    examiner = Examiner(
        shown.to(device), loader, dataset, subset, loss, settings.batch, settings.precision, device, phase.seed, change
    )
    records = examiner.measure_all(attempt, 1, stop)
    took = time.monotonic() - began
    with RecordWriter(attempt.records) as writer:
        writer.write(records)
    if attempt.superseded():
        raise Superseded(f"{phase.key}: attempt {attempt.number} was taken over by a later one.")
    return publish(attempt, place, network, took, (PREDICTIONS,))


def finished(phase: Phase, settings: ProbePhaseSettings, dataset: DataSet, store: Store) -> Network:
    """Build the network whose training is a parent of `phase`, with the weights that it ended with.

    Raises:
        StoreError: the training is not done.
    """
    subset, model = subset_of(phase, dataset), settings.model
    shape = ClipShape(settings.data.frames, settings.data.size, dataset.skeleton)
    network = build(model, len(subset.learned), shape)
    if isinstance(network, TransM3E) and isinstance(model, ModelSettings):
        senders = sender_weights(phase, model, store)
        if senders:
            network.load_senders(senders)
    trained = phase.parents["baseline" if isinstance(model, BaselineModel) else "joint"]
    load_own_state(network, load_weights(store.checkpoint(trained)))
    return network
