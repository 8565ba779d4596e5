import itertools
import math
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import pytest

from results.answer import TRUTH, Place, answer_claim, decide, place
from results.claim import Claim
from results.contrast import ClipPart, Contrast, contrasts
from tests.results.made_contrasts import make_contrast, without_results
from tests.results.made_predictions import Spread, make_predictions

PLACES: tuple[Place, ...] = get_args(Place)
NO_INTERVAL = {"low": math.nan, "high": math.nan}


def claim(which: str = "any", direction: str = "better", **changes: Any) -> Claim:
    named: dict[str, Any] = {"control": "20", "which": which, "direction": direction, "smallest": 1.0}
    return Claim(**named | changes)


def contrast_at(arm: str, where: Place) -> Contrast:
    """Make a contrast in a place as seen from `better by 1.0`."""
    return make_contrast(arm, {"claimed": 3.0, "equivalent": 0.0, "contrary": -3.0, "open": 1.0}[where], 0.5)


def truth(which: str, places: Sequence[Place]) -> str:
    """State the truth table a second time, as rules."""
    if all(found == "equivalent" for found in places):
        return "equivalent"
    if which == "any":
        return "supported" if "claimed" in places else "undecided" if "open" in places else "refuted"
    if all(found == "claimed" for found in places):
        return "supported"
    is_mixed = "claimed" in places and "equivalent" in places
    return "refuted" if "contrary" in places or is_mixed else "undecided" if "open" in places else "refuted"


@pytest.mark.parametrize("which", ["any", "all"])
@pytest.mark.parametrize("arms", [1, 2, 3, 4])
def test_every_combination_of_places_has_its_verdict(which: str, arms: int) -> None:
    for places in itertools.product(PLACES, repeat=arms):
        found = [contrast_at(f"arm{number}", where) for number, where in enumerate(places)]
        assert answer_claim(claim(which), found).verdict == truth(which, places), places


def test_the_table_has_one_row_for_every_set_of_places() -> None:
    sets = [" ".join(found) for size in range(1, 5) for found in itertools.combinations(PLACES, size)]
    assert sorted(TRUTH) == sorted(sets)


@pytest.mark.parametrize("where", PLACES)
def test_the_claim_about_one_arm_hangs_on_that_arm_alone(where: Place) -> None:
    verdict = {"claimed": "supported", "equivalent": "equivalent", "contrary": "refuted", "open": "undecided"}[where]
    others = [make_contrast(f"arm{number}", 3.0 * number - 3.0, 0.5, is_claimed=False) for number in range(3)]
    assert answer_claim(claim("5"), [*others, contrast_at("5", where)]).verdict == verdict


@pytest.mark.parametrize("which", ["any", "all"])
def test_no_verdict_changes_when_open_arms_are_decided(which: str) -> None:
    for places in itertools.product(PLACES, repeat=4):
        before = decide(claim(which), places)
        for resolved in itertools.product(PLACES[:3], repeat=places.count("open")):
            chosen = iter(resolved)
            after = decide(claim(which), [next(chosen) if where == "open" else where for where in places])
            assert before in ("undecided", after)
            assert after != "undecided"


@pytest.mark.parametrize(
    ("low", "high", "better", "worse", "equivalent"),
    [
        (1.1, 3.0, "claimed", "contrary", "contrary"),
        (-0.9, 0.9, "equivalent", "equivalent", "claimed"),
        (-3.0, -1.1, "contrary", "claimed", "contrary"),
        (0.5, 3.0, "open", "open", "open"),
        (-5.0, 0.2, "open", "open", "open"),
        (-5.0, 5.0, "open", "open", "open"),
        (1.0, 2.0, "open", "open", "open"),
        (-1.0, 0.0, "open", "open", "open"),
        (math.nan, math.nan, "open", "open", "open"),
    ],
)
def test_an_interval_has_its_place_for_each_direction(
    low: float, high: float, better: str, worse: str, equivalent: str
) -> None:
    found = [place(claim(direction=direction), low, high) for direction in ("better", "worse", "equivalent")]
    assert found == [better, worse, equivalent]


@pytest.mark.parametrize("low", [-2.0, 0.5])
def test_without_a_margin_nothing_is_equivalent(low: float) -> None:
    found = place(claim(smallest=0.0), low, low + 1)
    assert found == ("contrary" if low < 0 else "claimed")


