"""Seeds until decided: a study looks at its results at fixed numbers of seeds, and goes on where that may tell more.

Each look may use up an even share of the claim's alpha, so that looking several times claims no more falsely than
looking once (`results.contrast.compare_measured` says why). Between looks nothing is decided. What a look decides is a
function of the results of its seeds alone, and of the looks before it: whoever asks again, and whatever was trained
since, gets the same.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from results import wording
from results.answer import Answer, answer_claim, decide, place
from results.bootstrap import RESAMPLES
from results.claim import Claim
from results.contrast import Contrast, compare_measured
from results.cost import Costs, cost_contrasts
from results.frame import Predictions
from results.measure import Model, measure
from results.power import seeds_cannot_decide

LOOKS = (3, 5, 8, 12)
"""Seeds at each look."""

Compare = Callable[[int, Mapping[str, Contrast]], Sequence[Contrast]]
"""Compares all arms by their first so many seeds, but for those that stopped, whose contrasts are given."""


@dataclass(frozen=True)
class Course:
    """How far the looks of a study have come.

    Attributes:
        contrasts: of every arm: as they were at the look at which it stopped, else at the last one that was taken.
        taken: the seeds of the looks that were taken.
        asked: arm -> how many seeds it is to have for the next look, or had when it stopped.
        is_over: no more seeds are asked for.
        wasted: the arms that stopped because no number of seeds decides them.
        failed: the trainings of these looks that failed.
    """

    contrasts: tuple[Contrast, ...]
    taken: tuple[int, ...]
    asked: Mapping[str, int]
    is_over: bool
    wasted: tuple[str, ...] = ()
    failed: tuple[Model, ...] = ()


def looks_at_scores(
    predictions: Predictions,
    claim: Claim,
    failed: Collection[Model] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Course:
    """Take the looks that there are results for; the clips are drawn once for all of them.

    Args:
        failed: as in `take_looks`.
        resamples, seed: as in `results.contrast.contrasts`.
    """
    measured = cache(partial(measure, predictions, claim, resamples, seed))

    def compare(seeds: int, stopped: Mapping[str, Contrast]) -> list[Contrast]:
        return compare_measured(measured().first(seeds), claim, predictions.arms, predictions.repeated, stopped)

    there = {(arm, number) for arm, seeds in predictions.scores.items() for number in seeds}
    return take_looks(claim, predictions.arms, there, failed, compare)


def looks_at_costs(costs: Costs, claim: Claim, failed: Collection[Model] = ()) -> Course:
    """Take the looks that there are measurements for.

    Args:
        failed: as in `take_looks`.
    """

    def compare(seeds: int, stopped: Mapping[str, Contrast]) -> list[Contrast]:
        return cost_contrasts(costs.first(seeds), claim, stopped)

    return take_looks(claim, costs.arms, costs.values.keys(), failed, compare)


def answer_looks(claim: Claim, course: Course) -> Answer:
    """Answer by the looks that were taken; what was trained for the next one counts when it is whole."""
    if not course.taken:
        return Answer("undecided", wording.before_looks(claim), ())
    answer = answer_claim(claim, course.contrasts)
    after = "" if course.is_over else f" {wording.look_to_come(claim.looks[len(course.taken)])}"
    note = f"{answer.note} {_note(claim, course)}"
    return replace(answer, sentence=answer.sentence + after, note=note, looks=course.taken)


def take_looks(
    claim: Claim, arms: Sequence[str], there: Collection[Model], failed: Collection[Model], compare: Compare
) -> Course:
    """Take one look after another, as far as all trainings that it is about have ended.

    A look does not wait for a training that failed, since it may fail however often it is repeated: it compares the
    seeds that both arms have, as a study of fixed seeds does.

    Args:
        arms: all that are planned.
        there: trainings that have results.
        failed: trainings that ended without any.
    """
    asked = dict.fromkeys(arms, claim.looks[0])
    contrasts: tuple[Contrast, ...] = ()
    taken: tuple[int, ...] = ()
    wasted: tuple[str, ...] = ()
    stopped: dict[str, Contrast] = {}
    is_over = False
    for number, seeds in enumerate(claim.looks, start=1):
        new = {(arm, seed) for arm in arms if asked[arm] == seeds for seed in range(seeds)}
        if not new <= {*there, *failed}:
            break
        contrasts, taken = tuple(compare(seeds, stopped)), claim.looks[:number]
        wasted = list_wasted(claim, contrasts)
        going_on = list_going_on(claim, contrasts, wasted)
        is_over = not going_on or taken == claim.looks
        if is_over:
            break
        stopped = {contrast.arm: contrast for contrast in contrasts if contrast.arm not in going_on}
        asked |= dict.fromkeys((term for arm in going_on for term in claim.terms(arm)), claim.looks[number])
    lost = sorted((arm, seed) for arm, seed in failed if seed < min(asked[arm], max(taken, default=0)))
    return Course(contrasts, taken, asked, is_over, wasted, tuple(lost))


def list_wasted(claim: Claim, contrasts: Sequence[Contrast]) -> tuple[str, ...]:
    """Name the arms of the claim that are open and that no number of seeds decides."""
    return tuple(
        contrast.arm
        for contrast in contrasts
        if contrast.is_claimed
        and place(claim, contrast.low, contrast.high) == "open"
        and seeds_cannot_decide(contrast, claim.smallest)
    )


def list_going_on(claim: Claim, contrasts: Sequence[Contrast], wasted: Collection[str]) -> tuple[str, ...]:
    """Name the arms that get more seeds: those of the claim that are open, but for those without an interval.

    These have too few trainings that did not fail. None gets more if the claim is decided.

    Args:
        wasted: arms that no number of seeds decides.
    """
    claimed = [contrast for contrast in contrasts if contrast.is_claimed]
    places = {contrast.arm: place(claim, contrast.low, contrast.high) for contrast in claimed}
    if decide(claim, places.values()) != "undecided":
        return ()
    return tuple(
        contrast.arm
        for contrast in claimed
        if places[contrast.arm] == "open" and contrast.has_interval and contrast.arm not in wasted
    )


def _note(claim: Claim, course: Course) -> str:
    """Say which looks were taken, what failed, which arms stopped when, and why, and in the end what that saved."""
    ends = {seeds: [arm for arm, own in course.asked.items() if own == seeds] for seeds in course.taken[:-1]}
    told = [wording.looks_taken(course.taken, claim.looks)]
    told += [wording.failed(course.failed)] if course.failed else []
    told += [wording.stopped_at(seeds, arms) for seeds, arms in ends.items() if arms]
    told += [wording.seeds_are_wasted(course.wasted)] if course.wasted else []
    told += [wording.trainings(course.asked, claim.looks[-1])] if course.is_over else []
    return " ".join(told)
