"""What is refused before anything is submitted, what is submitted with what, and what a look says and submits."""

import pickle
from collections.abc import Collection
from pathlib import Path

import pytest

import study
from results.attempt import Store, now
from results.files import read_json
from results.owner import Owner
from results.plan import read_plan, seeds_of
from study import submitting
from study.declaration import declare
from study.executor import snapshot, submission
from study.executor.snapshot import Code
from study.phase import Phase
from study.preparation import Prepared, Request, prepare
from study.submitting import Ready, look
from tests import made_store as made
from tests.made_slurm import make_ready
from tests.made_spec import PRUNED, SEARCH, SPEC, TUNED, UNTIL_DECIDED

CLIPS = 8


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SLURM as far as a submitter sees it: it takes everything, and has nothing in its queue."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, shell in {
        "squeue": "true",
        "scontrol": "true",
        "srun": "true",
        "sbatch": "echo Submitted batch job $$",
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{shell}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def ready_for(folder: Path, text: str) -> Ready:
    (folder / "asked.yaml").write_text(text + "charts: []\n")
    return make_ready(folder)


def make_results(prepared: Prepared, trials: slice) -> None:
    for trial in prepared.plan.trials[trials]:
        for phase in trial.phases.values():
            made.train(prepared.store, phase.content, CLIPS)


def nowhere(folder: Path) -> Code:
    return Code(folder / "no code is copied", "")


def fail(store: Store, phase: Phase) -> None:
    attempt = store.claim(phase.key, phase.content, Owner.current("a test"))
    assert attempt is not None
    attempt.fail(ArithmeticError("diverged"))


def note_submitted(ready: Ready, edition: str, keys: Collection[str]) -> None:
    """Note phases as submitted; SLURM no longer has them in its queue."""
    folder = submission.make_folder(ready.store)
    arrays: list[submission.Array] = [{"name": "study-0", "job": "1", "keys": list(keys)}]
    told = {
        "asked": ready.asked | {"name": str(Path.cwd() / "asked.yaml")},
        "code": "",
        "command": "",
        "user": "me",
        "at": now(),
    }
    submission.write(folder, {"token": folder.name, "edition": edition, "arrays": arrays, **told})  # type: ignore[typeddict-item]


def submitted_last(ready: Ready) -> set[str]:
    return submission.submitted(submission.read_all(ready.store)[-1:])


def test_what_was_submitted_for_a_look_and_has_no_result_is_waited_for(home: Path, queue: Path) -> None:
    ready = ready_for(home, UNTIL_DECIDED)
    make_results(ready.prepared, slice(5))
    note_submitted(ready, "asked", ready.prepared.plan.first({"count=1": 3, "count=2": 3}).phases)
    said = look(pickle.loads(pickle.dumps(ready)), nowhere(home))
    assert "the first look, at 3 seeds of every arm, needs trainings that have no result" in said
    assert said.endswith("This look waits for trainings that have no result: `study status asked` says why.")
    assert len(submission.read_all(ready.store)) == 1
    assert (home / "home" / "out" / "asked.html").exists()


def test_what_failed_is_submitted_again_with_a_parent_that_was_lost(home: Path, queue: Path) -> None:
    ready = ready_for(home, SPEC)
    make_results(ready.prepared, slice(1))
    phases = ready.prepared.plan.trials[1].phases
    note_submitted(ready, "asked", {phase.key for phase in phases.values()})
    fail(ready.store, phases["rgb"])
    (again,) = study.retry("asked")
    assert again.folder is not None
    assert submitted_last(ready) == {phases[role].key for role in ("rgb", "sender", "joint")}
    parents = ":".join(sorted(job_of(ready, phases[role].key) for role in ("rgb", "sender")))
    script = again.folder / "jobs" / f"{job_of(ready, phases['joint'].key)}_submission.sh"
    assert f"--dependency=afterok:{parents}\n" in script.read_text()


def job_of(ready: Ready, key: str) -> str:
    return str(dict(submission.jobs_of(submission.read_all(ready.store)[-1]))[key])


def test_a_look_submits_no_phase_whose_parent_was_lost(home: Path, queue: Path) -> None:
    ready = ready_for(home, UNTIL_DECIDED)
    make_results(ready.prepared, slice(5))
    lost = ready.prepared.plan.trials[5].phases
    note_submitted(ready, "asked", [lost["rgb"].key])
    assert "This look waits for trainings that have no result" in look(ready, nowhere(home))
    assert len(submission.read_all(ready.store)) == 1


def test_a_look_submits_what_another_study_gave_up(home: Path, queue: Path) -> None:
    ready = ready_for(home, UNTIL_DECIDED)
    make_results(ready.prepared, slice(5))
    lost = {phase.key for phase in ready.prepared.plan.trials[5].phases.values()}
    note_submitted(ready, "another", lost)
    assert look(ready, snapshot.take(home / "code")).endswith("\n2 phases submitted for a look")
    assert submitted_last(ready) == lost
    assert "This look waits for trainings" in look(ready, nowhere(home)), "it is not submitted twice"


