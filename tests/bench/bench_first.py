"""The joint phase with a frozen sender, tiny profile: today's code against that of the first commit that ran it.

That is 2c4f524 ("Build the index from the pages", 2026-11-22): the first one at which `study run` trained rgb, sender
and joint, answered and wrote its page; one commit before, the run ended in a TypeError. Both codes run in this
environment and in turns (A B A B), one worker with one thread, on half of the profile's clips, with the settings that
the tiny profile has today.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m tests.bench.bench_first
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from statistics import fmean

import yaml

from tests.bench.rows import Row, keep, ratio

ROOT = Path(__file__).resolve().parents[2]
FIRST = "2c4f524"
TURNS, EPOCHS, ARMS, CLIPS = 2, 3, 2, 120
SPEC = {
    "question": {"ask": "How fast is the joint phase?"},
    "claim": {"says": {"which": "any", "direction": "better"}, "smallest": 1.0},
    "profile": "tiny",
    "design": "sweep",
    "control": {"model.fusion": "mctf"},
    "factors": {"model.fusion": ["mctf", "average"]},
    "seeds": 1,
}
RUN = "import sys; sys.argv = ['study', 'run', sys.argv[1], '--workers', '1']; from study.cli import main; main()"


def measure(folder: Path) -> Iterator[Row]:
    """Run both codes in turns, and compare what their joint phases took."""
    with tarfile.open(fileobj=BytesIO(archive())) as files:
        files.extractall(folder / "first", filter="data")
    text = yaml.safe_dump(SPEC | {"settings": settings()})
    now, then = list[float](), list[float]()
    for _ in range(TURNS):
        now.append(joint_s(ROOT, folder / "now.home", text))
        then.append(joint_s(folder / "first", folder / "first.home", text))
    value, said = ratio(fmean(now), fmean(then))
    turns = ", ".join(f"{ours / theirs:.2f}" for ours, theirs in zip(now, then, strict=True))
    what, against = "joint phase, frozen sender, tiny profile", f"the first whole path, {FIRST}"
    yield Row(what, against, value, "", 0.85, 0.6, f"{said} a phase of {EPOCHS} epochs; {turns}")


def archive() -> bytes:
    """Give all files of the first commit, as a tar file."""
    done = subprocess.run(["git", "archive", FIRST], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(
            f"{ROOT}: has no commit {FIRST}. It is needed to compare with. Fetch all commits of the project."
        )
    return done.stdout


def settings() -> dict[str, object]:
    """Write out what the tiny profile says of networks and training, with short phases and fewer clips."""
    profile = yaml.safe_load((ROOT / "experiments" / "profiles" / "tiny.yaml").read_text())
    model = {name: value for name, value in profile["model"].items() if name != "fusion"}  # which the study varies
    phases = {"rgb_epochs": 1, "sender_epochs": 1, "joint_epochs": EPOCHS, "evaluate_every": EPOCHS}
    return {"data.limit": CLIPS, "model": model, "optim": profile["optim"], "phases": phases}


def joint_s(code: Path, home: Path, text: str) -> float:
    """Run the study with `code`; give what its joint phases took, the last evaluation included, seconds a phase."""
    for name in ("runs", "editions"):
        shutil.rmtree(home / "store" / name, ignore_errors=True)  # decoded clips stay
    spec = home.with_suffix(".yaml")
    spec.write_text(text)
    own = os.environ | {"STUDY_HOME": str(home), "PYTHONPATH": str(code)}
    done = subprocess.run(
        [sys.executable, "-c", RUN, spec], cwd=code, env=own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    joint = [path.parent for path in home.glob("store/runs/*/*/settings.json") if '"joint"' in path.read_text()]
    assert len(joint) == ARMS
    lines = [line for folder in joint for line in (folder / "records.jsonl").read_text().splitlines()]
    return sum(one["value"] for one in map(json.loads, lines) if one["metric"] == "seconds") / ARMS


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="study-bench-") as name:
        sys.exit(0 if keep("first", measure(Path(name))) else 1)
