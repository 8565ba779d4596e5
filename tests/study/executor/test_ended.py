"""Submissions go when nothing of them is needed: no job is left, and no log explains what became of a phase."""

import os
import time
from pathlib import Path

import pytest

import study
from results.attempt import Store
from results.files import read_json, replace_json
from results.owner import Owner
from study.executor import submission
from study.executor.ended import CUT_OFF, ENDED, ended
from study.key import key_of
from tests import made_store as made
from tests.made_submission import make_submission
from tests.study.conftest import Answer

JOINTS = [made.contents(level, 0)["joint"] for level in (1, 20)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """One joint phase of two is done."""
    monkeypatch.setenv("STUDY_HOME", str(tmp_path))
    store = Store(tmp_path / "store")
    made.write_plan(store, levels=(1, 20), seeds=(0,))
    for content in made.contents(1, 0).values():
        made.train(store, content, 4)
    return store


def submit(store: Store, *contents: made.Content, logs: bool = True, job: str | None = "7") -> Path:
    """Note a submission of phases, whose jobs printed something."""
    folder = make_submission(store, (job, [key_of(content) for content in contents]), (job and "8", []))
    (folder / "code").mkdir()
    (folder / "code" / "training.py").write_text("print()\n")
    (whole,) = (one for one in submission.read_all(store) if one["token"] == folder.name)
    for _, number in submission.jobs_of(whole) if logs else []:
        (folder / "jobs" / f"{number}_0_log.out").write_text("a traceback\n")
    return folder


def age(folder: Path) -> None:
    for path in (folder, *folder.iterdir()):
        os.utime(path, (time.time() - 7200,) * 2)


def test_a_submission_whose_jobs_have_ended_and_phases_are_done_goes(store: Store, squeue: Answer) -> None:
    squeue("true")
    folder = submit(store, JOINTS[0])
    assert ended(store) == ({folder: ENDED}, "")
    items, why = study.clean(dry_run=True)
    assert ([item.path for item in items], why) == ([folder], "")
    assert folder.exists()
    study.clean(dry_run=False)
    assert not folder.exists()
    assert submission.read_all(store) == []


@pytest.mark.parametrize("number", [0, 1])
def test_while_a_job_is_left_it_stays(number: int, store: Store, squeue: Answer) -> None:
    folder = submit(store, JOINTS[0])
    squeue(f"echo '{submission.name_of(folder.name, number)}|7|7|N/A|RUNNING|None'")
    assert ended(store) == ({}, "")


def test_the_log_of_a_failed_phase_stays_as_long_as_it_has_failed(store: Store, squeue: Answer) -> None:
    squeue("true")
    first, second = submit(store, *JOINTS), submit(store, *JOINTS)
    attempt = store.claim(key_of(JOINTS[1]), JOINTS[1], Owner.current("a test"))
    assert attempt is not None
    attempt.fail(ArithmeticError("diverged"))
    assert ended(store)[0] == {first: ENDED}, "a newer one explains what failed"
    study.clean(dry_run=False)
    assert [path.parent.parent for path in study.logs(attempt.key).files] == [second]
    for content in made.contents(20, 0).values():
        made.train(store, content, 4)
    assert ended(store)[0] == {second: ENDED}


def test_what_never_began_and_printed_nothing_keeps_no_submission(store: Store, squeue: Answer) -> None:
    squeue("true")
    folder = submit(store, JOINTS[1], logs=False)
    assert ended(store)[0] == {folder: ENDED}


def test_what_a_look_waits_for_keeps_its_submission(store: Store, squeue: Answer) -> None:
    squeue("true")
    path = store.editions / made.EDITION / "plan.json"
    plan = read_json(path)
    replace_json(path, plan | {"claim": plan["claim"] | {"over": "seeds", "looks": [3, 5]}})
    done, cancelled = submit(store, JOINTS[0], logs=False), submit(store, *JOINTS, logs=False)
    assert ended(store)[0] == {done: ENDED}
    for content in made.contents(20, 0).values():
        made.train(store, content, 4)
    assert ended(store)[0] == {done: ENDED, cancelled: ENDED}


def test_the_log_of_a_look_that_did_not_answer_stays_until_it_is_answered(store: Store, squeue: Answer) -> None:
    squeue("true")
    made.train(store, made.contents(20, 0)["joint"], 4)
    older, newer = submit(store, *JOINTS), submit(store, *JOINTS)
    log = newer / "jobs" / "8_0_log.out"
    log.write_text("SubmissionError: SLURM refuses\n")
    assert ended(store) == ({older: ENDED}, "")
    said = study.logs(made.EDITION)
    assert (said.state, said.text, said.files) == ("look", "SubmissionError: SLURM refuses", (log,))
    replace_json(store.editions / made.EDITION / "answer.json", {"sentence": "Undecided."})
    assert ended(store) == ({older: ENDED, newer: ENDED}, "")


def test_what_is_just_being_submitted_stays(store: Store, squeue: Answer) -> None:
    squeue("true")
    folder, empty = submit(store, job=None), submission.make_folder(store)
    assert ended(store)[0] == {}
    age(folder)
    age(empty)
    assert ended(store)[0] == {folder: ENDED, empty: CUT_OFF}


def test_where_slurm_does_not_answer_they_stay_and_it_says_so(store: Store, squeue: Answer) -> None:
    submit(store, JOINTS[0])
    squeue("echo 'Unable to contact slurm controller' >&2; exit 1")
    items, why = study.clean(dry_run=False)
    assert items == []
    assert why.startswith("submissions stay: squeue: SLURM refuses: Unable to contact slurm controller")