@pytest.mark.parametrize("role", ["rgb", "joint"])
def test_a_look_goes_on_without_the_training_that_failed(role: str, home: Path, queue: Path) -> None:
    ready = ready_for(home, UNTIL_DECIDED.replace("32.0", "1.0"))
    make_results(ready.prepared, slice(5))
    last = ready.prepared.plan.trials[5]
    if role == "joint":
        made.train(ready.store, last.phases["rgb"].content, CLIPS)
    fail(ready.store, last.phases[role])
    said = look(ready, snapshot.take(home / "code"))
    assert "The look at 5 seeds is to come." in said
    assert said.endswith("\n8 phases submitted for a look")
    five = ready.prepared.plan.first({"count=1": 5, "count=2": 5}).trials[6:]
    assert submitted_last(ready) == {phase.key for trial in five for phase in trial.phases.values()}
    note = read_json(ready.store.editions / "asked" / "answer.json")["note"]
    assert f"Failed, and so left out: {last.arm.name} seed {last.seed}." in note


def test_a_look_at_a_study_of_fixed_seeds_answers(home: Path) -> None:
    ready = ready_for(home, SPEC)
    make_results(ready.prepared, slice(None))
    said = look(ready, nowhere(home))
    assert said.startswith(read_json(ready.store.editions / "asked" / "answer.json")["sentence"])
    assert not list(ready.store.root.glob("submissions/*"))


def test_nothing_is_submitted_for_a_claim_that_was_made_anew(home: Path) -> None:
    ready = ready_for(home, UNTIL_DECIDED.replace("32.0", "1.0"))
    make_results(ready.prepared, slice(6))
    ready_for(home, UNTIL_DECIDED.replace("32.0", "1.1"))
    assert "The look at 5 seeds is to come." in look(ready, nowhere(home))
    assert not list(ready.store.root.glob("submissions/*"))


def test_what_was_given_up_is_not_submitted_and_jobs_know_what_may_be(home: Path, queue: Path) -> None:
    ready = ready_for(home, PRUNED.replace("charts: []\n", ""))
    *finished, last = ready.prepared.plan.trials
    make_results(ready.prepared, slice(len(finished)))
    made.train(ready.store, last.phases["rgb"].content, CLIPS)
    submitted = study.submit(Request(str(home / "asked.yaml")))
    assert submitted_last(ready) == {last.final.key}
    assert submitted.folder is not None
    (task,) = submitted.folder.glob(f"jobs/{job_of(ready, last.final.key)}*_submitted.pkl")
    told = pickle.loads(pickle.loads(task.read_bytes()).function.orders).pruning
    assert told.claim == ready.claim_hash
    assert told.trainings == tuple(trial.final.key for trial in ready.prepared.plan.trials)

    attempt = ready.store.claim(last.final.key, last.final.content, Owner.current("a test"))
    assert attempt is not None
    attempt.prune("asked", ready.claim_hash, 1, "hopeless")
    again = study.submit(Request(str(home / "asked.yaml")))
    assert (again.submission, again.phases) == (None, 0)
    assert again.report is not None
    assert again.report.pruned == "pruned: 1 of 3 trainings, 22 % of epochs saved"


def test_each_look_at_a_search_submits_the_arms_that_are_picked_next(home: Path, queue: Path) -> None:
    ready = ready_for(home, SEARCH)
    trials = {trial.arm.name: trial for trial in ready.prepared.plan.trials}

    def finish(arm: str) -> None:
        for phase in trials[arm].phases.values():
            made.train(ready.store, phase.content, CLIPS, 1.0)

    first = study.submit(Request(str(home / "asked.yaml")))
    control = ready.prepared.plan.edition.control.name
    assert submitted_last(ready) == {phase.key for phase in trials[control].phases.values()}
    assert first.phases == 2
    finish(control)
    planned = {control}
    for new in (2, 2, 1):
        assert look(ready, snapshot.take(home / f"code {len(planned)}")).endswith(
            f"\n{2 * new} phases submitted for a look"
        )
        arms = set(seeds_of(read_plan(ready.store.editions / "asked" / "plan.json"))) - planned
        assert submitted_last(ready) == {phase.key for arm in arms for phase in trials[arm].phases.values()}
        assert "This look waits for trainings that have no result" in look(ready, nowhere(home)), "not submitted twice"
        for arm in arms:
            finish(arm)
        planned |= arms
    assert look(ready, nowhere(home)).startswith("Undecided: a search decides no claim; best of 6 arms: ")
    assert len(planned) == 6