SENTENCES: list[tuple[Claim, list[Contrast], str]] = [
    (
        claim(),
        [make_contrast("5", -0.5, 3.0), make_contrast("10", 0.8, 2.9), make_contrast("40", 0.2, 4.0)],
        "Undecided: no arm is shown to be better than 20 by 1.0 mAP point on val "
        "(best: 10, +0.8 [-2.1, 3.7], 3 seeds); about 267 more seeds would decide it.",
    ),
    (
        claim("all"),
        [make_contrast("5", -0.5, 3.0), make_contrast("10", 4.0, 2.0)],
        "Undecided: not every arm is shown to be better than 20 by 1.0 mAP point on val "
        "(least: 5, -0.5 [-3.5, 2.5], 3 seeds); about 45 more seeds would decide it.",
    ),
    (
        claim("5", split="val_unseen", smallest=0.0),
        [make_contrast("5", 1.0, 1.05)],
        "Undecided: 5 is not shown to be better than 20 on val_unseen (+1.0 [-0.1, 2.0], 3 seeds); "
        "about 1 more seed would decide it.",
    ),
    (
        claim("5", "worse"),
        [make_contrast("5", -3.0, 1.5)],
        "Supported: 5 is worse than 20 by 1.0 mAP point on val (-3.0 [-4.5, -1.5], 3 seeds).",
    ),
    (
        claim("all", smallest=0.25),
        [make_contrast("5", 3.0, 1.5), make_contrast("10", 2.0, 1.5)],
        "Supported: all 2 arms are better than 20 by 0.25 mAP points on val (least: 10, +2.0 [0.5, 3.5], 3 seeds).",
    ),
    (
        claim(),
        [make_contrast("5", 3.0, 1.5), make_contrast("10", 2.0, 0.5), make_contrast("40", 0.0, 4.0)],
        "Supported: 2 of 3 arms are better than 20 by 1.0 mAP point on val (best: 5, +3.0 [1.5, 4.5], 3 seeds).",
    ),
    (
        claim("any", "equivalent", smallest=2.0),
        [make_contrast("5", 0.5, 1.0), make_contrast("10", 6.0, 1.0)],
        "Supported: 5 is equivalent to 20 within 2.0 mAP points on val (+0.5 [-0.5, 1.5], 3 seeds).",
    ),
    (
        claim(),
        [make_contrast("5", -3.0, 1.5), make_contrast("10", 0.1, 0.5)],
        "Refuted: no arm is better than 20 by 1.0 mAP point on val (best: 10, +0.1 [-0.4, 0.6], 3 seeds).",
    ),
    (
        claim("all"),
        [make_contrast("5", 3.0, 1.5), make_contrast("10", 0.1, 0.5)],
        "Refuted: not every arm is better than 20 by 1.0 mAP point on val: 10 is equivalent "
        "(+0.1 [-0.4, 0.6], 3 seeds).",
    ),
    (
        claim("5", "equivalent"),
        [make_contrast("5", 3.0, 1.5)],
        "Refuted: 5 is different from 20 by 1.0 mAP point on val (+3.0 [1.5, 4.5], 3 seeds).",
    ),
    (
        claim("5"),
        [make_contrast("5", 0.1, 0.5)],
        "Equivalent: 5 and 20 differ by less than 1.0 mAP point on val (+0.1 [-0.4, 0.6], 3 seeds).",
    ),
    (
        claim("all"),
        [make_contrast("5", 0.1, 0.5), make_contrast("10", -0.3, 0.5)],
        "Equivalent: all 2 arms differ from 20 by less than 1.0 mAP point on val "
        "(most: 10, -0.3 [-0.8, 0.2], 3 seeds).",
    ),
    (
        claim("5"),
        [make_contrast("5", 4.0, math.nan, **NO_INTERVAL, seeds=(0,), control_seeds=(0,))],
        "Undecided: 5 is not shown to be better than 20 by 1.0 mAP point on val (+4.0 without an interval, 1 seed).",
    ),
    (
        claim("5"),
        [without_results("5")],
        "Undecided: 5 is not shown to be better than 20 by 1.0 mAP point on val (no results).",
    ),
    (claim(), [], "Undecided: there is no arm to compare with 20."),
]


@pytest.mark.parametrize(("asked", "found", "sentence"), SENTENCES, ids=[case[2] for case in SENTENCES])
def test_the_answer_is_one_sentence_with_the_numbers(asked: Claim, found: list[Contrast], sentence: str) -> None:
    assert answer_claim(asked, found).sentence == sentence


def test_too_few_activities_are_named_instead_of_a_number_of_seeds() -> None:
    clips = (ClipPart("val_seen", 12, 0.5), ClipPart("val_unseen", 7, 4.0))
    wide = make_contrast("5", 2.0, 5.0, clips=clips, se_clips=math.sqrt(4.5))
    found = answer_claim(claim("5"), [wide])
    assert found.further_seeds is None
    assert found.sentence.endswith("; no number of seeds decides this: 7 unseen activities are too few.")


def test_a_difference_next_to_the_margin_asks_for_more_than_a_thousand_seeds() -> None:
    found = answer_claim(claim("5"), [make_contrast("5", 1.001, 5.0)])
    assert found.further_seeds is None
    assert found.sentence.endswith("; more than 1,000 seeds would be needed to decide it.")


