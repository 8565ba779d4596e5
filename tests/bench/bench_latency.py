"""How soon a phase begins after it was submitted, and how many empty phases SLURM gets through in a minute.

Both beside bare submitit on the same cluster, in turns. A job of bare submitit writes down the time and ends; a phase
imports torch, checks the copy of the code, claims its key, reads its clips and parents, and takes its first step.
Starts a cluster of its own (`tests/slurm/start.sh`) and stops it.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python tests/bench/bench_latency.py
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from results.attempt import Attempt  # noqa: E402
from study.executor import slurm, snapshot  # noqa: E402
from tests.bench.bench_slurm import cluster  # noqa: E402
from tests.made_slurm import LAB, Asked, hold, release, wait, wait_for_the_end  # noqa: E402
from tests.made_spec import SPEC  # noqa: E402

REPEATS = 5
PHASES = 20
EMPTY = f"""\
control: {{model.trunk.width: 4}}
factors: {{model.trunk.width: {list(range(4, 4 + PHASES))}}}
seeds: 1
"""
"""Label frequencies again and again: nothing is trained, so these are the shortest phases that there are."""
SETTINGS = "settings: {model.baseline: label_frequency, data: {limit: 4, frames: 2, size: 16, margin: 2}}\n"
STEPS = ("pass", "import submitit", "import torch", "import study.worker")


class Latency(NamedTuple):
    """When what happened of one phase, seconds after it was handed to SLURM; `planned` is how long that took before."""

    planned: float
    script: float
    claim: float
    step: float


def main() -> None:
    with cluster() as folder:
        latency(folder)
        throughput(folder)


def latency(folder: Path) -> None:
    """Submit a joint phase again and again, its parents done, and a job of bare submitit after each."""
    asked = study_of(folder, "latency", SPEC)
    asked.submit()
    wait_for_the_end()
    (joint, *_) = [path for path in asked.store.runs.iterdir() if "joint" in (path / "1/settings.json").read_text()]
    ours, bare = [], []
    for number in range(REPEATS + 1):  # the first fills the caches of the disk
        ours.append(one_phase(asked, joint))
        bare.append(one_job(folder / f"bare{number}"))
    parts = Latency(*(median(one[index] for one in ours[1:]) for index in range(len(Latency._fields))))
    usual = median(bare[1:])
    print(f"submit to first step: {parts.step:.2f} s; bare submitit {usual:.2f} s; {parts.step / usual:.1f} times")
    print(
        f"of it until the batch script runs {parts.script:.2f} s, then until the claim (srun, python, imports, hash) "
        f"{parts.claim - parts.script:.2f} s, then until the first step {parts.step - parts.claim:.2f} s; "
        f"before that planned and decoded in {parts.planned:.2f} s"
    )
    alone = ", ".join(f"python -c '{words}' {started(words):.2f} s" for words in STEPS)
    print(f"processor time: {alone}, {hashed(folder)}")


def one_phase(asked: Asked, run: Path) -> Latency:
    """Submit the phase of `run`, and nothing else, as if it had never run."""
    shutil.rmtree(run)
    script = asked.folder / "script"
    script.unlink(missing_ok=True)
    asked.lab.write_text(f"{LAB}setup: ['date +%s.%N >> {script}']\n")
    handed: list[float] = []
    submit = slurm.Submitter._submit_all

    def timed(*given: Any) -> None:
        handed.append(time.time())
        submit(*given)

    slurm.Submitter._submit_all = timed  # type: ignore[method-assign]
    began = time.time()
    try:
        submitted = asked.submit()
    finally:
        slurm.Submitter._submit_all = submit  # type: ignore[method-assign]
    assert submitted.phases == 1
    wait_for_the_end()
    at, started_at = handed[0], float(script.read_text().splitlines()[0])
    claimed, stepped = times(Attempt(run / "1", run.name, 1))
    return Latency(at - began, started_at - at, claimed - at, stepped - at)


def times(attempt: Attempt) -> tuple[float, float]:
    """Give when an attempt was claimed, and when its first epoch began: its records were written when that ended."""
    claim = json.loads((attempt.folder / "claim.json").read_text())["claimed_at"]
    first = [json.loads(line) for line in attempt.records.read_text().splitlines()]
    (seconds,) = [one["value"] for one in first if one["metric"] == "seconds"]
    return datetime.fromisoformat(claim).timestamp(), attempt.records.stat().st_mtime - seconds


def one_job(folder: Path) -> float:
    """Submit a job with bare submitit; give how long it takes until its function runs."""
    began = time.time()
    bare(folder, 1)
    wait(lambda: any(folder.glob("ran*")))
    wait_for_the_end()
    (path,) = folder.glob("ran*")
    return float(path.read_text()) - began


def bare(folder: Path, count: int) -> None:
    """Submit `count` jobs that write down the time, as one array."""
    import submitit

    executor = submitit.SlurmExecutor(folder)
    executor.update_parameters(partition="low", mem="900MB", time=5)
    executor.submit_array([note] * count) if count > 1 else executor.submit(note)


def note() -> None:
    """Write down that it is now."""
    import submitit

    environment = submitit.JobEnvironment()
    (environment.paths.folder / f"ran{environment.job_id}").write_text(str(time.time()))


def throughput(folder: Path) -> None:
    """Hold empty phases, let them go, and see when the last is done; the same with jobs of bare submitit."""
    text = SPEC[: SPEC.index("control:")] + EMPTY + SETTINGS
    asked = study_of(folder, "empty", text)
    hold()
    submitted = asked.submit()
    count = submitted.phases
    assert count == PHASES
    ours = released(lambda: len(list(asked.store.runs.glob("*/done.json"))) == count)
    wait_for_the_end()
    hold()
    bare(folder / "jobs", count)
    jobs = released(lambda: len(list((folder / "jobs").glob("ran*"))) == count)
    print(
        f"{count} empty phases: {60 * count / ours:.0f} a minute; bare submitit {60 * count / jobs:.0f} jobs a minute; "
        f"{ours / jobs:.1f} times as long, on {os.cpu_count()} processors"
    )


def released(met: Any) -> float:
    began = time.monotonic()
    release()
    wait(met, 600)
    return time.monotonic() - began


def study_of(folder: Path, name: str, text: str) -> Asked:
    """Make a study that may be submitted, with a store of its own."""
    own = folder / name
    own.mkdir()
    (own / "asked.yaml").write_text(text)
    (own / "lab.yaml").write_text(LAB)
    os.environ["STUDY_HOME"] = str(own / "home")
    return Asked(own)


def started(words: str) -> float:
    """Give the median processor time of a Python that does `words`, seconds: the machine may be busy."""
    took = []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", words], cwd=ROOT, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return median(took)


def hashed(folder: Path) -> str:
    """Say how long it takes to copy the code and to hash the copy."""
    began = time.monotonic()
    snapshot.take(folder / "copy")
    taken = time.monotonic()
    snapshot.digest(folder / "copy")
    return f"copying the code {taken - began:.2f} s, hashing the copy {time.monotonic() - taken:.2f} s"


if __name__ == "__main__":
    main()
