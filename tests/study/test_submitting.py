"""What is refused before anything is submitted, and what a look says that has nothing to submit."""

import pickle
from pathlib import Path

import pytest

from results.attempt import now
from results.files import read_json
from study.executor import submission
from study.executor.cluster import Cluster
from study.executor.snapshot import Code
from study.fitting import PlanError
from study.preparation import Prepared, Request, prepare
from study.submitting import Ready, look, refuse_idle_processes
from tests import made_store as made
from tests.made_slurm import make_ready
from tests.made_spec import SPEC, UNTIL_DECIDED

CLIPS = 8


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    return tmp_path


def ready_for(folder: Path, text: str) -> Ready:
    (folder / "asked.yaml").write_text(text + "charts: []\n")
    return make_ready(folder)


def make_results(prepared: Prepared, trials: slice) -> None:
    for trial in prepared.plan.trials[trials]:
        for phase in trial.phases.values():
            made.train(prepared.store, phase.content, CLIPS)


def nowhere(folder: Path) -> Code:
    return Code(folder / "no code is copied", "")


def test_a_look_whose_trainings_failed_says_so_and_submits_nothing(home: Path) -> None:
    ready = ready_for(home, UNTIL_DECIDED)
    make_results(ready.prepared, slice(5))
    folder = submission.make_folder(ready.store)
    keys = list(ready.prepared.plan.first({"count=1": 3, "count=2": 3}).phases)
    arrays: list[submission.Array] = [{"name": "study-0", "job": "1", "keys": keys}]
    told = {"asked": ready.asked, "code": "", "command": "", "user": "me", "at": now()}
    submission.write(folder, {"token": folder.name, "edition": "asked", "arrays": arrays, **told})  # type: ignore[typeddict-item]
    said = look(pickle.loads(pickle.dumps(ready)), nowhere(home))
    assert "the first look, at 3 seeds of every arm, needs trainings that have no result" in said
    assert said.endswith("This look waits for trainings that have no result: `study status asked` says why.")
    assert list(ready.store.root.glob("submissions/*")) == [folder]
    assert (home / "home" / "out" / "asked.html").exists()


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


def test_more_processes_than_a_batch_has_clips_are_refused(home: Path) -> None:
    (home / "asked.yaml").write_text(SPEC)
    phases = list(prepare(Request(str(home / "asked.yaml"), overrides={"optim.batch": 6})).plan.phases.values())
    refuse_idle_processes(phases, Cluster(nodes=2, tasks_per_node=3))
    refuse_idle_processes([], Cluster(nodes=2, tasks_per_node=4))
    with pytest.raises(PlanError, match=r"optim.batch: 6 clips for 8 processes \(nodes 2 x tasks_per_node 4"):
        refuse_idle_processes(phases, Cluster(nodes=2, tasks_per_node=4))
