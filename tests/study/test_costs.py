"""What a plan says it costs."""

from pathlib import Path

import pytest

import study
from results.tuned import sum_up
from study import costs, rates
from study.preparation import Prepared, Request, prepare
from tests.made_spec import SPEC
from tests.study.made_tuning import go_on_to_the_end, plan_now, prepared_of
from tests.study.test_rates import finish


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(SPEC)
    return prepare(Request(str(tmp_path / "asked.yaml")))


def test_what_is_done_costs_nothing_more(prepared: Prepared) -> None:
    control, other = prepared.plan.trials
    for kind, phase in control.phases.items():
        finish(prepared, phase, {"rgb": 360.0, "sender": 720.0, "joint": 36.0}[kind])
    report = costs.report_plan(prepared)
    assert {kind: dict(states) for kind, states in report.states.items()} == {
        kind: {"done": 1, "absent": 1} for kind in ("rgb", "sender", "joint")
    }
    assert report.left_hours == pytest.approx((360 + 720 + 36) / 3600)
    assert [phase.key for phase in costs.left(prepared)] == [phase.key for phase in other.phases.values()]


def test_unknown_hours_stay_unknown_unless_they_are_measured(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert costs.report_plan(prepared).left_hours is None
    monkeypatch.setattr(rates, "_timed_training", lambda *given: 60.0)
    monkeypatch.setattr(rates, "_timed_evaluation", lambda *given: 0.0)
    assert costs.report_plan(prepared, measure=True).left_hours == pytest.approx(6 * 60 / 3600)
    assert costs.left_hours(prepared) == pytest.approx(6 * 60 / 3600)


def test_the_cache_counts_until_it_is_there(prepared: Prepared) -> None:
    clips = 4 * 5
    assert costs.cache_bytes(prepared) == clips * 4 * 18 * 18 * 3  # 2 frames and 2 of slack, 16 px and a margin of 2
    for way in prepared.distinct_ways():
        way.source.decode(way.frames, way.streams)
    assert costs.cache_bytes(prepared) == 0


def test_a_plan_says_what_the_tuning_costs_before_and_what_it_came_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    prepared = prepared_of(tmp_path)
    planned = study.plan(Request(str(tmp_path / "asked.yaml")))
    assert not prepared.store.root.exists()
    assert planned.first_look is not None
    assert (len(planned.first_look.plan.tuning), planned.first_look.plan.epochs) == (6, 18)
    assert (len(planned.plan.trials), planned.plan.epochs) == (4, 30)
    go_on_to_the_end(prepared)
    after = study.plan(Request(str(tmp_path / "asked.yaml")))
    assert after.first_look is None
    assert after.tuned == sum_up(plan_now(prepared))
    assert after.tuned == (
        "tuned: optim.lr per arm over 3 levels, 1 seed each: 6 trainings, 60 % of all epochs; "
        "chosen: lr=0.01 (count=1), lr=0.1 (count=2)"
    )
    assert {kind: counts["done"] - counts.total() for kind, counts in after.states.items()} == {"rgb": 0, "joint": 0}
