"""How long `study status` takes with 10,000 phases, start of Python included, and what a look of `study watch` costs.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python tests/bench/bench_status.py
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.made_many import make_many  # noqa: E402

REPEATS = 7
COMMAND = "import sys; sys.argv[0] = 'study'; from study.cli import main; main()"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="study-bench-") as folder:
        began = time.perf_counter()
        store = make_many(Path(folder))
        print(f"made {sum(1 for _ in store.runs.iterdir())} runs in {time.perf_counter() - began:.1f} s")
        own = {"STUDY_HOME": str(store.root.parent), "PATH": f"{Path(folder) / 'bin'}:{os.environ['PATH']}"}
        environment = os.environ | own
        bare = took([sys.executable, "-c", "pass"], environment)
        help_ = took([sys.executable, "-c", COMMAND, "--help"], environment)
        whole = took([sys.executable, "-c", COMMAND, "status"], environment)
        print(f"study status, 10,000 phases: {whole:.2f} s; study --help {help_:.2f} s; python {bare:.2f} s (medians)")


def took(command: list[str], environment: dict[str, str]) -> float:
    """Give the median of how long `command` takes, seconds."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - began)
    return median(times)


if __name__ == "__main__":
    main()
