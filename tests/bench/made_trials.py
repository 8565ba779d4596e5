"""Studies whose phases do nothing but what the engine asks of each: claim, records, publication. Workers are real.

Letters: N clips, C classes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from torch import nn

from results import predictions
from results.attempt import PREDICTIONS, Attempt, Store
from results.record import Record, RecordWriter
from study import worker
from study.examiner import SEALED_SPLITS, SHOWN_SPLITS
from study.executor import local
from study.leg import Place, Report, Stop, publish
from study.legs import LEGS
from study.phase import Phase
from study.worker import Orders

RECORDS = 50
KIND = "baseline"
SPEC = """\
question: {{ask: 'What does the engine cost?'}}
claim:
  says: {{which: any, direction: better}}
  smallest: 1.0
  over: seeds
profile: tiny
design: sweep
control: {{model.trunk.width: 4}}
factors: {{model.trunk.width: {widths}}}
seeds: {seeds}
settings:
  data: {{limit: 4, frames: 2, size: 16, margin: 2}}
  resources.workers: 1
charts: []
"""
NOTHING_TRAINED = "  model.baseline: label_frequency\n"
"""One phase a trial."""


def write_spec(path: Path, arms: int, seeds: int, settings: str = NOTHING_TRAINED) -> Path:
    """Write a study of `arms` times `seeds` trials, each with a result of its own."""
    text = SPEC.format(widths=list(range(4, 4 + arms)), seeds=seeds)
    path.write_text(text.replace("charts:", f"{settings}charts:"))
    return path


def only_record(phase: Phase, place: Place, store: Store, attempt: Attempt, report: Report, stop: Stop) -> bool:
    """Write 50 records and publish them."""
    with RecordWriter(attempt.records) as writer:
        writer.write([Record(f"metric {number}", "train", 1, float(number)) for number in range(RECORDS)])
    return publish(attempt, place, nn.Identity(), 1.0, files=())


def record_and_score(phase: Phase, place: Place, store: Store, attempt: Attempt, report: Report, stop: Stop) -> bool:
    """Do the same with scores that a study can be answered from."""
    clips = [clip for clip in place.dataset.clips if clip.split in SHOWN_SPLITS + SEALED_SPLITS]
    labels_NC = np.zeros((len(clips), len(place.dataset.labels)), np.bool_)
    for row_C, clip in zip(labels_NC, clips, strict=True):
        row_C[list(clip.muscles)] = True
    generator = np.random.default_rng(int(attempt.key[:8], 16))
    columns = [[getattr(clip, name) for clip in clips] for name in ("name", "activity", "split")]
    scores_NC = generator.normal(size=labels_NC.shape).astype(np.float32)
    motion_N = np.zeros(len(clips), np.float32)
    predictions.write(attempt.predictions, phase.seed, predictions.Scored(*columns, motion_N, scores_NC, labels_NC))
    with RecordWriter(attempt.records) as writer:
        writer.write([Record("map", split, 1, generator.normal(40), "points") for split in SHOWN_SPLITS])
        writer.write([Record(f"metric {number}", "train", 1, 0.5) for number in range(RECORDS - 2)])
    return publish(attempt, place, nn.Identity(), 1.0, files=(PREDICTIONS,))


def work_only_recording(connection: Connection, orders: Orders) -> None:
    """Work as a worker does, but train nothing."""
    LEGS[KIND] = only_record
    worker.work(connection, orders)


def work_scoring(connection: Connection, orders: Orders) -> None:
    """Likewise, with scores."""
    LEGS[KIND] = record_and_score
    worker.work(connection, orders)


@contextmanager
def workers_do(work: object) -> Iterator[None]:
    """Have the workers that are hired meanwhile do something else than train."""
    before, local.work = local.work, work  # type: ignore[assignment]
    try:
        yield
    finally:
        local.work = before


@contextmanager
def home(folder: Path) -> Iterator[Path]:
    """Keep the store in `folder` meanwhile."""
    os.environ["STUDY_HOME"] = str(folder)
    try:
        yield folder
    finally:
        del os.environ["STUDY_HOME"]
