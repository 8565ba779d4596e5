"""A phase that four processes on two nodes train together, on a real cluster: the numbers of one process here."""

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import study
from tests.made_slurm import PHASES, Asked, in_queue, preempt, wait

pytestmark = pytest.mark.slow

LAB = """\
partition: low
nodes: 2
tasks_per_node: 2
memory_gb: 1.5
timeout_min: 10
signal_delay_s: 30
"""
SAME = {
    "model__trunk__drop_path": 0.0,
    "model__head_dropout": 0.0,
    "model__tokens__dropout": 0.0,
    "optim__batch": 6,
    "phases__sender_epochs": 1,
}
"""Nothing that processes draw differently; batches of 6 and, of 8 clips, 2: two processes have none of the last one."""
SHORT = SAME | {"data__limit": 8, "optim__lr": 1e-3, "phases__rgb_epochs": 4, "phases__joint_epochs": 2}
LONG = SAME | {"data__limit": 8, "optim__lr": 5e-5, "phases__rgb_epochs": 40, "phases__joint_epochs": 1}
"""Rounding grows: at twice that rate to 1.6e-5 in 100 epochs, at twenty times that rate to 1e-3 in 60."""
CLOSE = 1e-5


@pytest.fixture
def divided(asked: Asked) -> Asked:
    asked.lab.write_text(LAB)
    return asked


def results(home: Path) -> dict[str, Path]:
    return {
        done.parent.name: done.parent / str(json.loads(done.read_text())["attempt"])
        for done in sorted(home.glob("store/runs/*/done.json"))
    }


def losses(attempt: Path) -> dict[tuple[str, int], float]:
    records = [json.loads(line) for line in (attempt / "records.jsonl").read_text().splitlines()]
    return {(one["split"], one["step"]): one["value"] for one in records if one["metric"] == "loss"}


def assert_numbers_of_one_process(asked: Asked, here: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
    there = results(asked.folder / "home")
    for attempt in there.values():
        provenance = json.loads((attempt / "provenance.json").read_text())
        assert provenance["world_size"] == 4
    monkeypatch.setenv("STUDY_HOME", str(here))
    assert study.run(asked.request(**settings)).is_whole
    alone = results(here)
    assert there.keys() == alone.keys()
    assert len(there) == PHASES
    for key, attempt in there.items():
        assert losses(attempt) == pytest.approx(losses(alone[key]), abs=CLOSE, rel=CLOSE)


def test_two_nodes_with_two_processes_each_come_to_the_numbers_of_one_process(
    divided: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    divided.submit(**SHORT)
    wait(lambda: not in_queue(), 300)
    assert divided.states() == {"done": PHASES}
    assert len(list(divided.store.runs.glob("*/[0-9]*"))) == PHASES, "each phase was claimed once"
    assert_numbers_of_one_process(divided, tmp_path / "here", monkeypatch, **SHORT)


def test_a_process_that_is_killed_ends_the_others_soon_and_costs_no_number(
    divided: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    divided.submit(**LONG)
    wait(trains, 300)
    killed = [pid for pid in last_processes() if os.kill(pid, signal.SIGKILL) is None]
    assert killed
    wait(lambda: not in_queue(), 300)
    lost = [path.parent for path in divided.store.runs.glob("*/1") if not (path.parent / "done.json").exists()]
    assert lost
    assert not list(divided.store.runs.glob("*/*/failed.json")), "a lost process is no result of the study"

    divided.submit(**LONG)
    wait(lambda: not in_queue(), 300)
    assert divided.states() == {"done": PHASES}
    assert any((folder / "2").exists() for folder in lost)
    assert_numbers_of_one_process(divided, tmp_path / "here", monkeypatch, **LONG)


def trains() -> bool:
    return any(epoch > 1 for epoch, _ in study.status()[0].running.values())


def last_processes() -> list[int]:
    """Find the last of the four processes of each phase that runs on the cluster of the tests."""
    own = {f"SLURM_CONF={os.environ['SLURM_CONF']}".encode(), b"SLURM_PROCID=3"}
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            is_python = b"submitit" in path.with_name("cmdline").read_bytes()
            if is_python and own <= set(path.read_bytes().split(b"\0")):
                found.append(int(path.parent.name))
    return found


def test_a_divided_phase_that_is_preempted_goes_on_to_the_same_numbers(
    divided: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    divided.submit(**LONG)
    wait(trains, 300)
    preempt()
    wait(lambda: not in_queue(), 300)
    if divided.states() != {"done": PHASES}:  # one was still importing: nothing of it could be saved, and it is due
        divided.submit(**LONG)
        wait(lambda: not in_queue(), 300)

    assert divided.states() == {"done": PHASES}
    stopped = [json.loads(path.read_text()) for path in divided.store.runs.glob("*/1/stopped.json")]
    assert stopped, "a phase was interrupted while it trained"
    for folder in divided.store.runs.glob("*/1/stopped.json"):
        claim = json.loads((folder.parent.parent / "2" / "claim.json").read_text())
        assert claim["slurm_restarts"]
    assert not list(divided.store.runs.glob("*/*/failed.json"))
    assert_numbers_of_one_process(divided, tmp_path / "here", monkeypatch, **LONG)
