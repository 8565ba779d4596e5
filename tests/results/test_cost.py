"""Costs are compared by percent of the control's, seed by seed: by hand, by scipy, and with what is missing."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from models.errors import UserError
from results.answer import answer_claim
from results.claim import Claim
from results.contrast import Contrast
from results.cost import Costs, cost_contrasts
from results.measure import Model

WHOLE = {0: 10.0, 1: 20.0, 2: 16.0}
SMALL = {0: 8.0, 1: 17.0, 2: 12.0}


def claim(**changes: Any) -> Claim:
    named: dict[str, Any] = {"metric": "latency", "split": "inference", "over": "seeds", "control": "whole"}
    return Claim(**named | {"which": "any", "direction": "better", "smallest": 5.0} | changes)


def costs(**arms: dict[int, float]) -> Costs:
    values: dict[Model, float] = {(arm, seed): value for arm, seeds in arms.items() for seed, value in seeds.items()}
    return Costs(tuple(arms), values)


def compare(measured: Costs, **changes: Any) -> list[Contrast]:
    return cost_contrasts(measured, claim(**changes))


def test_a_difference_is_the_mean_percent_of_the_control_with_students_interval() -> None:
    (contrast,) = compare(costs(whole=WHOLE, small=SMALL))
    percent_S = 100 * np.array([SMALL[seed] - WHOLE[seed] for seed in WHOLE]) / np.mean(list(WHOLE.values()))
    assert contrast.difference == pytest.approx(percent_S.mean())
    expected = stats.t.interval(0.95, 2, loc=percent_S.mean(), scale=stats.sem(percent_S))
    assert (contrast.low, contrast.high) == pytest.approx(expected)
    one_sided = stats.ttest_1samp(percent_S, -5.0, alternative="less").pvalue
    assert contrast.p == pytest.approx(2 * one_sided)
    assert (contrast.seeds, contrast.se_clips, contrast.clips, contrast.is_paired) == ((0, 1, 2), 0.0, (), True)


@pytest.mark.parametrize(
    ("direction", "verdict"), [("better", "supported"), ("worse", "refuted"), ("equivalent", "refuted")]
)
def test_less_is_better(direction: str, verdict: str) -> None:
    asked = claim(direction=direction, which="small", smallest=1.0)
    assert answer_claim(asked, cost_contrasts(costs(whole=WHOLE, small=SMALL), asked)).verdict == verdict


def test_several_arms_are_corrected_together() -> None:
    alone = compare(costs(whole=WHOLE, small=SMALL))[0]
    slow = {seed: 1.5 * value for seed, value in WHOLE.items()}
    small, large = compare(costs(whole=WHOLE, small=SMALL, large=slow))
    assert small.p == alone.p
    assert small.p_adjusted == pytest.approx(2 * alone.p)
    assert (large.difference, large.p_adjusted) == (pytest.approx(50.0), 1.0)


def test_only_seeds_that_both_have_count_and_without_any_there_is_no_result() -> None:
    fewer, other = compare(costs(whole=WHOLE, fewer={1: 10.0, 7: 1.0}, other={7: 1.0}))
    mean = sum(WHOLE.values()) / len(WHOLE)
    assert (fewer.seeds, fewer.has_interval) == ((1,), False)
    assert fewer.difference == pytest.approx(100 * (10.0 - WHOLE[1]) / mean)
    assert math.isnan(other.difference)
    answer = answer_claim(claim(which="other"), [fewer, other])
    assert answer.verdict == "undecided"
    assert "No results: other." in answer_claim(claim(), [fewer, other]).note


def test_a_cost_that_is_counted_decides_without_any_spread() -> None:
    asked = claim(metric="peak_memory", which="small")
    (contrast,) = cost_contrasts(costs(whole=dict.fromkeys(range(3), 4e6), small=dict.fromkeys(range(3), 3e6)), asked)
    assert (contrast.difference, contrast.low, contrast.high, contrast.p) == (-25.0, -25.0, -25.0, 0.0)
    assert answer_claim(asked, [contrast]).sentence == (
        "Supported: small is lighter than whole by 5.0 % of peak memory at inference (-25.0 % [-25.0, -25.0], 3 seeds)."
    )


def test_what_is_no_number_is_left_out_and_named() -> None:
    (contrast,) = compare(costs(whole=WHOLE, small=SMALL | {1: math.inf}))
    assert contrast.seeds == (0, 2)
    assert contrast.left_out == (("small", 1),)


def test_the_order_of_measurements_changes_nothing() -> None:
    measured = costs(whole=WHOLE, small=SMALL)
    backwards = Costs(measured.arms, dict(reversed(measured.values.items())))
    assert compare(measured) == compare(backwards)


def test_an_arm_that_measures_the_control_again_is_not_claimed() -> None:
    measured = Costs(("whole", "again"), costs(whole=WHOLE, again=WHOLE).values, frozenset({"again"}))
    (contrast,) = compare(measured)
    assert not contrast.is_claimed


def test_a_claim_about_an_arm_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"claim.which: there is no arm 'tiny'. There are: whole, small"):
        compare(costs(whole=WHOLE, small=SMALL), which="tiny")


@pytest.mark.parametrize(
    ("direction", "which", "sentence"),
    [
        (
            "better",
            "any",
            "Undecided: no arm is shown to be faster than whole by 5.0 % of latency at inference (best: ",
        ),
        ("worse", "all", "Refuted: not every arm is slower than whole by 5.0 % of latency at inference: small is "),
        ("better", "small", "Undecided: small is not shown to be faster than whole by 5.0 % of latency at inference ("),
        ("equivalent", "any", "Undecided: no arm is shown to be equivalent to whole within 5.0 % of latency at infe"),
    ],
)
def test_answers_use_the_words_of_the_metric(direction: str, which: str, sentence: str) -> None:
    asked = claim(direction=direction, which=which)
    even = {0: 8.0, 1: 19.9, 2: 14.0} if direction != "worse" else {0: 7.0, 1: 17.1, 2: 13.0}
    assert answer_claim(asked, cost_contrasts(costs(whole=WHOLE, small=even), asked)).sentence.startswith(sentence)


def test_seeds_that_would_decide_are_told() -> None:
    answer = answer_claim(claim(), compare(costs(whole=WHOLE, small={0: 8.0, 1: 18.0, 2: 12.0})))
    assert answer.further_seeds is not None
    assert "more seed" in answer.sentence


def test_two_equal_networks_do_not_differ_on_average_however_noisy_the_measurements_are() -> None:
    generator = np.random.default_rng(0)
    found = []
    for _ in range(400):
        noisy = generator.lognormal(0.0, 0.5, (2, 5))
        whole, twin = (dict(enumerate(row.tolist())) for row in noisy)
        (contrast,) = compare(costs(whole=whole, twin=twin))
        found.append(contrast.difference)
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found))


@pytest.mark.parametrize("lost", [("control", 1), ("a", 1)])
def test_a_measurement_that_is_no_number_is_left_out_and_named_and_spoils_no_other(lost: tuple[str, int]) -> None:
    values = {("control", seed): 10.0 + seed for seed in range(3)} | {("a", seed): 5.0 + seed for seed in range(3)}
    claim = Claim(
        metric="latency",
        split="inference",
        over="seeds",
        control="control",
        which="a",
        direction="better",
        smallest=0.0,
    )
    (contrast,) = cost_contrasts(Costs(("control", "a"), values | {lost: math.nan}), claim)
    assert contrast.left_out == (lost,)
    assert contrast.seeds == contrast.control_seeds == (0, 2)
    assert contrast.has_interval
