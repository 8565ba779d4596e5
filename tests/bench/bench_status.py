"""How long `study --help`, `list` and `status` take, start of Python included, and what a look of `study watch` costs.

The store holds 10,000 runs in every state, and phases that never ran.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m tests.bench.bench_status
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from results.attempt import Store
from study.watching import Watch
from tests.bench.rows import Row, keep
from tests.made_many import make_many

ROOT = Path(__file__).resolve().parents[2]
REPEATS, PHASES = 7, 12_000
COMMAND = "import sys; sys.argv[0] = 'study'; from study.cli import main; main()"


TARGETS = {"--help": (0.4, 0.2), "list": (0.6, 0.3), "status": (1.0, 0.5)}


def measure(folder: Path) -> Iterator[Row]:
    """Run every verb a few times, and look as `study watch` does."""
    store = make_many(folder, PHASES)
    count = sum(1 for _ in store.runs.iterdir())
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    environment = os.environ | {"STUDY_HOME": str(store.root.parent), "PATH": path}
    bare, _ = took([sys.executable, "-c", "pass"], environment)
    for verb, targets in TARGETS.items():
        wall, processor = took([sys.executable, "-c", COMMAND, verb], environment)
        said = f"processor {processor:.2f} s; python alone {bare:.2f} s"
        what = f"study {verb}" + (f", {count:,} runs" if verb == "status" else "")
        yield Row(what, "", wall, "s", *targets, said)
    os.environ["PATH"] = path
    yield from look(store)


def took(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Give the medians of how long `command` takes, and of its and its children's processor time, seconds."""
    walls, processors = [], []
    for _ in range(REPEATS):
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(time.perf_counter() - began)
        processors.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return median(walls), median(processors)


def look(store: Store) -> Iterator[Row]:
    """Time the first look of `study watch`, which reads what every phase has cost, and those after it."""
    watch, times = Watch(store), []
    for _ in range(REPEATS):
        began = time.process_time()
        watch.look()
        times.append(time.process_time() - began)
    yield Row("study watch, a look after the first", "", median(times[1:]), "s", setting=f"the first {times[0]:.2f} s")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="study-bench-") as name:
        sys.exit(0 if keep("status", measure(Path(name))) else 1)
