"""All studies together: what they share, and that every one of them runs to its answer."""

from pathlib import Path

import pytest
import torch
from rich.console import Console

import study
from experiments.problem import SpecError
from models.build import BaselineModel, own_state
from results.attempt import Store
from results.plan import read_plan
from study import campaign
from study.checkpoint import load_weights
from study.looking import planned_so_far
from study.preparation import Request, prepare
from study.runner import Outcome, run_all
from study.training import started
from tests.made_spec import SPEC, TUNED

FEWEST = {"data.limit": 4, "data.frames": 2, "data.size": 16, "data.margin": 2, "model.trunk.width": 8}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("profile", ["tiny", "full"])
def test_studies_share_half_of_their_epochs_and_more(home: Path, profile: str) -> None:
    planned = study.plan_all(Request("", profile=profile))
    assert planned.share <= 0.5
    assert planned.least_sharing == "token_count_by_data"
    assert planned.without("token_count_by_data").share <= 0.4
    assert sum(len(plan.phases) for plan in planned.plans) > len(planned.phases), "studies share among each other"


def test_what_is_trained_for_arms_to_choose_by_counts_on_both_sides_of_the_share(home: Path) -> None:
    (home / "asked.yaml").write_text(TUNED)
    plan = prepare(Request(str(home / "asked.yaml"))).plan
    planned = campaign.Campaign([plan])
    assert planned.epochs == plan.epochs
    assert planned.epochs_unshared == plan.epochs_unshared >= planned.epochs


def test_the_same_question_is_asked_of_every_study(home: Path) -> None:
    asked = campaign.requests(Request("", profile="smoke", overrides={"optim.lr": 1e-3}))
    assert [each.name for each in asked] == [each.name for each in study.list()]
    assert {(each.profile, each.overrides["optim.lr"]) for each in asked} == {("smoke", 1e-3)}


@pytest.mark.slow
def test_every_study_runs_to_its_answer_and_every_phase_has_learned(home: Path) -> None:
    asked = Request("", profile="smoke", overrides=FEWEST)
    outcomes = dict(study.run_all(asked, "a test"))
    for request in campaign.requests(asked):
        outcome = outcomes[request.name]
        assert isinstance(outcome, Outcome), outcome
        assert outcome.is_whole, request.name
        assert outcome.report.page.exists()
        _assert_learned(request)
    assert study.verify() == []


def test_all_claims_stand_before_anything_is_trained(home: Path) -> None:
    """Both studies need the same trainings: run one after the other, the second would have seen the first's results."""
    names = ("one", "other", "broken")
    for name in names:
        changed = "" if name != "broken" else "  model.tokens.enter: 99\n"
        (home / f"{name}.yaml").write_text(SPEC + changed)
    asked = [Request(str(home / f"{name}.yaml")) for name in names]
    ended = [(name, type(outcome)) for name, outcome in run_all(asked, "a test", Console(quiet=True))]
    assert [(Path(name).stem, kind) for name, kind in ended] == [
        ("broken", SpecError), ("one", Outcome), ("other", Outcome)
    ]  # fmt: skip
    before = study.sql("select edition, results_before from editions order by edition")
    assert list(before.iter_rows()) == [("one", 0), ("other", 0)]


def _assert_learned(request: Request) -> None:
    """Compare the weights of every phase that trains with those that it started from."""
    prepared = prepare(request)
    store = Store(prepared.store.root)
    declared = read_plan(store.editions / prepared.plan.edition.name / "plan.json")
    for trial in planned_so_far(prepared.plan, declared).trials:
        way = prepared.ways[trial.arm.name]
        for phase in trial.phases.values():
            if not phase.epochs:
                assert not store.result(phase.key).checkpoint.exists()  # type: ignore[union-attr]
                continue
            before = own_state(started(phase, way.source.dataset(), store))
            after = load_weights(store.checkpoint(phase.key))
            assert before.keys() == after.keys()
            if isinstance(phase.settings.model, BaselineModel) and not phase.settings.model.baseline.trains:
                continue
            moved = [name for name, value in after.items() if not torch.equal(value, before[name])]
            assert moved, f"{trial.arm.name}: {phase.kind}"
