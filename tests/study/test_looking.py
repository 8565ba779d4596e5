"""Seeds until decided on this machine: what is settled stops, what is open goes on, no training is for nothing."""

from collections.abc import Mapping
from pathlib import Path

import pytest

import study
from results.answer import Answer
from results.plan import read_plan, seeds_of
from study.declaration import declare
from study.looking import plan_next
from study.preparation import Prepared, Request, prepare
from study.reporting import Report
from tests import made_store as made
from tests.made_spec import UNTIL_DECIDED

THREE = UNTIL_DECIDED.replace("[1, 2]", "[1, 2, 3]").replace("which: any", "which: all").replace("32.0", "1.0")
THREE += "charts: []\n"
DIVERGING = (
    UNTIL_DECIDED.replace("model.tokens.count: [1, 2]", "optim.lr: [0.001, 0.002, 1.0e+30]")
    .replace("control: {model.tokens.count: 2}", "control: {optim.lr: 0.001}")
    .replace("rgb_epochs: 1,", "rgb_epochs: 4,")
    + """\
  optim: {warmup_fraction: 0.0, clip_norm: null}
charts: []
"""
)
"""The last arm fails with every seed; the other two are like those of `UNTIL_DECIDED`."""
SIGNALS = {"count=1": 9.0, "count=2": 1.0, "count=3": 1.0}
"""The first arm is far better than the control, the last one is as good."""
CLIPS = 120


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(THREE)
    return Request(str(tmp_path / "asked.yaml"))


def make_results(prepared: Prepared, seeds: Mapping[str, int]) -> None:
    """Store results of the first so many seeds of each arm."""
    prepared.store.prepare()
    for trial in prepared.plan.first(seeds).trials:
        for phase in trial.phases.values():
            made.train(prepared.store, phase.content, CLIPS, SIGNALS[trial.arm.name])


def planned(prepared: Prepared) -> dict[str, int]:
    return seeds_of(read_plan(prepared.store.editions / "asked" / "plan.json"))


def test_an_arm_is_settled_at_the_first_look_and_another_goes_on(request_: Request) -> None:
    """Only what looks should ask for is stored: what they asked for beside it would be trained, and on other clips."""
    prepared = prepare(request_)
    asked = {"count=1": 3, "count=2": 12, "count=3": 12}
    make_results(prepared, asked)
    runs = sorted(prepared.store.runs.iterdir())

    outcome = study.run(request_)
    assert outcome.is_whole
    assert planned(prepared) == asked
    answer = outcome.report.answer
    assert (answer.verdict, answer.looks) == ("undecided", (3, 5, 8, 12))
    assert [len(contrast.seeds) for contrast in answer.contrasts] == [3, 12]
    assert "Stopped at 3 seeds: count=1." in answer.note
    assert "27 trainings instead of 36 (12 seeds for all)." in answer.note
    assert "27 trainings instead of 36" in outcome.report.page.read_text()
    assert sorted(prepared.store.runs.iterdir()) == runs, "nothing was trained"
    assert study.verify() == []
    asked_for = "select looks, count(*) filter (arm = 'count=1') from editions join trials using (edition) group by all"
    assert study.sql(asked_for).rows() == [([3, 5, 8, 12], 3)]

    assert study.run(request_).report.answer == answer
    (prepared.store.editions / "asked" / "plan.json").unlink()
    assert study.run(request_).report.answer == answer, "looks are taken anew from the results, to the same end"
    assert planned(prepared) == asked


def test_a_study_that_was_stopped_between_looks_goes_on_with_what_was_asked_for(request_: Request) -> None:
    prepared = prepare(request_)
    first = declare(prepared, "study run asked")
    assert seeds_of(first) == {"count=1": 3, "count=2": 3, "count=3": 3}
    asked = {"count=1": 3, "count=2": 5, "count=3": 5}
    report = Report(Answer("undecided", "", ()), Path(), (), asked)
    ahead = plan_next(prepared, first, report)
    assert ahead is not None
    assert planned(prepared) == seeds_of(ahead) == asked
    assert plan_next(prepared, ahead, report) is None, "this look is still to be taken"
    assert plan_next(prepared, ahead, report._replace(asked=None)) is None
    assert seeds_of(declare(prepared, "study run asked")) == asked

    Path(request_.name).write_text(THREE.replace("smallest: 1.0", "smallest: 2.0"))
    assert seeds_of(declare(prepare(request_), "study run asked")) == seeds_of(first), "another claim begins anew"


def test_a_plan_that_shrank_is_not_written(request_: Request) -> None:
    prepared = prepare(request_)
    declared = declare(prepared, "")
    asked = {"count=1": 3, "count=2": 2, "count=3": 3}
    assert plan_next(prepared, declared, Report(Answer("undecided", "", ()), Path(), (), asked)) is None


@pytest.mark.slow
def test_a_study_goes_on_without_what_failed_tries_it_once_and_says_so(tmp_path: Path, request_: Request) -> None:
    """The third arm diverges with every seed; the second needs five to be seen as good as the control."""
    Path(request_.name).write_text(DIVERGING)
    outcome = study.run(request_)
    assert not outcome.is_whole
    assert len(outcome.failed) == 3
    assert all("Diverged" in error for error in outcome.failed.values())
    answer = outcome.report.answer
    assert (answer.verdict, answer.looks) == ("undecided", (3, 5))
    assert "No results: lr=1e+30." in answer.note
    failed = ", ".join(f"lr=1e+30 seed {seed}" for seed in range(3))
    assert f"Failed, and so left out: {failed}." in answer.note
    prepared = prepare(request_)
    assert planned(prepared) == {"lr=0.002": 5, "lr=0.001": 5, "lr=1e+30": 3}
    tries = [
        len(list(path.parent.glob("*/")))
        for path in prepared.store.runs.glob("*/1")
        if not (path.parent / "done.json").exists()
    ]
    assert tries == [1, 1, 1]


@pytest.mark.slow
def test_a_study_goes_from_look_to_look_by_itself(tmp_path: Path, request_: Request) -> None:
    Path(request_.name).write_text(UNTIL_DECIDED)
    outcome = study.run(request_)
    assert (outcome.report.answer.verdict, outcome.report.answer.looks) == ("equivalent", (3, 5))
    assert planned(prepare(request_)) == {"count=1": 5, "count=2": 5}
    assert study.verify() == []
