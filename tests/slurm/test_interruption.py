"""Phases that SLURM interrupts: they stop, are queued again under their number, and end as if nothing had happened."""

import json
from pathlib import Path

import pytest

import study
from study.executor import submission
from tests.made_slurm import LAB, PHASES, Asked, configured, hold, numbers, preempt, release, wait, wait_for_the_end
from tests.slurm.faults import WORSE

pytestmark = pytest.mark.slow

LONG = {"phases__rgb_epochs": 600, "phases__sender_epochs": 1}


def attempts(asked: Asked, name: str) -> list[dict[str, object]]:
    """Read the files called `name` of all attempts."""
    return [json.loads(path.read_text()) for path in sorted(asked.store.runs.glob(f"*/*/{name}"))]


def logs(asked: Asked) -> list[str]:
    return [path.read_text() for path in asked.store.root.glob("submissions/*/jobs/*.out")]


def trains(asked: Asked) -> bool:
    return any(epoch > 1 for epoch, _ in study.status()[0].running.values())


def test_a_phase_that_is_preempted_goes_on_to_the_same_numbers_and_that_is_no_time_out(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.lab.write_text(
        "partition: low\nmemory_gb: 0.9\ntimeout_min: 2\nsignal_delay_s: 50\n"
    )  # short enough to be mistaken
    asked.submit(**LONG)
    wait(lambda: trains(asked))
    preempt()
    wait_for_the_end()

    assert attempts(asked, "stopped.json")
    assert any("stopped: preempted; 0 times out" in log for log in logs(asked))
    restarted = [one for one in attempts(asked, "claim.json") if one["slurm_restarts"]]
    assert restarted
    assert asked.states() == {"done": PHASES}
    assert attempts(asked, "failed.json") == []

    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "here"))
    assert study.run(asked.request(**LONG)).is_whole
    assert numbers(tmp_path / "home") == numbers(tmp_path / "here")


CANCELS = {"PriorityTier=1  PreemptMode=REQUEUE": "PriorityTier=1  PreemptMode=CANCEL"}
TELLS_BY_SIGTERM_ALONE = {"SlurmctldParameters=preempt_send_user_signal": "#"}


@pytest.mark.parametrize("signals", [{}, TELLS_BY_SIGTERM_ALONE], ids=["its own signal", "SIGTERM alone"])
def test_a_phase_that_slurm_cancels_to_make_room_puts_itself_back_in_time(
    signals: dict[str, str], asked: Asked
) -> None:
    with configured(CANCELS | signals):
        asked.submit(**LONG)
        wait(lambda: trains(asked))
        preempt()
        wait_for_the_end()
    assert any("stopped: preempted; 0 times out" in log for log in logs(asked))
    assert any(one["slurm_restarts"] for one in attempts(asked, "claim.json"))
    assert asked.states() == {"done": PHASES}
    assert attempts(asked, "failed.json") == []


def test_of_two_jobs_of_one_phase_the_later_one_leaves_its_node_to_others(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.lab.write_text(f"{LAB}setup: ['export PYTHONPATH=$PYTHONPATH:{WORSE} WORSE_GIVE_WAY=1']\n")
    hold()
    asked.submit(**LONG)
    with monkeypatch.context() as patch:
        patch.setattr(submission, "jobs", lambda submissions: [])
        assert asked.submit(**LONG).phases == PHASES
    release()
    wait_for_the_end()
    assert any("another job trains this phase: back into the queue" in log for log in logs(asked))
    assert asked.states() == {"done": PHASES}
    assert len(attempts(asked, "claim.json")) == PHASES, "nobody claimed what another one held"
    assert attempts(asked, "failed.json") == []


@pytest.mark.parametrize("time", range(2))
def test_phases_that_are_preempted_while_they_import_go_on_as_well(asked: Asked, tmp_path: Path, time: int) -> None:
    imports = tmp_path / "imports"
    imports.mkdir()
    slow = f"import os, pathlib, time\npathlib.Path('{imports}', str(os.getpid())).touch()\ntime.sleep(2)\n"
    (imports / "sitecustomize.py").write_text(slow)
    asked.lab.write_text(f"{LAB}setup: ['export PYTHONPATH=$PYTHONPATH:{imports}']\n")
    asked.submit(**LONG)
    wait(lambda: any(path.name.isdecimal() for path in imports.iterdir()))
    assert attempts(asked, "claim.json") == []
    preempt()
    wait_for_the_end()
    # On a busy machine the grace may end while a phase still imports: SLURM kills it, it tells nothing, and goes on.
    assert any(one["slurm_restarts"] for one in attempts(asked, "claim.json"))
    assert attempts(asked, "failed.json") == []
    assert asked.states() == {"done": PHASES}


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_a_phase_that_uses_its_time_up_goes_on_until_it_has_done_so_too_often(asked: Asked) -> None:
    asked.lab.write_text("partition: low\nmemory_gb: 0.9\ntimeout_min: 1\nsignal_delay_s: 20\nmax_timeouts: 1\n")
    asked.submit(phases__rgb_epochs=1_000_000, phases__sender_epochs=1)
    wait_for_the_end()
    assert any("stopped: its time is up; 1 times out" in log for log in logs(asked))
    failed = attempts(asked, "failed.json")
    assert len(failed) == 2
    assert all("was used up 2 times, and max_timeouts is 1" in str(one["error"]) for one in failed)
    both = [path.parent.parent for path in asked.store.runs.glob("*/2/failed.json")]
    for folder in both:
        first, second = (lines(folder / number / "records.jsonl") for number in "12")
        if not first:  # on a busy machine the first time was up before the first epoch
            continue
        kept = json.loads(first[-1])["step"] - 1
        assert kept > 1
        assert second[: len(first) // 2] == first[: len(first) // 2]
        assert json.loads(second[-1])["step"] > kept
    assert asked.states() == {"done": 2, "failed": 2, "blocked": 2}
