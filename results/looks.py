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
from results.measure import measure
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
    """

    contrasts: tuple[Contrast, ...]
    taken: tuple[int, ...]
    asked: Mapping[str, int]
    is_over: bool


def looks_at_scores(predictions: Predictions, claim: Claim, resamples: int = RESAMPLES, seed: int = 0) -> Course:
    """Take the looks that there are results for; the clips are drawn once for all of them.

    Args:
        resamples, seed: as in `results.contrast.contrasts`.
    """
    measured = cache(partial(measure, predictions, claim, resamples, seed))

    def compare(seeds: int, stopped: Mapping[str, Contrast]) -> list[Contrast]:
        return compare_measured(measured().first(seeds), claim, predictions.arms, predictions.repeated, stopped)

    return take_looks(claim, predictions.arms, predictions.scores, compare)


def looks_at_costs(costs: Costs, claim: Claim) -> Course:
    """Take the looks that there are measurements for."""
    there: dict[str, list[int]] = {}
    for arm, seed in costs.values:
        there.setdefault(arm, []).append(seed)
    return take_looks(
        claim, costs.arms, there, lambda seeds, stopped: cost_contrasts(costs.first(seeds), claim, stopped)
    )


def answer_looks(claim: Claim, course: Course) -> Answer:
    """Answer by the looks that were taken; what was trained for the next one counts when it is whole."""
    if not course.taken:
        return Answer("undecided", wording.before_looks(claim), ())
    answer = answer_claim(claim, course.contrasts)
    after = "" if course.is_over else f" {wording.look_to_come(claim.looks[len(course.taken)])}"
    note = f"{answer.note} {_note(claim, course)}"
    return replace(answer, sentence=answer.sentence + after, note=note, looks=course.taken)


def take_looks(claim: Claim, arms: Sequence[str], there: Mapping[str, Collection[int]], compare: Compare) -> Course:
    """Take one look after another, as far as there are results of all that it is about.

    Args:
        arms: all that are planned.
        there: arm -> the seeds that it has results of.
    """
    asked = dict.fromkeys(arms, claim.looks[0])
    contrasts: tuple[Contrast, ...] = ()
    stopped: dict[str, Contrast] = {}
    for number, seeds in enumerate(claim.looks):
        new = [arm for arm in arms if asked[arm] == seeds]
        if not all(set(range(seeds)) <= set(there.get(arm, ())) for arm in new):
            return Course(contrasts, claim.looks[:number], asked, is_over=False)
        contrasts = tuple(compare(seeds, stopped))
        going_on = list_going_on(claim, contrasts)
        stopped = {contrast.arm: contrast for contrast in contrasts if contrast.arm not in going_on}
        if not going_on or seeds == claim.looks[-1]:
            break
        asked |= dict.fromkeys((term for arm in going_on for term in claim.terms(arm)), claim.looks[number + 1])
    return Course(contrasts, claim.looks[: number + 1], asked, is_over=True)


def list_going_on(claim: Claim, contrasts: Sequence[Contrast]) -> tuple[str, ...]:
    """Name the arms that get more seeds: those of the claim that are open and that seeds can decide; none if it is."""
    claimed = [contrast for contrast in contrasts if contrast.is_claimed]
    places = {contrast.arm: place(claim, contrast.low, contrast.high) for contrast in claimed}
    if decide(claim, places.values()) != "undecided":
        return ()
    return tuple(
        contrast.arm
        for contrast in claimed
        if places[contrast.arm] == "open" and not seeds_cannot_decide(contrast, claim.smallest)
    )


def _note(claim: Claim, course: Course) -> str:
    """Say which looks were taken, which arms stopped when, and why, and in the end what that saved."""
    claimed = [contrast for contrast in course.contrasts if contrast.is_claimed]
    hopeless = [
        contrast.arm
        for contrast in claimed
        if place(claim, contrast.low, contrast.high) == "open" and seeds_cannot_decide(contrast, claim.smallest)
    ]
    ends = {seeds: [arm for arm, own in course.asked.items() if own == seeds] for seeds in course.taken[:-1]}
    told = [wording.looks_taken(course.taken, claim.looks)]
    told += [wording.stopped_at(seeds, arms) for seeds, arms in ends.items() if arms]
    told += [wording.seeds_are_wasted(hopeless)] if hopeless else []
    told += [wording.trainings(course.asked, claim.looks[-1])] if course.is_over else []
    return " ".join(told)