def test_the_look_at_the_tuning_submits_the_comparison_under_what_each_arm_chose(home: Path, queue: Path) -> None:
    ready = ready_for(home, TUNED.replace("charts: []\n", ""))
    plan = ready.prepared.plan
    first = study.submit(Request(str(home / "asked.yaml")))
    assert submitted_last(ready) == {phase.key for trial in plan.tuning for phase in trial.phases.values()}
    assert first.phases == 12
    for trial in plan.tuning[:-1]:
        for phase in trial.phases.values():
            made.train(ready.store, phase.content, CLIPS, 9.0 if trial.arm.tried == "lr=0.01" else 0.0)
    assert "This look waits for trainings that have no result" in look(ready, nowhere(home))
    last = plan.tuning[-1].phases
    fail(ready.store, last["rgb"])
    assert look(ready, snapshot.take(home / "code")).endswith("\n8 phases submitted for a look"), (
        "it waits for no failure"
    )
    compared = [trial for trial in plan.trials if trial.arm.tried == "lr=0.01"]
    assert submitted_last(ready) == {phase.key for trial in compared for phase in trial.phases.values()}
    for trial in compared:
        for phase in trial.phases.values():
            made.train(ready.store, phase.content, CLIPS)
    said = look(ready, nowhere(home))
    assert said.startswith(read_json(ready.store.editions / "asked" / "answer.json")["sentence"])
    assert len(submission.read_all(ready.store)) == 2
    again = study.submit(Request(str(home / "asked.yaml")))
    assert (again.phases, again.report is not None) == (0, True), "what failed in the tuning is not tried again"


def ask(queue: Path, *answers: str) -> None:
    """Have squeue give one answer after another, the last one for ever."""
    for number, answer in enumerate(answers):
        (queue / f"answer{number}").write_text(answer)
    last = len(answers) - 1
    lines = [f"n=$(cat {queue}/n 2>/dev/null || echo 0)", f"echo $(( n < {last} ? n + 1 : {last} )) >{queue}/n"]
    (queue / "squeue").write_text("\n".join(["#!/bin/sh", *lines, f"cat {queue}/answer$n"]))
    (queue / "n").unlink(missing_ok=True)


def rows(keys: Collection[str], state: str, reason: str = "None") -> str:
    return "".join(f"study-0|1|1|{number}|{state}|{reason}\n" for number in range(len(keys)))


def submit(home: Path) -> set[str]:
    before = len(submission.read_all(Store(home / "home" / "store")))
    study.submit(Request(str(home / "asked.yaml")), None, "study run asked")
    return submission.submitted(submission.read_all(Store(home / "home" / "store"))[before:])


@pytest.fixture
def submitted(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the keys of a study that was submitted, whose jobs are asked about without a pause."""
    monkeypatch.setattr(submitting, "ENDING_POLL_S", 0.0)
    ready = ready_for(home, SPEC)
    keys = list(ready.prepared.plan.phases)
    note_submitted(ready, "asked", keys)
    return keys


def test_phases_that_were_cancelled_are_submitted_once_their_jobs_are_gone(
    home: Path, queue: Path, submitted: list[str]
) -> None:
    ask(queue, rows(submitted, "COMPLETING"), rows(submitted, "COMPLETING"), "")
    assert submit(home) == set(submitted)


def test_phases_that_are_put_back_are_waited_for_and_not_submitted_again(
    home: Path, queue: Path, submitted: list[str]
) -> None:
    ask(queue, rows(submitted, "COMPLETING"), rows(submitted, "PENDING", "BeginTime"))
    assert submit(home) == set()


def test_a_job_that_never_ends_keeps_nothing_from_being_submitted(
    home: Path, queue: Path, submitted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitting, "ENDING_S", 0.0)
    ask(queue, rows(submitted, "COMPLETING"))
    assert submit(home) == set(submitted)


@pytest.mark.parametrize("reason", ["Dependency", "DependencyNeverSatisfied"])
def test_children_that_still_wait_for_what_failed_are_submitted_with_it(reason: str, home: Path, queue: Path) -> None:
    ready = ready_for(home, SPEC)
    phases = ready.prepared.plan.trials[1].phases
    make_results(ready.prepared, slice(1))
    keys = [phases["joint"].key]
    note_submitted(ready, "asked", keys)
    fail(ready.store, phases["rgb"])
    ask(queue, rows(keys, "PENDING", reason))
    assert submit(home) == {phase.key for phase in phases.values()}


def test_a_training_that_another_study_may_give_up_is_submitted_beside_it(home: Path, queue: Path) -> None:
    (home / "other.yaml").write_text(SPEC + "prune: median\ncharts: []\n")
    other = prepare(Request(str(home / "other.yaml")))
    declare(other, "study run other")
    ready = ready_for(home, SPEC)
    keys = list(ready.prepared.plan.phases)
    note_submitted(ready, "other", keys)
    ask(queue, rows(keys, "PENDING", "Priority"))
    assert submit(home) == {trial.final.key for trial in ready.prepared.plan.trials}
