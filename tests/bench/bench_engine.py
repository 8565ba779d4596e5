"""What the engine costs besides training: a phase that does nothing, a plan, and a study again that is done.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m tests.bench.bench_engine
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

from rich.console import Console

import study
from study import provenance, runner
from study.event import Event
from study.executor import local
from study.preparation import Request, prepare
from study.worker import Orders
from tests.bench.made_trials import RECORDS, home, work_only_recording, work_scoring, workers_do, write_spec
from tests.bench.rows import Row, keep

ARMS, SEEDS, REPEATS = 100, 10, 3
PHASES_TIMED = 400
QUIET = Console(quiet=True)


def measure() -> Iterator[Row]:
    """Measure one after another, each in a store of its own."""
    with tempfile.TemporaryDirectory(prefix="study-bench-") as name:
        folder = Path(name)
        yield no_op(folder / "no_op")
        yield from plans(folder / "plans")
        yield from again(folder / "again")


@contextmanager
def own(folder: Path, settings: str | None = None) -> Iterator[Request]:
    """Give a study of 1,000 trials, with a store of its own."""
    folder.mkdir()
    written = {} if settings is None else {"settings": settings}
    with home(folder / "home"):
        yield Request(str(write_spec(folder / "asked.yaml", ARMS, SEEDS, **written)))


def no_op(folder: Path) -> Row:
    """Time phases that only record, from the end of the first to the end of the last, in one worker that lives."""
    with own(folder) as request, workers_do(work_only_recording):
        prepared = runner.make_ready(request, "bench", QUIET, workers=1).prepared
        resources, ended = prepared.plan.edition.settings.resources, list[float]()
        orders = Orders(prepared.store.root, prepared.sources, resources, provenance.code(), "bench")
        phases = dict(list(prepared.plan.phases.items())[:PHASES_TIMED])

        def tell(event: Event) -> None:
            if event.state == "done":
                ended.append(time.perf_counter())

        schedule = local.run(phases, (), orders, 1, tell)
        assert len(schedule.done) == PHASES_TIMED, schedule.failed
        cost_ms = 1e3 * (ended[-1] - ended[0]) / (PHASES_TIMED - 1)
        said = f"{PHASES_TIMED} phases; a sync of this disk takes {sync_ms(folder):.2f} ms"
    return Row(f"a phase that does nothing, {RECORDS} records, live worker", "", cost_ms, "ms", 15, 5, said)


def sync_ms(folder: Path) -> float:
    """Time a small file that is written and synced, as a phase does eleven times."""
    took = []
    for number in range(50):
        began = time.perf_counter()
        with (folder / f"synced{number}").open("wb") as file:
            file.write(b"1")
            file.flush()
            os.fsync(file.fileno())
        took.append(time.perf_counter() - began)
    return 1e3 * median(took)


def plans(folder: Path) -> Iterator[Row]:
    """Time a plan of trials of TransM3E, with what it costs and can detect, besides imports."""
    with own(folder, settings="") as request:
        prepared = prepare(request)
        took = [timed(lambda: study.plan(request)) for _ in range(1 + REPEATS)][1:]
        said = f"{len(prepared.plan.trials)} trials, {len(prepared.plan.phases)} phases"
    yield Row("plan of 1,000 trials besides imports", "", median(took), "s", 0.8, 0.4, said)


def again(folder: Path) -> Iterator[Row]:
    """Run a study of trials that do nothing; then time it again until it knows that all is done, and its report."""
    with own(folder) as request, workers_do(work_scoring):
        ran = study.run(request, "bench", workers=os.cpu_count())
        assert ran.is_whole, ran.failed
        looked, reported = list[float](), list[float]()
        report = runner.report_edition

        def told(*given: Any) -> Any:
            looked.append(time.perf_counter())
            return report(*given)

        with mock.patch.object(runner, "report_edition", told):
            for _ in range(1 + REPEATS):
                began = time.perf_counter()
                assert study.run(request, "bench").is_whole
                reported.append(time.perf_counter() - looked[-1])
                looked[-1] -= began
    said = "planned, claim declared, all phases looked up"
    yield Row("the same study again, 1,000 trials done, besides imports", "", median(looked[1:]), "s", 1.5, 0.8, said)
    yield Row(f"answer and page, {ARMS} arms x {SEEDS} seeds", "", median(reported[1:]), "s")


def timed(do: object) -> float:
    """Give how long a call takes, seconds."""
    assert callable(do)
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(0 if keep("engine", measure()) else 1)
