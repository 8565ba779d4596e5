"""A phase that trains nothing: what the network of an arm costs at inference, on the machine that runs it.

It runs alone (`study.alone`), on clips that are made up, and keeps numbers only: no weights and no predictions.
"""

import os
import time
from collections.abc import Sequence
from statistics import median, quantiles

import torch

from models.build import ClipShape, build, for_inference, parameter_count
from results.attempt import Attempt, Store
from results.metric.facts import COST_SPLIT
from results.record import Record, RecordWriter
from study import inference, made_up
from study.flops import gflops, read_at_inference
from study.leg import Place, Report, Stop, publish, refuse_superseded, unheard, unstopped
from study.memory import begin_phase
from study.phase import Phase, ProfileSettings
from study.seeding import derive


def profile(
    phase: Phase,
    place: Place,
    store: Store,
    attempt: Attempt,
    report: Report = unheard,
    stop: Stop = unstopped,
) -> bool:
    """Measure the network of `phase` in the folder of `attempt` and publish the numbers.

    Returns:
        Whether this attempt became the phase's result; False if another one was published first.

    Raises:
        Superseded: another attempt holds the phase now.
    """
    settings = phase.profiled
    began, load = time.monotonic(), os.getloadavg()[0]
    device = torch.device(place.resources.device)
    if device.type != settings.device:  # that of the control, where an arm asks for another
        device = torch.device(settings.device)
    begin_phase(device)
    shape = ClipShape(settings.data.frames, settings.data.size, settings.skeleton)
    torch.manual_seed(derive(phase.seed, phase.replicate, phase.kind))
    network = for_inference(build(settings.model, settings.classes, shape)).to(device)
    streams = made_up.batch(read_at_inference(settings.model), settings.inference.batch, shape, str(device))
    with inference.threads(settings.threads):
        taken_ms = inference.latencies_ms(network, streams, settings.inference, settings.precision, stop)
        memory = inference.peak_bytes(network, streams, settings.precision)
        records = [
            *(Record("latency", COST_SPLIT, repeat, value, "ms") for repeat, value in enumerate(taken_ms, start=1)),
            *_summary(taken_ms),
            Record("parameters", COST_SPLIT, len(taken_ms), parameter_count(network).total),
            Record("gflops", COST_SPLIT, len(taken_ms), _gflops(settings, shape), "GFLOP"),
            Record("load", COST_SPLIT, len(taken_ms), load),
        ]
        if memory is not None:
            records.append(Record("peak_memory", COST_SPLIT, len(taken_ms), memory, "bytes"))
        with RecordWriter(attempt.records) as writer:
            writer.write(records)
        refuse_superseded(attempt)
        named = inference.device_name(device)
        return publish(attempt, place, network, time.monotonic() - began, files=(), device_name=named)


def _summary(taken_ms: Sequence[float]) -> list[Record]:
    """Give the median over the repeats, and the range of their middle half."""
    low, _, high = quantiles(taken_ms, n=4, method="inclusive")
    return [
        Record("latency_median", COST_SPLIT, len(taken_ms), median(taken_ms), "ms"),
        Record("latency_spread", COST_SPLIT, len(taken_ms), high - low, "ms"),
    ]


def _gflops(settings: ProfileSettings, shape: ClipShape) -> float:
    with torch.device("meta"):
        network = build(settings.model, settings.classes, shape)
    return gflops(network, settings.model, shape)
