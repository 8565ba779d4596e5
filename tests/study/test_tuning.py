"""Tuning: each arm chooses by its own small search, once, before arms are compared on other seeds."""

import math
from collections import Counter
from pathlib import Path

import pytest

import study
from experiments.spec import SEARCH_SEEDS
from results import validation
from results.files import read_json
from results.owner import Owner
from results.plan import chosen_of, is_tuning, labels, read_plan, seeds_of
from results.tuned import count_failed, list_edges, sum_up
from study import tuning
from study.declaration import declare, digest_of, write_plan
from study.looking import plan_next, planned_so_far
from study.preparation import Request
from study.reporting import report_edition
from study.runner import Outcome
from tests.made_spec import SPEC, TUNED
from tests.study.made_tuning import (
    BEST,
    fail,
    finish,
    finish_parents,
    go_on,
    go_on_to_the_end,
    lose,
    plan_now,
    prepared_of,
    tune,
)


def test_the_tuning_comes_first_with_seeds_of_its_own_and_the_comparison_under_what_was_chosen(home: Path) -> None:
    prepared = prepared_of(home)
    declared = declare(prepared, "")
    assert is_tuning(declared)
    assert (declared["trials"], seeds_of(declared)) == ([], {})
    tried = [(trial["arm"], trial["tried"], trial["seed"]) for trial in declared["tuning"]["trials"]]
    assert Counter(tried) == Counter(
        (arm, tried, SEARCH_SEEDS) for arm in ("count=1", "count=2") for tried in ("lr=0.001", "lr=0.01", "lr=0.1")
    )
    assert declared["phases"] == declared["tuning"]["phases"]
    assert labels(declared)[declared["tuning"]["trials"][0]["final"]] == "joint count=2, lr=0.001 seed 1000"
    assert go_on(prepared, declared) is None, "it is still to be trained"
    report = report_edition(prepared.store, "asked")
    assert report.answer.sentence == (
        "Undecided: each arm is tuned first (0 of 6 trainings of that have ended); the comparison follows."
    )
    assert "nothing is chosen yet, and the comparison follows" in study.status("asked")[0].tuned

    tune(prepared)
    ahead = go_on(prepared, declared)
    assert ahead is not None
    assert chosen_of(ahead) == BEST
    assert seeds_of(ahead) == {"count=1": 2, "count=2": 2}
    plan = planned_so_far(prepared.plan, ahead)
    assert {(trial.arm.name, trial.arm.settings.optim.lr) for trial in plan.trials} == {
        ("count=1", 0.01),
        ("count=2", 0.1),
    }
    assert {trial.seed for trial in plan.trials} == {0, 1}
    assert plan.phases.keys() == ahead["phases"].keys()
    assert ahead["settings"]["optim"]["lr"] == 0.1, "the control's"
    assert [arm["levels"] for arm in ahead["arms"]] == [arm["levels"] for arm in declared["arms"]]
    assert [arm["levels"] for arm in ahead["arms"]] == [{"model.tokens.count": 1}, {"model.tokens.count": 2}]


def test_the_claim_fixes_the_rule_and_every_setting_and_not_what_was_chosen(home: Path) -> None:
    prepared = prepared_of(home)
    before = declare(prepared, "")["claim_hash"]
    ahead, _ = go_on_to_the_end(prepared)
    assert ahead["claim_hash"] == before == digest_of(prepared_of(home).plan)
    (claim,) = (prepared.store.editions / "asked" / "claims").glob("*.json")
    fixed = read_json(claim)["fixed"]
    assert fixed["tune"] == {"levels": {"optim.lr": [0.001, 0.01, 0.1]}, "seeds": [SEARCH_SEEDS]}
    assert [len(arm["settings"]) for arm in fixed["arms"]] == [3, 3]
    others = [
        TUNED.replace("0.01, 0.1]", "0.01]"),
        TUNED.replace("per: arm", "seeds: 2"),
        TUNED.replace("tune: {optim.lr: [0.001, 0.01, 0.1], per: arm}\n", ""),
    ]
    assert len({before, *(digest_of(prepared_of(home, text).plan) for text in others)}) == 4
    hand = others[-1].replace("settings:", "settings:\n  optim.lr: 0.1")
    arms = {trial.arm.name: trial.final.key for trial in prepared_of(home, hand).plan.trials if trial.seed == 0}
    chosen = {trial["arm"]: trial["final"] for trial in ahead["trials"] if trial["seed"] == 0}
    assert arms["count=2"] == chosen["count=2"], "whoever sets this by hand shares the training"


