"""What any shell that sees the store can do: see what is queued, cancel it, read what failed, and try that again."""

import time
from pathlib import Path

import pytest

import study
from tests.made_slurm import PHASES, Asked, hold, in_queue, release, wait, wait_for_the_end

pytestmark = pytest.mark.slow

FAILING = {"optim__lr": 1e30, "optim__warmup_fraction": 0.0, "optim__clip_norm": None, "phases__rgb_epochs": 4}


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_status_says_what_is_queued_and_writes_nothing_and_cancel_empties_the_queue(asked: Asked) -> None:
    hold()
    asked.submit()
    before = files(asked.store.root)
    (standing,) = study.status()
    assert standing.states == {"queued": PHASES}
    assert standing.queued.total() == PHASES
    assert all(state.startswith("PENDING ") for state in standing.queued)
    assert files(asked.store.root) == before

    assert len(study.cancel("asked")) == PHASES + 1
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
