"""Searches, tuning and pruning on a real cluster: each look plans the next round; what is given up ends well."""

import signal
from pathlib import Path
from random import Random

import optuna
import pytest
from optuna.trial import TrialState

import study
from results.files import read_json
from results.plan import chosen_of, read_plan, seeds_of
from study.declaration import optuna_name
from study.executor import submission
from study.preparation import prepare
from study.search import ARM, JOURNAL
from tests.made_slurm import Asked, in_queue, numbers, wait, wait_for_the_end
from tests.made_spec import PRUNED, SEARCH, TUNED
from tests.slurm.seen import a_worker, send

pytestmark = pytest.mark.slow

ARMS = 6
SLOW = "phases: {rgb_epochs: 1, joint_epochs: 2000}"


def planned_as(asked: Asked, text: str) -> Asked:
    (asked.folder / "asked.yaml").write_text(text)
    return asked


def picked(asked: Asked) -> list[str]:
    return list(seeds_of(read_plan(asked.store.editions / "asked" / "plan.json")))


def told(asked: Asked) -> dict[TrialState, set[str]]:
    """Read what Optuna was told of each arm, from its journal."""
    backend = optuna.storages.journal.JournalFileBackend(str(asked.store.root / JOURNAL))
    name = optuna_name(prepare(asked.request()).plan)
    own = optuna.load_study(study_name=name, storage=optuna.storages.JournalStorage(backend))
    trials = [trial for trial in own.get_trials() if ARM in trial.user_attrs]
    return {state: {trial.user_attrs[ARM] for trial in trials if trial.state == state} for state in TrialState}


def check_again_and_here(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """See that nothing is left to be submitted, and that the same is picked, chosen and measured on this machine."""
    again = asked.submit()
    assert (again.phases, again.folder) == (0, None)
    monkeypatch.setenv("STUDY_HOME", str(asked.folder / "here"))
    assert study.run(asked.request(), workers=1).is_whole
    assert numbers(asked.folder / "home") == numbers(asked.folder / "here")


def test_a_search_that_is_submitted_once_goes_from_round_to_round_to_its_end(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitter = planned_as(asked, SEARCH).start(*asked.run_words())
    said = submitter.communicate()[0]
    assert submitter.returncode == 0, said
    wait(lambda: not in_queue(), 600)
    assert len(picked(asked)) == ARMS
    assert asked.states() == {"done": 2 * ARMS}
    rounds = submission.read_all(asked.store)
    assert len(rounds) == 4, "the control, then two arms at a time"
    assert told(asked)[TrialState.COMPLETE] == set(picked(asked))
    answer = read_json(asked.store.editions / "asked" / "answer.json")
    assert answer["sentence"].startswith(f"Undecided: a search decides no claim; best of {ARMS} arms: ")
    assert [problem for problem in study.verify() if problem.is_damage] == []
    check_again_and_here(asked, monkeypatch)


def test_an_arm_whose_worker_was_killed_is_told_failed_then_trained_and_told_again(asked: Asked) -> None:
    text = SEARCH.replace("phases: {rgb_epochs: 1, joint_epochs: 2}", SLOW).replace("trials: 5", "trials: 2")
    assert planned_as(asked, text).submit().phases
    wait(lambda: len(picked(asked)) > 1)
    worker = a_worker(asked, Random(0), epochs=2)
    send(worker.pid, signal.SIGKILL)
    wait_for_the_end()
    trials = [trial for trial in prepare(asked.request()).plan.trials if trial.arm.name in picked(asked)]
    (arm,) = [one.arm.name for one in trials if worker.key in {phase.key for phase in one.phases.values()}]
    assert asked.store.result(worker.key) is None

    assert asked.submit().phases, "what was killed is due again"
    assert told(asked)[TrialState.FAIL] == {arm}
    wait_for_the_end()
    assert told(asked)[TrialState.COMPLETE] == set(picked(asked))
    assert [problem for problem in study.verify() if problem.is_damage] == []


def test_arms_that_are_tuned_first_are_compared_by_the_look_after_it(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned_as(asked, TUNED).submit()
    wait(lambda: not in_queue(), 600)
    tuning, comparison = submission.read_all(asked.store)
    answer = read_json(asked.store.editions / "asked" / "answer.json")
    plan = read_plan(asked.store.editions / "asked" / "plan.json")
    assert set(asked.states()) == {"done"}
    assert set(chosen_of(plan) or {}) == {arm["name"] for arm in plan["arms"]}
    assert tuning["code"] == comparison["code"]
    assert [problem for problem in study.verify() if problem.is_damage] == []
    check_again_and_here(asked, monkeypatch)
    assert read_json(tmp_path / "here" / "store" / "editions" / "asked" / "answer.json") == answer


def test_what_is_given_up_ends_its_job_well_and_is_not_submitted_again(asked: Asked) -> None:
    planned_as(asked, PRUNED).submit()
    wait_for_the_end()
    assert asked.states() == {"done": 4, "pruned": 2}
    answer = read_json(asked.store.editions / "asked" / "answer.json")
    assert "pruned: 2 of 3 trainings, 44 % of epochs saved" in answer["note"].lower()
    again = asked.submit()
    assert (again.phases, again.folder) == (0, None)
    assert study.sql("select count(*) from finals where not pruned").item() == 2
