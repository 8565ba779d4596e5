"""Looks: who gets more seeds and who stops, that a look once taken stays taken, and what all of them claim falsely.

Letters: S seeds.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from results.answer import decide, place
from results.claim import Claim
from results.contrast import ClipPart, Contrast, compare_measured
from results.cost import Costs
from results.frame import Predictions
from results.looks import (
    LOOKS,
    Course,
    answer_looks,
    list_going_on,
    list_wasted,
    looks_at_costs,
    looks_at_scores,
    take_looks,
)
from results.measure import Measured, Model
from tests.results.made_contrasts import make_contrast
from tests.results.made_predictions import Spread, make_predictions

ARMS = ("control", "a", "b", "c", "d", "e")
STUDIES = 500
ONE_SIDED = 0.025
"""Half of alpha: made-up arms differ from the margin to one side only."""


def claim(**changes: Any) -> Claim:
    named: dict[str, Any] = {"control": "control", "which": "any", "direction": "better", "smallest": 1.0}
    return Claim(**named | {"over": "seeds", "looks": LOOKS} | changes)


def measured(**points: Sequence[float]) -> Measured:
    """Give points of every seed of every arm, as if measured; no clips are drawn."""
    values = {(arm, seed): value for arm, own_S in points.items() for seed, value in enumerate(own_S)}
    return Measured({model: row for row, model in enumerate(values)}, np.array(list(values.values())), (), ())


def look(made: Measured, asked: Claim, arms: tuple[str, ...] = ARMS, failed: Collection[Model] = ()) -> Course:
    kept = without(made, failed)
    return take_looks(
        asked,
        arms,
        kept.rows,
        failed,
        lambda seeds, stopped: compare_measured(kept.first(seeds), asked, arms, (), stopped),
    )


def without(made: Measured, failed: Collection[Model]) -> Measured:
    """Take out trainings, as if they had failed."""
    return replace(made, rows={model: row for model, row in made.rows.items() if model not in failed})


def test_what_is_settled_stops_and_what_is_open_goes_on_with_the_control() -> None:
    near, far = [3.0, -2.0, 1.0, 2.0, 0.0], [9.0, 9.1, 9.2]
    made = measured(control=[0.0] * 5, a=far, b=near)
    course = look(made, claim(which="all"), ("control", "a", "b"))
    assert (course.taken, course.asked, course.is_over) == ((3, 5), {"control": 8, "a": 3, "b": 8}, False)
    settled, going_on = course.contrasts
    assert (settled.arm, settled.seeds, going_on.seeds) == ("a", (0, 1, 2), (0, 1, 2, 3, 4))
    assert settled.p_adjusted <= 0.05
    assert place(claim(), settled.low, settled.high) == "claimed"


def test_a_study_ends_when_its_claim_is_decided_although_arms_are_open() -> None:
    made = measured(control=[0.0] * 3, a=[9.0, 9.1, 9.2], b=[3.0, -2.0, 1.0])
    assert look(made, claim(), ("control", "a", "b")).asked == {"control": 3, "a": 3, "b": 3}
    assert look(made, claim(), ("control", "a", "b")).is_over
    assert look(made, claim(which="b"), ("control", "a", "b")).asked == {"control": 5, "a": 3, "b": 5}


def test_a_look_waits_until_all_its_trainings_have_results() -> None:
    short = measured(control=[0.0, 0.0, 0.0], a=[1.0, -1.0])
    course = look(short, claim(), ("control", "a"))
    assert (course.taken, course.contrasts, course.is_over) == ((), (), False)
    assert answer_looks(claim(), course).sentence.startswith(
        "Undecided: the first look, at 3 seeds of every arm, needs"
    )
    first = look(measured(control=[0.0] * 5, a=[1.0, -1.0, 3.0, 2.0]), claim(), ("control", "a"))
    assert (first.taken, first.asked["a"]) == ((3,), 5)
    assert first.contrasts[0].seeds == (0, 1, 2), "a seed of a look that is not whole counts for nothing yet"
    answer = answer_looks(claim(), first)
    assert answer.sentence.endswith(". The look at 5 seeds is to come.")
    assert answer.note.endswith("Look 1 of 4, at 3 seeds.")


def test_a_look_waits_for_no_training_that_failed_and_compares_the_seeds_of_both_arms() -> None:
    made = measured(control=[0.0] * 5, a=[3.0, -2.0, 1.0, 2.0, 0.0], b=[9.0, 9.1, 9.2])
    course = look(made, claim(which="all"), ("control", "a", "b"), failed=[("a", 1), ("a", 4), ("a", 7)])
    assert (course.taken, course.asked) == ((3, 5), {"control": 8, "a": 8, "b": 3})
    assert [contrast.seeds for contrast in course.contrasts] == [(0, 2, 3), (0, 1, 2)]
    assert course.failed == (("a", 1), ("a", 4)), "what belongs to a look to come is not told yet"
    answer = answer_looks(claim(which="all"), course)
    assert "Failed, and so left out: a seed 1, a seed 4." in answer.note
    assert answer.sentence.endswith("The look at 8 seeds is to come.")


def test_an_arm_with_too_few_trainings_that_did_not_fail_stops_and_is_named() -> None:
    asked, arms = claim(which="all"), ("control", "a", "b", "c")
    made = measured(control=[0.0] * 5, a=[1.0] * 3, b=[1.0] * 3, c=[3.0, -2.0, 1.0, 2.0, 0.0])
    course = look(made, asked, arms, failed=[*(("a", seed) for seed in range(3)), ("b", 0), ("b", 2)])
    assert (course.taken, course.asked) == ((3, 5), {"control": 8, "a": 3, "b": 3, "c": 8})
    note = answer_looks(asked, course).note
    assert "No results: a." in note
    assert "One seed to compare gives no spread over seeds and no interval: b." in note
    assert "Failed, and so left out: a seed 0, a seed 1, a seed 2, b seed 0, b seed 2." in note
    assert "Stopped at 3 seeds: a, b." in note
    assert course.contrasts[-1].alpha == pytest.approx(asked.alpha_of_look / 3), "it stays in the family"


def test_a_study_whose_control_failed_ends_at_the_first_look() -> None:
    made = measured(control=[0.0] * 3, a=[1.0] * 3)
    course = look(made, claim(), ("control", "a"), failed=[("control", seed) for seed in range(3)])
    assert (course.taken, course.is_over) == ((3,), True)
    answer = answer_looks(claim(), course)
    assert answer.verdict == "undecided"
    assert "The control control has no results." in answer.note


def test_the_last_look_is_the_end() -> None:
    made = measured(control=[0.0] * 20, a=[9.0, -9.0] * 10)
    course = look(made, claim(), ("control", "a"))
    assert (course.taken, course.asked, course.is_over) == (LOOKS, {"control": 12, "a": 12}, True)
    assert "24 trainings instead of 24 (12 seeds for all)." in answer_looks(claim(), course).note


def test_later_seeds_change_nothing_that_a_look_decided() -> None:
    generator = np.random.default_rng(3)
    for _ in range(20):
        made = measured(**{arm: (generator.normal(3.0 * place, 1.5, 12)).tolist() for place, arm in enumerate(ARMS)})
        whole = look(made, claim(which="all"))
        for number, seeds in enumerate(whole.taken, start=1):
            early = look(made.first(seeds), claim(which="all"))
            assert early.taken == whole.taken[:number]
            stopped = [contrast.arm for contrast in early.contrasts if early.asked[contrast.arm] <= seeds]
            assert all(contrast in whole.contrasts for contrast in early.contrasts if contrast.arm in stopped)


def test_all_seeds_of_the_clips_scores_are_measured_once_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    gains = {"control": 0.0, "near": 0.05, "far": 6.0}
    made = make_predictions(np.random.default_rng(0), gains, range(12), spread=Spread(arm_with_activity=0.0))
    asked = claim(which="all", over="seeds_and_activities", smallest=0.5)
    course = looks_at_scores(made, asked, (), 200)
    assert (course.asked["far"], course.asked["near"] > 3) == (3, True)
    assert looks_at_scores(first(made, 3), asked, (), 200).contrasts[1] == course.contrasts[1]


def first(predictions: Predictions, seeds: int) -> Predictions:
    scores = {arm: {seed: own[seed] for seed in range(seeds)} for arm, own in predictions.scores.items()}
    return replace(predictions, scores=scores)


def test_costs_are_in_percent_of_the_control_of_the_same_look() -> None:
    values = {("control", seed): value for seed, value in enumerate([10.0, 10.1, 9.9, 90.0, 90.0])}
    values |= {("a", seed): value for seed, value in enumerate([5.0, 5.0, 5.1])}
    asked = claim(metric="latency", split="inference", smallest=5.0)
    (contrast,) = looks_at_costs(Costs(("control", "a"), values), asked).contrasts
    assert contrast.difference == pytest.approx(-49.7, abs=0.1)
    del values["a", 2]
    assert looks_at_costs(Costs(("control", "a"), values), asked).taken == ()
    assert looks_at_costs(Costs(("control", "a"), values), asked, [("a", 2)]).contrasts[0].seeds == (0, 1)


def test_seeds_go_to_all_that_an_open_difference_is_made_of() -> None:
    groups = {"controls": {"c": "b", "d": "b"}, "counterparts": {"d": "a"}, "which": "d"}
    made = measured(control=[0.0] * 3, a=[1.0] * 3, b=[2.0] * 3, c=[3.0] * 3, d=[-5.0, 3.0, 9.0])
    course = look(made, claim(**groups), ("control", "a", "b", "c", "d"))
    assert course.asked == {"control": 5, "a": 5, "b": 5, "c": 3, "d": 5}


def test_what_no_number_of_seeds_decides_gets_none() -> None:
    few = (ClipPart("val_unseen", 7, 4.0),)
    stuck = make_contrast("stuck", 2.0, 9.0, se_seed=0.1, se_clips=2.0, clips=few)
    unsure = replace(stuck, arm="unsure", se_seed=3.0)
    alone = replace(stuck, arm="alone", se_clips=math.nan, low=math.nan, high=math.nan)
    open_ = make_contrast("open", 2.0, 9.0)
    asked = claim(over="seeds_and_activities")
    wasted = list_wasted(asked, [stuck, unsure, alone, open_])
    assert wasted == ("stuck", "alone")
    assert list_going_on(asked, [stuck, unsure, alone, open_], wasted) == ("unsure", "open")
    three = {"control": 3, "stuck": 3, "alone": 3}
    note = answer_looks(asked, Course((stuck, alone), (3,), three, is_over=True, wasted=wasted)).note
    assert "No number of seeds decides these, for their activities are too few: stuck, alone." in note


def test_arms_that_the_claim_is_not_about_stop_at_the_first_look() -> None:
    open_ = [make_contrast(arm, 2.0, 9.0, is_claimed=arm == "a") for arm in ("a", "b")]
    assert list_going_on(claim(which="a"), open_, ()) == ("a",)


def test_what_was_claimed_at_an_earlier_look_leaves_the_family_and_what_stopped_otherwise_stays_in_it() -> None:
    asked = claim(which="all", looks=(3, 5))
    made = measured(
        **dict.fromkeys(ARMS[:4], [0.0] * 5) | {"a": [0.0, 4.0, 2.0, -1.0, 3.0], "b": [0.0, 5.0, 1.0, 2.0, 3.0]}
    )
    stopped = {"c": make_contrast("c", 9.0, 1.0, p_adjusted=0.01)}
    levels = [alphas(made, asked, stopped), alphas(made, asked, {"c": make_contrast("c", 0.0, 0.5)})]
    assert levels == [[0.025 / 2] * 2, [0.025 / 3] * 2]


def alphas(made: Measured, asked: Claim, stopped: Mapping[str, Contrast]) -> list[float]:
    a, b, c = compare_measured(made, asked, ARMS[:4], (), stopped)
    assert c is stopped["c"]
    return [a.alpha, b.alpha]


@pytest.mark.parametrize(
    ("true", "which", "direction"),
    [
        ((1.0,), "any", "better"),  # just at the margin: whoever is claimed to be better by more is so falsely
        ((1.0,) * 5, "any", "better"),
        ((9.0, 9.0, 9.0, 1.0, 1.0), "all", "better"),  # some are better, and leave the family when that is seen
        ((1.0,) * 5, "any", "equivalent"),
    ],
)
def test_all_looks_together_claim_no_more_falsely_than_alpha(
    true: tuple[float, ...], which: str, direction: str
) -> None:
    asked, arms = claim(which=which, direction=direction), ARMS[: 1 + len(true)]
    null = {arm for arm, value in zip(arms[1:], true, strict=True) if value == 1.0}
    generator = np.random.default_rng(7)
    courses = [look(draw(generator, true), asked, arms) for _ in range(STUDIES)]
    false = sum(not claimed(asked, course.contrasts).isdisjoint(null) for course in courses)
    assert false / STUDIES <= ONE_SIDED + 2 * math.sqrt(ONE_SIDED * (1 - ONE_SIDED) / STUDIES)


def test_looking_four_times_at_the_level_of_one_look_would_claim_more_falsely() -> None:
    fixed, generator = claim(looks=()), np.random.default_rng(7)
    studies = [draw(generator, (1.0,)) for _ in range(STUDIES)]
    at_looks = [[compare_measured(made.first(seeds), fixed, ARMS[:2], ()) for seeds in LOOKS] for made in studies]
    false = sum(any(claimed(fixed, contrasts) for contrasts in looks) for looks in at_looks)
    assert false / STUDIES > ONE_SIDED + 2 * math.sqrt(ONE_SIDED * (1 - ONE_SIDED) / STUDIES)


def claimed(asked: Claim, contrasts: Sequence[Contrast]) -> set[str]:
    found = {one.arm for one in contrasts if place(asked, one.low, one.high) == "claimed"}
    assert found == {one.arm for one in contrasts if one.p_adjusted <= asked.alpha}, "p and interval say the same"
    return found


def draw(generator: np.random.Generator, true: Sequence[float]) -> Measured:
    points = {arm: generator.normal(value, 1.0, LOOKS[-1]).tolist() for arm, value in zip(ARMS[1:], true, strict=False)}
    return measured(control=generator.normal(0.0, 1.0, LOOKS[-1]).tolist(), **points)


def test_a_claim_is_judged_by_the_contrasts_as_they_were_when_arms_stopped() -> None:
    made = measured(control=[0.0] * 12, a=[9.0, 9.1, 9.2, *[-9.0] * 9], b=[5.0, -2.0, 4.0, *[5.0, 5.1, 4.9] * 3])
    asked = claim(which="all")
    course = look(made, asked, ("control", "a", "b"))
    answer = answer_looks(asked, course)
    places = [place(asked, contrast.low, contrast.high) for contrast in course.contrasts]
    assert answer.verdict == decide(asked, places) == "supported"
    assert answer.looks == course.taken
    assert "Stopped at 3 seeds: a." in answer.note
    assert f"{sum(course.asked.values())} trainings instead of 36 (12 seeds for all)." in answer.note
