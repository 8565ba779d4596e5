"""A probe: what a finished network makes of damaged clips, or of true sender tokens. Nothing is trained.

It sees the hashed settings of its phase, the weights of its parents, and nothing else.
"""

import time
from collections.abc import Callable

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
from study.compute import Compute
from study.damage import damaged
from study.examiner import Examiner
from study.leg import Place, Report, Stop, publish, refuse_superseded, unheard, unstopped
from study.loader import Batch, Loader
from study.memory import begin_phase
from study.phase import Phase
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
    settings = phase.probed
    compute = Compute.of(place.resources, place.group)
    be_deterministic(compute.device)
    begin_phase(compute.device)
    began = time.monotonic()
    dataset, subset = place.dataset, subset_of(phase, place.dataset)
    network = finished(phase, dataset, store)
    shown: nn.Module = network
    streams = streams_of(settings.model)
    if settings.probe.tokens == "sender" and isinstance(network, TransM3E):
        shown = Taught(network)
    elif not isinstance(settings.model, BaselineModel):
        streams = ("rgb",)
    compute.ready(shown)

    workers = place.resources.loader_workers
    loader = Loader(dataset, settings.data, place.cache, subset, streams, loader_workers=workers)
    loss = variant(settings.model.loss).Loss(settings.model.loss)
    examiner = Examiner(
        network=shown,
        loader=loader,
        dataset=dataset,
        subset=subset,
        loss=loss,
        batch=settings.batch,
        precision=settings.precision,
        compute=compute,
        seed=phase.seed,
        change=damage_of(phase, dataset),
    )
    records = examiner.measure_all(attempt, 1, stop)
    took = time.monotonic() - began
    with RecordWriter(attempt.records) as writer:
        writer.write(records)
    refuse_superseded(attempt)
    return publish(attempt, place, network, took, (PREDICTIONS,))


def damage_of(phase: Phase, dataset: DataSet) -> Callable[[Batch], Batch]:
    """Give what `phase` does to every batch before the network sees it."""

    def damage(batch: Batch) -> Batch:
        clips = [dataset.clips[index].name for index in batch.index_B.tolist()]
        return batch._replace(streams=damaged(batch.streams, clips, phase.probed.probe, phase.seed))

    return damage


def finished(phase: Phase, dataset: DataSet, store: Store) -> Network:
    """Build the network whose training is a parent of `phase`, with the weights that it ended with.

    Raises:
        StoreError: the training is not done.
    """
    subset, settings = subset_of(phase, dataset), phase.probed
    model = settings.model
    shape = ClipShape(settings.data.frames, settings.data.size, dataset.skeleton)
    network = build(model, len(subset.learned), shape)
    if isinstance(network, TransM3E) and isinstance(model, ModelSettings):
        senders = sender_weights(phase, model, store)
        if senders:
            network.load_senders(senders)
    trained = phase.parents["baseline" if isinstance(model, BaselineModel) else "joint"]
    load_own_state(network, load_weights(store.checkpoint(trained)))
    return network
