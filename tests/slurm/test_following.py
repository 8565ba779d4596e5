"""What any shell that sees the store can do: see what is queued, cancel it, read what failed, and try that again."""

import os
import shutil
import time
from itertools import pairwise
from pathlib import Path

import pytest

import study
from tests.made_slurm import PATIENCE_S, PHASES, Asked, hold, in_queue, release, wait, wait_for_the_end

pytestmark = pytest.mark.slow

FAILING = {"optim__lr": 1e30, "optim__warmup_fraction": 0.0, "optim__clip_norm": None, "phases__rgb_epochs": 4}


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_status_says_what_is_queued_and_writes_nothing_and_cancel_empties_the_queue(asked: Asked) -> None:
    hold()
    asked.submit()
    assert study.clean(dry_run=True) == ([], ""), "what is queued needs its submission"
    before = files(asked.store.root)
    (standing,) = study.status()
    assert standing.states == {"queued": PHASES}
    assert standing.queued.total() == PHASES
    assert all(state.startswith("PENDING ") for state in standing.queued)
    assert files(asked.store.root) == before

    cancelled, kept = study.cancel("asked")
    assert (len(cancelled), kept) == (PHASES + 1, {})
    wait(lambda: not in_queue())
    assert asked.states() == {"due": PHASES}


def test_what_failed_blocks_its_children_in_seconds_is_explained_and_runs_again(asked: Asked) -> None:
    asked.submit(**FAILING)
    wait(lambda: "failed" in asked.states())
    began = time.monotonic()
    wait(lambda: "blocked" in asked.states())
    assert time.monotonic() - began < 5
    wait_for_the_end()

    (standing,) = study.status()
    _, folder = next(iter(standing.failed.values()))
    found = study.logs(folder.parent.name[:8])
    assert found.state == "failed"
    assert "Traceback" in found.text
    assert "diverged" in found.text
    assert found.files[-1].name.endswith("_log.out")

    study.clean(dry_run=False)
    assert study.logs(folder.parent.name).files == found.files, "the log of what failed stays"

    hold()
    (again,) = study.retry("asked")
    failed, blocked = standing.states["failed"], standing.states["blocked"]
    assert again.phases == failed + blocked
    assert asked.states() == {"queued": failed + blocked, "done": PHASES - failed - blocked}
    release()


def test_a_phase_that_is_cancelled_while_it_trains_goes_on_from_there(asked: Asked) -> None:
    asked.submit(phases__rgb_epochs=4000, phases__sender_epochs=1)
    wait(lambda: any(epoch > 1 for epoch, _ in study.status()[0].running.values()))
    study.cancel("asked")
    wait(lambda: not in_queue())
    assert "running" not in asked.states()
    stopped = [path for path in asked.store.runs.glob("*/1/stopped.json") if "SIGTERM" in path.read_text()]
    assert stopped


def test_watch_asks_slurm_once_in_ten_seconds_and_ends_with_the_report(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, program = shutil.which("squeue"), tmp_path / "bin" / "squeue"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ndate +%s.%N >> {tmp_path}/calls\nexec {real} "$@"\n')
    program.chmod(0o755)
    hold()
    asked.submit()
    (tmp_path / "calls").unlink(missing_ok=True)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    began = time.time()
    watching = asked.start("watch", "asked")
    assert watching.stdout is not None
    first = watching.stdout.readline()
    assert first.startswith(f"asked: {PHASES} queued; spent 0.00 processor hours"), first
    release()
    said = watching.communicate(timeout=PATIENCE_S)[0]
    took = time.time() - began
    assert watching.returncode == 0, said
    assert "joint count=1 seed 0: done" in said
    assert f"asked: {PHASES} done" in said
    assert (tmp_path / "home" / "out" / "asked.html").exists(), "it ends when the report is written"
    calls = [float(line) for line in (tmp_path / "calls").read_text().splitlines()]
    assert 2 <= len(calls) <= 1 + took / 10
    assert min(after - before for before, after in pairwise(calls)) > 9.8
