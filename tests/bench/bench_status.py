"""How long `study status` takes with 10,000 phases, start of Python included, and what a look of `study watch` costs.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python tests/bench/bench_status.py
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from results.attempt import Store  # noqa: E402
from study.watching import Watch  # noqa: E402
from tests.made_many import make_many  # noqa: E402

REPEATS = 7
COMMAND = "import sys; sys.argv[0] = 'study'; from study.cli import main; main()"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="study-bench-") as folder:
        began = time.perf_counter()
        store = make_many(Path(folder))
        print(f"made {sum(1 for _ in store.runs.iterdir())} runs in {time.perf_counter() - began:.1f} s")
        os.environ["PATH"] = f"{Path(folder) / 'bin'}:{os.environ['PATH']}"
        own = {"STUDY_HOME": str(store.root.parent)}
        environment = os.environ | own
        bare = took([sys.executable, "-c", "pass"], environment)
        help_ = took([sys.executable, "-c", COMMAND, "--help"], environment)
        whole = took([sys.executable, "-c", COMMAND, "status"], environment)
        print("wall and processor time, medians:")
        for what, (wall, processor) in {"study status": whole, "study --help": help_, "python": bare}.items():
            print(f"{what}: {wall:.2f} s, {processor:.2f} s")
        look(store)


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


def look(store: Store) -> None:
    """Time the first look of `study watch`, which reads what every phase has cost, and those after it."""
    watch, times = Watch(store), []
    for _ in range(REPEATS):
        began = time.process_time()
        watch.look()
        times.append(time.process_time() - began)
    print(f"study watch, processor time: first look {times[0]:.2f} s, the others {median(times[1:]):.3f} s")


if __name__ == "__main__":
    main()
