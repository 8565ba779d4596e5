"""Seeds until decided on a real cluster: submitted once, each look submits the next, and nobody has to wait."""

import subprocess
from pathlib import Path

import pytest

import study
from results.files import read_json
from results.plan import read_plan
from study.executor import snapshot, submission
from study.looking import plan_next
from study.reporting import report_edition
from study.submitting import look
from tests import made_store as made
from tests.made_slurm import Asked, hold, in_queue, make_ready, numbers, release, wait
from tests.made_spec import UNTIL_DECIDED

pytestmark = pytest.mark.slow

PHASES_AT = {3: 12, 5: 20}


def wait_for_all_looks() -> None:
    """Wait until SLURM holds nothing: a look submits the next one before it ends."""
    wait(lambda: not in_queue(), 600)


@pytest.fixture
def sequential(asked: Asked) -> Asked:
    (asked.folder / "asked.yaml").write_text(UNTIL_DECIDED)
    return asked


def answer(home: Path) -> dict[str, object]:
    found: dict[str, object] = read_json(home / "store" / "editions" / "asked" / "answer.json")
    return found


def test_a_study_that_is_submitted_once_goes_from_look_to_look_to_its_end(
    sequential: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitter = sequential.start(*sequential.run_words())
    said = submitter.communicate()[0]
    assert submitter.returncode == 0, said
    assert f"{PHASES_AT[3]} phases submitted" in said
    wait_for_all_looks()
    assert sequential.states() == {"done": PHASES_AT[5]}
    found = answer(tmp_path / "home")
    assert (found["verdict"], found["looks"]) == ("equivalent", [3, 5])
    first, second = submission.read_all(sequential.store)
    assert [len(array["keys"]) for array in first["arrays"]] == [6, *[1] * 6, 0]
    assert [len(array["keys"]) for array in second["arrays"]] == [4, *[1] * 4, 0]
    assert first["code"] == second["code"]
    assert first["asked"] == second["asked"]
    assert "10 trainings instead of 24 (12 seeds for all)" in (tmp_path / "home" / "out" / "asked.html").read_text()
    assert [problem for problem in study.verify() if problem.is_damage] == []

    again = sequential.submit()
    assert (again.phases, again.folder) == (0, None)
    assert again.report is not None

    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "here"))
    assert study.run(sequential.request()).is_whole
    assert numbers(tmp_path / "home") == numbers(tmp_path / "here")
    assert answer(tmp_path / "here") == found


def test_a_look_that_was_cancelled_is_taken_by_whoever_runs_the_study_again(sequential: Asked) -> None:
    hold()
    submitted = sequential.submit()
    assert submitted.submission is not None
    cancelled = submitted.submission["arrays"][-1]
    subprocess.run(["scancel", str(cancelled["job"])], check=True)
    wait(lambda: len(in_queue()) == PHASES_AT[3])
    again = sequential.submit()
    assert (again.phases, again.queued) == (0, PHASES_AT[3])
    assert again.submission is not None
    assert [array["keys"] for array in again.submission["arrays"]] == [[]]
    assert sequential.submit().folder is None
    subprocess.run(["scancel", str(again.submission["arrays"][-1]["job"])], check=True)
    release()
    wait_for_all_looks()
    assert sequential.states() == {"done": PHASES_AT[3]}

    later = sequential.submit()
    assert (later.phases, later.done) == (PHASES_AT[5] - PHASES_AT[3], PHASES_AT[3])
    wait_for_all_looks()
    assert sequential.states() == {"done": PHASES_AT[5]}
    assert answer(sequential.folder / "home")["looks"] == [3, 5]


def test_a_look_that_was_cut_off_goes_on_where_it_was_and_submits_nothing_twice(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "asked.yaml").write_text(UNTIL_DECIDED.replace("32.0", "1.0"))
    ready = make_ready(tmp_path)
    for trial in ready.prepared.plan.trials[:6]:
        for phase in trial.phases.values():
            made.train(ready.store, phase.content)
    hold()
    declared = read_plan(ready.store.editions / "asked" / "plan.json")
    report = report_edition(ready.store, "asked", ready.pages)
    assert plan_next(ready.prepared, declared, report) is not None, "planned, and cut off before anything is submitted"
    code = snapshot.take(tmp_path / "code")
    assert look(ready, code).endswith("\n8 phases submitted for a look")
    assert "This look waits for trainings that have no result" in look(ready, code)
    assert len(in_queue()) == 8 + 1
