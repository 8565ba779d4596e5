"""A small study on the cluster of the tests, and what SLURM says of it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import study
from results.attempt import Store
from study.declaration import declare
from study.executor.cluster import Cluster
from study.executor.submission import Asked as Asking
from study.preparation import Request, prepare
from study.submitting import Ready, Submitted

ROOT = Path(__file__).resolve().parents[1]
LAB = "partition: low\nmemory_gb: 0.9\ntimeout_min: 5\nsignal_delay_s: 20\n"
PHASES = 6
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Asked:
    """The study `asked.yaml`, and the settings `lab.yaml` of the cluster."""

    folder: Path

    @property
    def store(self) -> Store:
        return Store(self.folder / "home" / "store")

    @property
    def lab(self) -> Path:
        return self.folder / "lab.yaml"

    def request(self, **overrides: object) -> Request:
        changed = {name.replace("__", "."): value for name, value in overrides.items()}
        return Request(str(self.folder / "asked.yaml"), overrides=changed)

    def submit(self, **overrides: object) -> Submitted:
        return study.submit(self.request(**overrides), str(self.lab), "study run asked --on slurm")

    def start(self, *words: str, checkout: Path = ROOT, path: Path | None = None) -> subprocess.Popen[str]:
        """Start the command line in a process of its own, with the code in `checkout` and programs first in `path`."""
        code = "import sys; sys.argv[0] = 'study'; from study.cli import main; main()"
        own = os.environ | {"PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"}
        own["PATH"] = os.pathsep.join([*([str(path)] if path else []), own["PATH"]])
        command = [sys.executable, "-c", code, *words]
        return subprocess.Popen(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run_words(self) -> list[str]:
        return ["run", str(self.folder / "asked.yaml"), "--on", "slurm", "--cluster", str(self.lab)]

    def states(self) -> dict[str, int]:
        (standing,) = study.status()
        return {state: count for state, count in standing.states.items() if count}


def make_ready(folder: Path) -> Ready:
    """Declare the study `asked.yaml`, and make what a look at it is told."""
    prepared = prepare(Request(str(folder / "asked.yaml")))
    asked: Asking = {
        "name": "asked",
        "profile": None,
        "data": None,
        "overrides": {},
        "skip_bad": False,
        "cluster": None,
    }
    digest = declare(prepared, "study run asked")["claim_hash"]
    cluster = Cluster(partition="low", timeout_min=5, signal_delay_s=20)
    return Ready(prepared, digest, cluster, 1000, asked, "study run asked", "me", {}, folder / "home" / "out")


def numbers(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """Give all that was measured, but seconds, by key."""
    found = {}
    for done in sorted(home.glob("store/runs/*/done.json")):
        attempt = done.parent / str(json.loads(done.read_text())["attempt"])
        lines = [json.loads(line) for line in (attempt / "records.jsonl").read_text().splitlines()]
        found[done.parent.name] = [tuple(line.values()) for line in lines if line["metric"] != "seconds"]
    return found


def in_queue() -> list[str]:
    return subprocess.check_output(["squeue", "--noheader", "--array", "--format=%j %T"], text=True).splitlines()


def wait(met: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    until = time.monotonic() + patience_s
    while not met():
        assert time.monotonic() < until, in_queue()
        time.sleep(0.3)


def wait_for_the_end() -> None:
    wait(lambda: not in_queue())


def hold() -> None:
    """Let nothing that is queued start."""
    subprocess.run(["scontrol", "update", "partitionname=low", "state=down"], check=True)


def release() -> None:
    subprocess.run(["scontrol", "update", "partitionname=low", "state=up"], check=True)


def preempt(seconds: int = 1) -> str:
    """Submit a job that takes every node from the studies for `seconds`; give its number."""
    words = ["sbatch", "--parsable", "--partition=high", "--nodes=4", "--exclusive", "--output=/dev/null"]
    return subprocess.check_output([*words, f"--wrap=sleep {seconds}"], text=True).strip()


@contextmanager
def configured(changes: Mapping[str, str]) -> Iterator[None]:
    """Have other words in SLURM's configuration meanwhile."""
    path = Path(os.environ["SLURM_CONF"])
    before = after = path.read_text()
    for old, new in changes.items():
        assert after.count(old) == 1, old
        after = after.replace(old, new)
    try:
        path.write_text(after)
        subprocess.run(["scontrol", "reconfigure"], check=True)
        yield
    finally:
        path.write_text(before)
        subprocess.run(["scontrol", "reconfigure"], check=True)
