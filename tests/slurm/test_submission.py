"""Studies on a real cluster: to the same numbers as here, with the code that was submitted, and each phase once."""

import json
import shutil
from pathlib import Path

import pytest

import study
from results.spent import Meter, total
from study.executor import snapshot, submission
from tests.made_slurm import LAB, PHASES, ROOT, Asked, hold, in_queue, numbers, release, wait_for_the_end
from tests.made_spec import COSTS
from tests.slurm.seen import shown

pytestmark = pytest.mark.slow


def test_a_study_ends_as_it_does_on_this_machine(asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted = asked.submit()
    assert (submitted.phases, submitted.queued, submitted.done) == (PHASES, 0, 0)
    wait_for_the_end()
    assert asked.states() == {"done": PHASES}
    assert (tmp_path / "home" / "out" / "asked.html").exists()
    assert [problem for problem in study.verify() if problem.is_damage] == []
    assert submitted.submission is not None
    assert submitted.folder is not None
    assert snapshot.digest(submitted.folder / "code") == submitted.submission["code"]

    again = asked.submit()
    assert (again.phases, again.done, again.folder) == (0, PHASES, None)
    assert again.report is not None

    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "here"))
    assert study.run(asked.request()).is_whole
    assert numbers(tmp_path / "home") == numbers(tmp_path / "here")


def test_what_is_queued_is_not_submitted_again_even_if_its_submitter_was_killed(asked: Asked) -> None:
    hold()
    submitted = asked.submit()
    assert submitted.folder is not None
    path = submitted.folder / submission.FILE
    content = json.loads(path.read_text())
    for array in content["arrays"]:
        array["job"] = None
    path.write_text(json.dumps(content))
    again = asked.submit()
    assert (again.phases, again.queued) == (0, PHASES)
    assert len(in_queue()) == PHASES + 1


def test_phases_run_the_code_that_was_submitted(asked: Asked, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for package in snapshot.PACKAGES:
        shutil.copytree(
            ROOT / package, checkout / package, ignore=shutil.ignore_patterns("__pycache__", "store", "out")
        )
    hold()
    submitter = asked.start(*asked.run_words(), checkout=checkout)
    said = submitter.communicate()[0]
    assert submitter.returncode == 0, said
    (checkout / "study" / "training.py").write_text("raise RuntimeError('edited')\n")
    release()
    wait_for_the_end()
    assert asked.states() == {"done": PHASES}


def test_a_snapshot_that_was_changed_is_refused(asked: Asked) -> None:
    hold()
    submitted = asked.submit()
    assert submitted.folder is not None
    (submitted.folder / "code" / "study" / "new.py").write_text("")
    release()
    wait_for_the_end()
    assert asked.states() == {"due": PHASES}
    logs = [path.read_text() for path in (submitted.folder / "jobs").glob("*.out")]
    assert any("ChangedCode" in log for log in logs)


def test_phases_see_of_the_environment_what_is_named(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = asked.folder / "seen.txt"
    asked.lab.write_text(f"{asked.lab.read_text()}environment: [NAMED]\nsetup: ['env >> {seen}']\n")
    monkeypatch.setenv("NAMED", "is passed")
    monkeypatch.setenv("ANY_TOKEN", "a secret")
    submitted = asked.submit()
    assert submitted.folder is not None
    wait_for_the_end()
    assert "NAMED=is passed" in seen.read_text()
    assert "ANY_TOKEN" not in seen.read_text()
    scripts = [path.read_text() for path in (submitted.folder / "jobs").glob("*.sh")]
    assert all("is passed" not in script and "a secret" not in script for script in scripts)


def test_phases_that_wait_for_one_that_failed_are_blocked(asked: Asked) -> None:
    failing = {"optim__lr": 1e30, "optim__warmup_fraction": 0.0, "optim__clip_norm": None, "phases__rgb_epochs": 4}
    asked.submit(**failing)
    wait_for_the_end()
    states = asked.states()
    assert states["failed"] + states["blocked"] + states.get("done", 0) == PHASES
    assert states["failed"] >= 1
    assert states["blocked"] >= 1


def test_hours_of_gpus_are_those_that_slurm_gave_and_a_look_gets_none(asked: Asked) -> None:
    asked.lab.write_text(f"{LAB}gpus_per_task: 2\nsbatch: {{comment: ours}}\nlook: {{partition: high, sbatch: {{}}}}\n")
    submitted = asked.submit()
    assert submitted.submission
    phases, *_, look = [shown(str(array["job"])) for array in submitted.submission["arrays"]]
    assert (phases["Partition"], phases["TresPerTask"], phases["Comment"]) == ("low", "gres:gpu:2", "ours")
    assert (look["Partition"], "TresPerTask" in look, "Comment" in look) == ("high", False, False)
    wait_for_the_end()
    assert asked.states() == {"done": PHASES}
    claims = [json.loads(path.read_text()) for path in asked.store.runs.glob("*/*/claim.json")]
    assert [claim["gpus"] for claim in claims] == [2] * PHASES
    states, meter = asked.store.states(path.name for path in asked.store.runs.iterdir()), Meter(asked.store)
    cost = total(meter.of(key, state) for key, state in states.items())
    assert cost.gpu_s == 2 * cost.processor_s > 0, "each had two GPUs and one processor"


def test_a_measurement_has_its_node_for_itself(asked: Asked) -> None:
    (asked.folder / "asked.yaml").write_text(COSTS)
    hold()
    submitted = asked.submit()
    assert submitted.submission
    (profiles,) = [array for array in submitted.submission["arrays"] if array["keys"]]
    assert shown(str(profiles["job"]))["OverSubscribe"] == "NO"
    release()
    wait_for_the_end()
    claims = [json.loads(path.read_text()) for path in asked.store.runs.glob("*/*/claim.json")]
    assert [claim["processors"] for claim in claims] == [4] * len(profiles["keys"]), "all of a node's"
