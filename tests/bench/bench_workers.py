"""Trials an hour: as many workers with one thread as there are cores, against one worker with as many threads.

The 15 trials of token_count_sweep with the tiny profile, on 60 clips a split and for one epoch a phase, in turns (A B A
B). Workers do not spin (OMP_WAIT_POLICY=PASSIVE); their start counts, as it does in every run.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m tests.bench.bench_workers
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from study import provenance
from study.executor import local
from study.preparation import Prepared, Request, decode, prepare_store
from study.worker import Orders
from tests.bench.made_trials import home
from tests.bench.rows import Row, keep

TURNS = 2
SHORT = {"data.limit": 60, "phases.rgb_epochs": 1, "phases.sender_epochs": 1, "phases.joint_epochs": 1}
ASKED = Request("token_count_sweep", profile="tiny", overrides=SHORT)


def measure(prepared: Prepared) -> Iterator[Row]:
    """Let both ways train all trials, in turns."""
    cores = len(os.sched_getaffinity(0))
    many, one = list[float](), list[float]()
    for _ in range(TURNS):
        many.append(trials_an_hour(prepared, cores, 1))
        one.append(trials_an_hour(prepared, 1, cores))
    said = f"{fmean(many):.0f} / {fmean(one):.0f} trials an hour; {many[0] / one[0]:.2f}, {many[1] / one[1]:.2f}"
    what, against = f"{cores} local workers x 1 thread", f"1 worker x {cores} threads"
    yield Row(f"trials an hour, {what}", against, fmean(many) / fmean(one), "", 1.2, 1.5, said, "at least")


def trials_an_hour(prepared: Prepared, workers: int, threads: int) -> float:
    """Train all trials from an empty store."""
    plan, store = prepared.plan, prepared.store
    shutil.rmtree(store.runs, ignore_errors=True)
    resources = plan.edition.settings.resources.model_copy(update={"threads": threads})
    orders = Orders(store.root, prepared.sources, resources, provenance.code(), "bench")
    began = time.perf_counter()
    schedule = local.run(plan.phases, (), orders, workers, lambda event: None)
    assert schedule.done == set(plan.phases), schedule.failed
    return 3600 * len(plan.trials) / (time.perf_counter() - began)


def main() -> bool:
    """Measure in a store of its own."""
    with tempfile.TemporaryDirectory(prefix="study-bench-") as name, home(Path(name)):
        return keep("workers", measure(decode(prepare_store(ASKED), 1, lambda done, in_all: None)))


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
