"""The words of an answer: the sentence and the note, from the claim and its contrasts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from results.claim import ALL, ANY, Claim

if TYPE_CHECKING:
    from results.contrast import Contrast
    from results.measure import Model


def sentence(
    claim: Claim, verdict: str, claimed: Sequence[Contrast], places: Mapping[str, str], outlook: str = ""
) -> str:
    """Say the verdict in one sentence, with the numbers of the arm that it hangs on.

    Args:
        claimed: the contrasts that the claim is about.
        places: where each arm's interval lies (`answer.place`).
        outlook: what would decide an undecided claim.
    """
    if not claimed:
        return f"Undecided: there is no arm to compare with {compared_with(claim)}."
    words = _SENTENCES[verdict](claim, claimed, places)
    return f"{verdict.capitalize()}: {words}{f'; {outlook}' if outlook else ''}."


def note(claim: Claim, verdict: str, claimed: Sequence[Contrast]) -> str:
    """Say what a reader must know besides the sentence: what is missing, left out, unpaired, excluded or corrected."""
    told = [
        *_missing(claim, claimed),
        *_left_out(claimed),
        *_without_interval(claimed),
        *_unpaired(claimed),
        *_single_split(claim, claimed),
        *_absent(claimed),
        *(_excluded(claim, claimed) if verdict == "undecided" else []),
    ]
    by = " and ".join(sorted({contrast.correction for contrast in claimed}))
    corrected = [f"{len(claimed)} arms ({by})"] * (len(claimed) > 1) + [f"{len(claim.looks)} looks"] * (
        len(claim.looks) > 1
    )
    if corrected:
        told.append(f"Intervals and p are corrected for {' and '.join(corrected)}.")
    return " ".join(told)


def sealed(split: str, edition: str) -> str:
    """Say how a claim about a sealed split is answered."""
    return (
        f"Undecided: the claim is about {split}, which is sealed. `study reveal {edition}` opens the test splits "
        f"for all arms at once and for ever; then `study report {edition}` answers."
    )


def before_looks(claim: Claim) -> str:
    """Say how a claim is answered before the first look."""
    return f"Undecided: the first look, at {_count(claim.looks[0])} of every arm, needs trainings that have no result."


def looks_taken(taken: Sequence[int], planned: Sequence[int]) -> str:
    """Say which looks were taken: ``Look 2 of 4, at 3 and then 5 seeds.``"""
    return f"Look {len(taken)} of {len(planned)}, at {_then(taken)}."


def stopped_at(seeds: int, arms: Sequence[str]) -> str:
    """Say which arms got no more seeds, and are judged by those that they have."""
    return f"Stopped at {_count(seeds)}: {', '.join(arms)}."


def failed(models: Sequence[Model]) -> str:
    """Say which trainings failed: ``Failed, and so left out: count=1 seed 2.``"""
    return f"Failed, and so left out: {_trainings(models)}."


def seeds_are_wasted(arms: Sequence[str]) -> str:
    """Say that arms stay open because their clips are too few."""
    return f"No number of seeds decides these, for their activities are too few: {', '.join(arms)}."


def trainings(asked: Mapping[str, int], most: int) -> str:
    """Say how many trainings the looks took, and how many fixed seeds would have: ``21 instead of 60``.

    Args:
        asked: arm -> seeds.
        most: seeds of every arm at the last look.
    """
    return f"{sum(asked.values())} trainings instead of {most * len(asked)} ({most} seeds for all)."


def look_to_come(seeds: int) -> str:
    """Say that there is a look to come."""
    return f"The look at {_count(seeds)} is to come."


def more_seeds(number: int) -> str:
    """Say how many seeds would decide a claim."""
    return f"about {number} more seed{'s' * (number > 1)} would decide it"


def too_few_activities(contrast: Contrast) -> str:
    """Say that the clips are what keeps a claim open, and which."""
    part = max(contrast.clips, key=lambda part: part.variance)
    kind = part.split.partition("_")[2]
    return f"no number of seeds decides this: {part.activities} {kind} activities are too few"


def compared_with(claim: Claim) -> str:
    """Name what arms are compared with: the control, or that of their own group, and for a change what else."""
    if not claim.controls:
        return claim.control
    changed = f", beyond the difference with {claim.here}," if claim.counterparts else ""
    return f"{claim.held} at the same {claim.within}{changed}"


def relation(claim: Claim) -> str:
    """Say how arms are said to compare: ``better than count=20``, ``better against count=20 than with seen=all``."""
    if claim.direction == "equivalent":
        return f"equivalent to {compared_with(claim)}"
    return _against(claim, _word(claim, claim.direction))


def _against(claim: Claim, word: str) -> str:
    if claim.counterparts:
        return f"{word} against {claim.held} than with {claim.here}"
    return f"{word} than {compared_with(claim)}"


def too_many_seeds() -> str:
    """Say that seeds would decide a claim, if there were thousands."""
    from results.power import MOST_SEEDS

    return f"more than {MOST_SEEDS:,} seeds would be needed to decide it"


def _supported(claim: Claim, claimed: Sequence[Contrast], places: Mapping[str, str]) -> str:
    winners = [contrast for contrast in claimed if places[contrast.arm] == "claimed"]
    statement = _statement(claim)
    if len(winners) == 1:
        return f"{winners[0].arm} is {statement} ({_numbers(claim, winners[0])})"
    if claim.which == ALL:
        return f"all {len(claimed)} arms are {statement} ({_least(claim, claimed)})"
    return f"{len(winners)} of {len(claimed)} arms are {statement} ({_best(claim, winners)})"


def _refuted(claim: Claim, claimed: Sequence[Contrast], places: Mapping[str, str]) -> str:
    statement = _statement(claim)
    if claim.which == ANY:
        return f"no arm is {statement} ({_best(claim, claimed)})"
    against = [contrast for contrast in claimed if places[contrast.arm] in ("contrary", "equivalent")]
    worst = min(against, key=lambda contrast: _towards(claim, contrast))
    if claim.which == ALL:
        is_contrary = places[worst.arm] == "contrary"
        what = _other_side(claim).split()[0] if is_contrary else "equivalent"
        return f"not every arm is {statement}: {worst.arm} is {what} ({_numbers(claim, worst)})"
    by = f" by {_amount(claim)}" if claim.smallest else ""
    is_other = f"{_other_side(claim)}{by}{_where(claim)}"
    return f"{worst.arm} is {is_other} ({_numbers(claim, worst)})"


def _equivalent(claim: Claim, claimed: Sequence[Contrast], _: Mapping[str, str]) -> str:
    within = f"by less than {_amount(claim)}{_where(claim)}"
    if len(claimed) == 1:
        return f"{claimed[0].arm} and {compared_with(claim)} differ {within} ({_numbers(claim, claimed[0])})"
    largest = max(claimed, key=lambda contrast: abs(contrast.difference))
    most = f"most: {largest.arm}, {_numbers(claim, largest)}"
    return f"all {len(claimed)} arms differ from {compared_with(claim)} {within} ({most})"


def _undecided(claim: Claim, claimed: Sequence[Contrast], _: Mapping[str, str]) -> str:
    statement = _statement(claim)
    measured = [contrast for contrast in claimed if not math.isnan(contrast.difference)]
    if claim.which not in (ANY, ALL):
        told = _numbers(claim, claimed[0]) if measured else "no results"
        return f"{claim.which} is not shown to be {statement} ({told})"
    who = "no arm is shown" if claim.which == ANY else "not every arm is shown"
    told = (_best if claim.which == ANY else _least)(claim, measured) if measured else "no results"
    return f"{who} to be {statement} ({told})"


_SENTENCES: dict[str, Callable[[Claim, Sequence[Contrast], Mapping[str, str]], str]] = {
    "supported": _supported,
    "refuted": _refuted,
    "equivalent": _equivalent,
    "undecided": _undecided,
}


def _best(claim: Claim, contrasts: Sequence[Contrast]) -> str:
    best = max(contrasts, key=lambda contrast: _towards(claim, contrast))
    return f"{_extreme(claim, 'best')}: {best.arm}, {_numbers(claim, best)}"


def _least(claim: Claim, contrasts: Sequence[Contrast]) -> str:
    least = min(contrasts, key=lambda contrast: _towards(claim, contrast))
    return f"{_extreme(claim, 'least')}: {least.arm}, {_numbers(claim, least)}"


def _extreme(claim: Claim, which: str) -> str:
    if claim.direction == "equivalent":
        return {"best": "closest", "least": "farthest"}[which]
    return which if claim.direction == "better" else {"best": "worst", "least": "least"}[which]


def _towards(claim: Claim, contrast: Contrast) -> float:
    """Say how far a difference goes the way of the claim."""
    if claim.direction == "equivalent":
        return -abs(contrast.difference)
    return -contrast.difference if claim.says_lower else contrast.difference


def _count(seeds: int) -> str:
    return f"{seeds} seed{'s' * (seeds != 1)}"


def _then(seeds: Sequence[int]) -> str:
    """Say numbers of seeds one after another: ``3 seeds``, ``3, 5 and then 8 seeds``."""
    *earlier, last = seeds
    return f"{', '.join(map(str, earlier))} and then {_count(last)}" if earlier else _count(last)


def _by(claim: Claim) -> str:
    if claim.direction == "equivalent":
        return f" within {_amount(claim)}"
    return f" by {_amount(claim)}" if claim.smallest else ""


def _amount(claim: Claim) -> str:
    return claim.facts.amount(claim.smallest)


def _statement(claim: Claim) -> str:
    """Say what an arm is said to be: ``better than count=20 by 1.0 mAP point on val``."""
    return f"{relation(claim)}{_by(claim)}{_where(claim)}"


def _other_side(claim: Claim) -> str:
    if claim.direction == "equivalent":
        return f"different from {compared_with(claim)}"
    return _against(claim, _word(claim, "worse" if claim.direction == "better" else "better"))


def _word(claim: Claim, direction: str) -> str:
    """Name a direction by the metric: ``better`` in latency is ``faster``."""
    return {"better": claim.facts.better, "worse": claim.facts.worse}.get(direction, direction)


def _where(claim: Claim) -> str:
    return " at inference" if claim.is_about_cost else f" on {claim.split}"


def _numbers(claim: Claim, contrast: Contrast) -> str:
    seeds = _count(len(contrast.seeds))
    if not contrast.is_paired and contrast.seeds:
        seeds = f"{len(contrast.seeds)} and {len(contrast.control_seeds)} unpaired seeds"
    interval = f" [{contrast.low:.1f}, {contrast.high:.1f}]" if contrast.has_interval else " without an interval"
    return f"{contrast.difference:+.1f}{claim.facts.sign}{interval}, {seeds}"


def _missing(claim: Claim, claimed: Sequence[Contrast]) -> list[str]:
    left = [contrast for contrast in claimed if not (contrast.seeds and contrast.control_seeds)]
    if any(not contrast.control_seeds for contrast in left):
        return [f"The control {claim.control} has no results."]
    return [f"No results: {', '.join(contrast.arm for contrast in left)}."] if left else []


def _left_out(claimed: Sequence[Contrast]) -> list[str]:
    models = sorted({model for contrast in claimed for model in contrast.left_out})
    return [f"Left out, because their scores are not numbers: {_trainings(models)}."] if models else []


def _trainings(models: Sequence[Model]) -> str:
    return ", ".join(f"{arm} seed {seed}" for arm, seed in models)


def _without_interval(claimed: Sequence[Contrast]) -> list[str]:
    lone = [c.arm for c in claimed if c.seeds and c.control_seeds and min(len(c.seeds), len(c.control_seeds)) == 1]
    told = [f"One seed to compare gives no spread over seeds and no interval: {', '.join(lone)}."] if lone else []
    single = sorted({part.split for c in claimed for part in c.clips if part.activities == 1 and part.variance != 0})
    if single:
        told.append(f"One activity tells nothing about others, so there is no interval: {', '.join(single)}.")
    return told


def _unpaired(claimed: Sequence[Contrast]) -> list[str]:
    arms = [
        contrast.arm for contrast in claimed if contrast.seeds and contrast.control_seeds and not contrast.is_paired
    ]
    if not arms:
        return []
    return [f"Compared unpaired (Welch), for want of two seeds shared with the control: {', '.join(arms)}."]


def _single_split(claim: Claim, claimed: Sequence[Contrast]) -> list[str]:
    there = {part.split for contrast in claimed for part in contrast.clips}
    if not there or there == set(claim.splits):
        return []
    absent = ", ".join(split for split in claim.splits if split not in there)
    return [f"{claim.split} is {', '.join(there)} alone: the data have no {absent}."]


def _absent(claimed: Sequence[Contrast]) -> list[str]:
    """Tell of splits in which labels have no positive clip, so that their mean is over fewer labels."""
    absent = sorted({(part.split, part.absent) for contrast in claimed for part in contrast.clips if part.absent})
    where = ", ".join(f"{number} on {split}" for split, number in absent)
    return [f"Labels without a positive clip are in no mean: {where}."] if absent else []


def _excluded(claim: Claim, claimed: Sequence[Contrast]) -> list[str]:
    """Name the arms that cannot be what is claimed, although it is open what they are instead."""
    if claim.direction == "equivalent":
        return []
    if claim.says_lower:
        arms = [contrast.arm for contrast in claimed if contrast.low > -claim.smallest]
    else:
        arms = [contrast.arm for contrast in claimed if contrast.high < claim.smallest]
    word = _word(claim, claim.direction)
    return [f"Already excluded: {', '.join(arms)} {word}{_by(claim)} or more."] if arms else []


def percent(share: float) -> str:
    """Write a share of a whole: ``45 %``."""
    return f"{share:.0%}".replace("%", " %")