def test_numbers_of_the_tuning_are_in_no_mean_no_contrast_and_no_opened_split(home: Path) -> None:
    prepared = prepared_of(home)
    _, report = go_on_to_the_end(prepared)
    (contrast,) = report.answer.contrasts
    assert contrast.seeds == contrast.control_seeds == (0, 1)
    study.reveal("asked")
    assert study.sql("select max(seed) from finals").item() == 1
    assert study.sql("select max(seed) from differences").item() == 1
    assert study.sql("select max(seed) from predictions where split like 'test%'").item() == 1
    assert study.sql("select count(distinct seconds) from finals").item() == 1
    chosen = 'select distinct arm, "optim.lr" from finals order by arm'
    assert study.sql(chosen).rows() == [("count=1", 0.01), ("count=2", 0.1)]
    columns = "arm, tried, levels ->> '/optim.lr', seed, chosen"
    seen = f"select {columns} from tuned where split = 'val_seen' order by arm, position"
    assert study.sql(seen).rows() == [
        (arm, f"lr={level}", str(level), SEARCH_SEEDS, f"lr={level}" == BEST[arm])
        for arm in ("count=1", "count=2")
        for level in (0.001, 0.01, 0.1)
    ]
    spent = "select tuning is null, sum(epochs / shared_by) from costs group by 1 order by 1"
    assert study.sql(spent).rows() == [(False, 18.0), (True, 12.0)]
    assert study.verify() == []


def test_what_was_chosen_stays_and_a_second_run_trains_nothing(home: Path) -> None:
    prepared = prepared_of(home)
    ahead, report = go_on_to_the_end(prepared)
    runs = sorted(prepared.store.runs.glob("*/*"))
    again = study.run(Request(str(home / "asked.yaml")))
    assert again.report.answer == report.answer
    assert again.is_whole
    assert sorted(prepared.store.runs.glob("*/*")) == runs
    path = prepared.store.editions / "asked" / "plan.json"
    same = {name: value for name, value in read_plan(path).items() if name not in ("at", "command", "caches")}
    assert same == {name: ahead[name] for name in same}  # type: ignore[literal-required]
    path.unlink()
    assert study.run(Request(str(home / "asked.yaml"))).report.answer == report.answer, "it follows from the results"
    assert sorted(prepared.store.runs.glob("*/*")) == runs
    assert chosen_of(read_plan(path)) == BEST


