"""How long it takes to plan and submit 500 phases to SLURM, beside bare submitit for the same arrays.

Starts a cluster of its own (`tests/slurm/start.sh`), on which nothing may start, and stops it.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python tests/bench/bench_slurm.py
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from study.executor import slurm  # noqa: E402
from tests import made_cluster  # noqa: E402
from tests.made_slurm import LAB, Asked, hold  # noqa: E402
from tests.made_spec import SPEC  # noqa: E402

ARMS = 84
"""With two seeds and three kinds of phases: 504 phases."""


def main() -> None:
    with cluster() as folder:
        hold()
        measure(folder)


@contextmanager
def cluster() -> Iterator[Path]:
    """Start a cluster, point SLURM's programs at it, give a folder to work in, and stop it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the cluster is stopped
    with tempfile.TemporaryDirectory(prefix="study-bench-") as name, made_cluster.started():
        os.environ["STUDY_HOME"] = str(Path(name) / "home")
        yield Path(name)


def measure(folder: Path) -> None:
    import study

    wide = SPEC.replace("seeds: 1\n", "seeds: 2\n").replace("[1, 2]", str(list(range(1, ARMS + 1))))
    (folder / "asked.yaml").write_text(wide)
    (folder / "lab.yaml").write_text(LAB)
    asked = Asked(folder)
    study.plan(asked.request())  # imports torch
    began = time.monotonic()
    took: list[float] = []
    whole = slurm.Submitter._submit_all

    def timed(*given: Any) -> None:
        began = time.monotonic()
        whole(*given)
        took.append(time.monotonic() - began)

    slurm.Submitter._submit_all = timed  # type: ignore[method-assign]
    submitted = asked.submit()
    ours = time.monotonic() - began
    assert submitted.submission
    sizes = [len(array["keys"]) or 1 for array in submitted.submission["arrays"]]
    bare = submit_bare(folder, sizes)
    began = time.monotonic()
    states = asked.states()
    status = time.monotonic() - began
    print(f"{submitted.phases} phases in {len(sizes)} arrays: planned and submitted in {ours:.1f} s")
    print(
        f"of it submitting: {took[0]:.1f} s; bare submitit, the same arrays: {bare:.1f} s; {took[0] / bare:.2f} times"
    )
    print(f"study status: {status:.2f} s, {states}")


def submit_bare(folder: Path, sizes: list[int]) -> float:
    import submitit

    began = time.monotonic()
    for size in sizes:
        executor = submitit.SlurmExecutor(folder / "bare")
        executor.update_parameters(partition="low", mem="900MB", time=5)
        executor.submit_array([bare_task] * size)
    return time.monotonic() - began


def bare_task() -> None:
    """Do nothing."""


if __name__ == "__main__":
    main()