def test_the_seeds_that_decide_a_claim_about_any_arm_are_those_of_its_quickest_winner() -> None:
    slow, quick = make_contrast("5", 1.5, 4.0), make_contrast("10", 4.0, 4.0)
    alone = answer_claim(claim("10"), [quick])
    assert answer_claim(claim(), [slow, quick]).further_seeds == alone.further_seeds
    assert answer_claim(claim("all"), [slow, quick]).further_seeds == answer_claim(claim("5"), [slow]).further_seeds


def test_a_decided_claim_asks_for_no_seeds() -> None:
    assert answer_claim(claim(), [make_contrast("5", 3.0, 1.0), make_contrast("10", 1.0, 9.0)]).further_seeds is None


NOTES: list[tuple[Claim, Contrast, str]] = [
    (claim("5"), without_results("5"), "No results: 5."),
    (claim("5"), make_contrast("5", math.nan, math.nan, control_seeds=()), "The control 20 has no results."),
    (
        claim("5"),
        make_contrast("5", 1.0, 1.0, left_out=(("20", 0), ("5", 2))),
        "Left out, because their scores are not numbers: 20 seed 0, 5 seed 2.",
    ),
    (
        claim("5"),
        make_contrast("5", 4.0, math.nan, **NO_INTERVAL, seeds=(0,), control_seeds=(0,)),
        "One seed to compare gives no spread over seeds and no interval: 5.",
    ),
    (
        claim("5"),
        make_contrast("5", 4.0, math.nan, **NO_INTERVAL, clips=(ClipPart("val_unseen", 1, math.nan),)),
        "One activity tells nothing about others, so there is no interval: val_unseen.",
    ),
    (
        claim("5"),
        make_contrast("5", 4.0, 9.0, is_paired=False, control_seeds=(3, 4)),
        "Compared unpaired (Welch), for want of two seeds shared with the control: 5.",
    ),
    (
        claim("5"),
        make_contrast("5", 4.0, 9.0, clips=(ClipPart("val_seen", 5, 0.0),)),
        "val is val_seen alone: the data have no val_unseen.",
    ),
    (
        claim("5"),
        make_contrast("5", 4.0, 9.0, clips=(ClipPart("val_seen", 5, 0.0), ClipPart("val_unseen", 7, 0.0, absent=2))),
        "Labels without a positive clip are in no mean: 2 on val_unseen.",
    ),
    (claim("5"), make_contrast("5", -2.0, 2.5), "Already excluded: 5 better by 1.0 mAP point or more."),
    (claim("5", "worse"), make_contrast("5", 2.0, 2.5), "Already excluded: 5 worse by 1.0 mAP point or more."),
    (claim("any"), make_contrast("5", 3.0, 1.0), "Intervals and p are corrected for 2 arms (Holm)."),
    (
        claim("any"),
        make_contrast("5", 3.0, 1.0, correction="max-T"),
        "Intervals and p are corrected for 2 arms (Holm and max-T).",
    ),
]


@pytest.mark.parametrize(("asked", "contrast", "note"), NOTES, ids=[case[2] for case in NOTES])
def test_the_note_tells_what_the_sentence_cannot(asked: Claim, contrast: Contrast, note: str) -> None:
    found = answer_claim(asked, [contrast, make_contrast("10", 3.0, 0.1, is_claimed=asked.which == "any")])
    assert note in found.note


def test_a_plain_answer_has_no_note() -> None:
    assert answer_claim(claim("5"), [make_contrast("5", 3.0, 1.0)]).note == ""


def test_an_arm_without_results_is_never_part_of_all() -> None:
    found = answer_claim(claim("all"), [make_contrast("5", 3.0, 1.0), without_results("10")])
    assert (found.verdict, found.further_seeds) == ("undecided", None)
    assert "No results: 10." in found.note


def test_the_control_trained_again_is_neither_better_nor_worse() -> None:
    verdicts = []
    for seed in range(20):
        predictions = make_predictions(np.random.default_rng(seed), spread=Spread(arm_with_activity=0, arm_with_clip=0))
        asked = claim("arm", control="control", smallest=2.0)
        verdicts.append(answer_claim(asked, contrasts(predictions, asked, 200)).verdict)
    assert set(verdicts) <= {"undecided", "equivalent"}


def test_an_arm_that_is_much_better_is_found_better_and_its_mirror_image_worse() -> None:
    gains = {"control": 0.0, "strong": 2.0}
    predictions = make_predictions(np.random.default_rng(0), gains, range(5), spread=Spread(seed=0.1))
    for direction, verdict in (("better", "supported"), ("worse", "refuted"), ("equivalent", "refuted")):
        asked = claim("strong", direction, control="control", smallest=2.0)
        assert answer_claim(asked, contrasts(predictions, asked, 200)).verdict == verdict
    mirrored = claim("control", "worse", control="strong", smallest=2.0)
    assert answer_claim(mirrored, contrasts(predictions, mirrored, 200)).verdict == "supported"