def test_of_equal_combinations_the_first_is_chosen_by_the_mean_over_seeds(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepared_of(home, TUNED.replace("per: arm", "seeds: 2"))
    for trial in prepared.plan.tuning:
        finish(prepared, trial)
    scores = {"lr=0.001": (50.0, 60.0), "lr=0.01": (20.0, 90.0), "lr=0.1": (54.0, 54.0)}
    finals = {trial.final.key: scores[trial.arm.tried][trial.seed - SEARCH_SEEDS] for trial in prepared.plan.tuning}
    monkeypatch.setattr(validation, "read_measured", lambda result: {1: 99.0, 2: finals[result.key]})
    assert tuning.choose(prepared) == {"chosen": dict.fromkeys(BEST, "lr=0.001"), "failed": []}
    scores["lr=0.1"] = (55.0, 55.1)
    finals |= {one.final.key: scores[one.arm.tried][one.seed - SEARCH_SEEDS] for one in prepared.plan.tuning}
    assert tuning.choose(prepared) == {"chosen": dict.fromkeys(BEST, "lr=0.1"), "failed": []}


def test_a_combination_that_failed_is_not_chosen_and_not_tried_again(home: Path) -> None:
    prepared = prepared_of(home, TUNED.replace("per: arm", "seeds: 2"))
    declared = declare(prepared, "")
    for trial in prepared.plan.tuning:
        if (trial.arm.tried, trial.seed) == ("lr=0.1", SEARCH_SEEDS + 1):
            fail(prepared, trial)
        else:
            finish(prepared, trial, {"lr=0.1": 9.0, "lr=0.01": 2.0, "lr=0.001": 0.0}[trial.arm.tried])
    ahead = go_on(prepared, declared)
    assert ahead is not None
    assert chosen_of(ahead) == {"count=1": "lr=0.01", "count=2": "lr=0.01"}
    assert count_failed(ahead) == 2
    finals = [one["final"] for one in ahead["tuning"]["trials"] if (one["tried"], one["seed"]) == ("lr=0.1", 1001)]
    assert sorted(ahead["tuning"]["failed"]) == sorted(finals)
    assert not set(finals) & ahead["phases"].keys()
    (standing,) = study.status("asked")
    assert standing.failed == {
        f"joint {arm}, lr=0.1 seed 1001 (not chosen, so not tried again)": (
            "ArithmeticError: diverged",
            prepared.store.attempt(key, 1).folder,
        )
        for key, arm in zip(finals, ("count=2", "count=1"), strict=True)
    }
    assert standing.states["failed"] == 0
    for trial in planned_so_far(prepared.plan, ahead).trials:
        finish(prepared, trial)
    outcome = study.run(Request(str(home / "asked.yaml")))
    assert outcome.is_whole
    assert "2 trainings of the tuning failed and could not be chosen." in outcome.report.cautions
    failures = "select distinct arm, tuning from failures order by all"
    assert study.sql(failures).rows() == [("count=1", "lr=0.1"), ("count=2", "lr=0.1")]
    assert study.verify() == []


def test_nothing_is_chosen_while_an_arm_has_no_combination_that_came_to_its_end(home: Path) -> None:
    prepared = prepared_of(home, TUNED.replace("per: arm", "seeds: 2"))
    declared = declare(prepared, "")
    for trial in prepared.plan.tuning:
        is_lost = trial.arm.name == "count=1" and trial.seed == SEARCH_SEEDS
        if is_lost:
            fail(prepared, trial)
        else:
            finish(prepared, trial, 9.0 if trial.arm.tried == "lr=0.001" else 0.0)
    assert go_on(prepared, declared) is None
    assert not (prepared.store.editions / "asked" / "chosen").exists()
    report = report_edition(prepared.store, "asked")
    assert report.untuned == ("count=1",)
    assert not Outcome("asked", (), {}, (), report).is_whole, "even if nothing failed, but no score is a number"
    assert Outcome("asked", (), {}, (), report._replace(untuned=())).is_whole
    assert report.answer.note == (
        "Nothing is chosen, for no combination was trained to its end with every seed: count=1. The same command (on "
        "SLURM also `study retry`) tries again what failed; where every combination fails again, other levels under "
        "`tune` are needed, which is another claim."
    )
    assert set(study.status("asked")[0].failed) == {
        f"joint count=1, lr={level} seed {SEARCH_SEEDS}" for level in (0.001, 0.01, 0.1)
    }
    assert is_tuning(declare(prepared, ""))
    again = next(trial for trial in prepared.plan.tuning if trial.arm.tried == "lr=0.1" and trial.arm.name == "count=1")
    finish(prepared, again)
    ahead = go_on(prepared, declared)
    assert ahead is not None
    assert chosen_of(ahead) == {"count=1": "lr=0.1", "count=2": "lr=0.001"}
    assert (count_failed(ahead), report_edition(prepared.store, "asked").untuned) == (2, ())


def test_a_run_tries_again_what_failed_of_an_arm_that_cannot_choose(home: Path) -> None:
    prepared = prepared_of(home)
    declared = declare(prepared, "")
    for trial in prepared.plan.tuning:
        (fail if trial.arm.name == "count=1" else finish)(prepared, trial)
    assert go_on(prepared, declared) is None
    outcome = study.run(Request(str(home / "asked.yaml")))
    assert len(outcome.failed) == 3
    assert all("WeightsError" in error for error in outcome.failed.values()), "no more what it failed of before"
    assert (outcome.is_whole, outcome.report.untuned) == (False, ("count=1",))
    attempts = Counter(path.parent.name for path in prepared.store.runs.glob("*/[0-9]*"))
    assert {attempts[trial.final.key] for trial in prepared.plan.tuning if trial.arm.name == "count=1"} == {2}
    assert is_tuning(plan_now(prepared))


def test_scores_that_are_no_numbers_choose_nothing_and_the_run_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepared_of(home)
    declared = declare(prepared, "")
    tune(prepared)
    finals = {trial.final.key: trial.arm.tried for trial in prepared.plan.tuning}
    monkeypatch.setattr(validation, "read_measured", lambda result: {1: 9.0, 2: math.nan})
    assert go_on(prepared, declared) is None
    monkeypatch.setattr(
        validation, "read_measured", lambda result: {2: math.inf if finals[result.key] == "lr=0.001" else 1.0}
    )
    ahead = go_on(prepared, declared)
    assert ahead is not None
    assert chosen_of(ahead) == dict.fromkeys(("count=1", "count=2"), "lr=0.01")


def test_what_was_stopped_has_not_ended_and_what_cannot_begin_has(home: Path) -> None:
    prepared = prepared_of(home)
    declared = declare(prepared, "")
    stopped, blocked = [trial for trial in prepared.plan.tuning if trial.arm.tried == "lr=0.1"]
    for trial in prepared.plan.tuning:
        if trial not in (stopped, blocked):
            finish(prepared, trial, 9.0 if trial.arm.tried == "lr=0.01" else 0.0)
    lose(prepared, blocked.phases["rgb"])
    finish_parents(prepared, stopped)
    attempt = prepared.store.claim(stopped.final.key, stopped.final.content, Owner.current("a test"))
    assert attempt is not None
    attempt.stop("a signal")
    assert prepared.store.states([stopped.final.key])[stopped.final.key].name == "stopped"
    assert go_on(prepared, declared) is None, "it may be gone on with"
    finish(prepared, stopped)
    ahead = go_on(prepared, declared)
    assert ahead is not None
    assert count_failed(ahead) == 1


def test_of_tries_that_share_a_phase_only_what_failed_is_left_out(home: Path) -> None:
    text = TUNED.replace("optim.lr: [0.001, 0.01, 0.1], per", "optim.joint_lr_factor: [0.5, 1.0, 2.0], per")
    prepared = prepared_of(home, text)
    declared = declare(prepared, "")
    assert Counter(phase["kind"] for phase in declared["phases"].values()) == {"rgb": 2, "joint": 6}
    lost = [trial for trial in prepared.plan.tuning if trial.arm.tried == "joint_lr_factor=2.0"]
    for trial in prepared.plan.tuning:
        (fail if trial in lost else finish)(prepared, trial)
    ahead = go_on(prepared, declared)
    assert ahead is not None
    left = planned_so_far(prepared.plan, ahead)
    assert len(left.tuning) == 4
    assert ahead["phases"].keys() == left.phases.keys()
    assert lost[0].phases["rgb"].key in left.phases
    assert not {trial.final.key for trial in lost} & left.phases.keys()


def test_the_controls_repetition_takes_what_the_control_chose(home: Path) -> None:
    prepared = prepared_of(home, TUNED + "control_again: true\n")
    assert {trial.arm.name for trial in prepared.plan.tuning} == {"count=1", "count=2"}
    ahead, report = go_on_to_the_end(prepared)
    assert chosen_of(ahead) == BEST | {"control again": "lr=0.1"}
    lrs = {one.arm.name: one.arm.settings.optim.lr for one in planned_so_far(prepared.plan, ahead).trials}
    assert lrs == {"count=1": 0.01, "count=2": 0.1, "control again": 0.1}
    assert [(edge.end, edge.arms) for edge in list_edges(ahead)] == [("largest", ("count=2",))]
    edge = "The best optim.lr is the largest that was tried (0.1) for count=2: a better one may lie beyond."
    assert edge in report.cautions


def test_an_arm_with_nothing_to_choose_keeps_nobody_from_choosing(home: Path) -> None:
    text = TUNED.replace("model.tokens.count: 2", "model.baseline: random")
    text = text.replace("model.tokens.count: [1, 2]", "model.baseline: [random, none]")
    text = text.replace("optim.lr: [0.001, 0.01, 0.1]", "model.tokens.dropout: [0.0, 0.1]")
    prepared = prepared_of(home, text)
    declared = declare(prepared, "")
    assert {trial.arm.name for trial in prepared.plan.tuning} == {"baseline=none"}
    tune(prepared, {"baseline=none": "dropout=0.1"})
    ahead = go_on(prepared, declared)
    assert ahead is not None
    assert chosen_of(ahead) == {"baseline=random": "dropout=0.0", "baseline=none": "dropout=0.1"}
    assert report_edition(prepared.store, "asked").untuned == ()


def test_seeds_until_decided_come_after_the_choice(home: Path) -> None:
    text = TUNED.replace("seeds: 2\n", "seeds: until decided\n").replace("profile: smoke", "profile: tiny")
    prepared = prepared_of(home, text)
    ahead, report = go_on_to_the_end(prepared)
    assert seeds_of(ahead) == {"count=1": 3, "count=2": 3}
    assert report.answer.looks == (3,)
    further = plan_next(prepared, ahead, report._replace(asked={"count=1": 5, "count=2": 5}))
    assert further is not None
    assert (seeds_of(further), chosen_of(further)) == ({"count=1": 5, "count=2": 5}, BEST)
    assert {trial["seed"] for trial in further["trials"]} == set(range(5))
    again = declare(prepared, "")
    assert (seeds_of(again), chosen_of(again)) == (seeds_of(further), BEST)


def test_results_of_the_tuning_that_stood_there_before_the_claim_are_counted(home: Path) -> None:
    prepared = prepared_of(home)
    prepared.store.prepare()
    tune(prepared)
    declare(prepared, "")
    (claim,) = (prepared.store.editions / "asked" / "claims").glob("*.json")
    assert read_json(claim)["results_before"] == 6


def test_another_search_is_another_claim_that_tunes_anew_with_what_is_trained_already(home: Path) -> None:
    go_on_to_the_end(prepared_of(home))
    other = prepared_of(home, TUNED.replace("[0.001, 0.01, 0.1]", "[0.01, 0.1, 0.5]"))
    declared = declare(other, "")
    assert is_tuning(declared)
    assert go_on(other, declared) is None, "one level is new"
    for trial in (one for one in other.plan.trained if one.arm.tried == "lr=0.5"):
        finish(other, trial, 0.0)  # of the comparison too, as if another study had trained it
    ahead = go_on(other, declared)
    assert ahead is not None
    assert chosen_of(ahead) == BEST
    cautions = report_edition(other.store, "asked").cautions
    assert "2 results of earlier claims are in no number here." in cautions, "those of the level that is gone"


def test_a_plan_of_no_tuning_has_no_word_of_it(home: Path) -> None:
    prepared = prepared_of(home, SPEC + "charts: []\n")
    declared = declare(prepared, "")
    assert "tuning" not in declared
    assert sum_up(declared) == ""
    assert write_plan(prepared, None, declared["claim_hash"], "")["phases"] == declared["phases"]


@pytest.mark.slow
def test_a_run_tunes_compares_and_answers_and_goes_on_where_it_was_stopped(home: Path) -> None:
    request = Request(str(home / "asked.yaml"))
    prepared = prepared_of(home)
    prepared.store.prepare()
    first, *_ = prepared.plan.tuning
    finish(prepared, first)
    outcome = study.run(request, workers=2)
    assert outcome.is_whole
    assert len(outcome.report.answer.contrasts[0].seeds) == 2
    assert outcome.report.tuned.startswith("tuned: optim.lr per arm over 3 levels, 1 seed each: 6 trainings, 60 %")
    attempts = Counter(path.parent.name for path in prepared.store.runs.glob("*/[0-9]*"))
    assert set(attempts.values()) == {1}, "nothing is trained twice"
    assert len(attempts) == 2 * (6 + 4)
    assert study.run(request).report.answer == outcome.report.answer
    assert Counter(path.parent.name for path in prepared.store.runs.glob("*/[0-9]*")) == attempts


@pytest.mark.slow
def test_a_run_goes_on_without_what_diverged_and_says_so(home: Path) -> None:
    text = TUNED.replace("charts:", "  optim: {warmup_fraction: 0.0, clip_norm: null}\ncharts:")
    text = text.replace("rgb_epochs: 1,", "rgb_epochs: 4,")
    prepared_of(home, text.replace("0.01, 0.1]", "1.0e+30]"))
    outcome = study.run(Request(str(home / "asked.yaml")), workers=2)
    assert outcome.is_whole
    assert "chosen: lr=0.001 (count=1, count=2)" in outcome.report.tuned
    assert "2 trainings of the tuning failed and could not be chosen." in outcome.report.cautions
    assert len(outcome.report.answer.contrasts[0].seeds) == 2

    prepared_of(home, text.replace("[0.001, 0.01, 0.1]", "[2.0e+30, 1.0e+30]"))
    lost = study.run(Request(str(home / "asked.yaml")), workers=2)
    assert len(lost.failed) == 4
    assert lost.report.untuned == ("count=2", "count=1")
    assert not lost.is_whole
    assert set(study.run(Request(str(home / "asked.yaml"))).failed) == set(lost.failed), "and says so again"
