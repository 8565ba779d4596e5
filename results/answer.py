"""Answers: what the contrasts say about a claim, in one word and one sentence.

Where an arm's interval lies, seen from the claim (the margin is the smallest difference that matters):

    claimed      beyond the margin on the side that the claim names; inside both margins for a claim of equivalence
    equivalent   inside both margins
    contrary     beyond the margin on the other side; on either side for a claim of equivalence
    open         across a margin, or no interval at all

An open arm never changes a verdict that stands without it: whatever its interval turns out to be, the verdict stays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from results import wording
from results.claim import ALL, Claim
from results.contrast import Contrast
from results.power import clips_decide_nothing, further_seeds

Verdict = Literal["supported", "refuted", "equivalent", "undecided"]
Place = Literal["claimed", "equivalent", "contrary", "open"]

TRUTH: dict[str, tuple[Verdict, Verdict]] = {
    # where the arms' intervals lie           any           all            one arm: the rows with a single place
    "claimed":                            ("supported",  "supported"),
    "equivalent":                         ("equivalent", "equivalent"),
    "contrary":                           ("refuted",    "refuted"),
    "open":                               ("undecided",  "undecided"),
    "claimed equivalent":                 ("supported",  "refuted"),
    "claimed contrary":                   ("supported",  "refuted"),
    "claimed open":                       ("supported",  "undecided"),
    "equivalent contrary":                ("refuted",    "refuted"),
    "equivalent open":                    ("undecided",  "undecided"),
    "contrary open":                      ("undecided",  "refuted"),
    "claimed equivalent contrary":        ("supported",  "refuted"),
    "claimed equivalent open":            ("supported",  "refuted"),
    "claimed contrary open":              ("supported",  "refuted"),
    "equivalent contrary open":           ("undecided",  "refuted"),
    "claimed equivalent contrary open":   ("supported",  "refuted"),
}  # fmt: skip
"""Places that occur -> verdicts of a claim about any arm and about all arms; none beyond these fifteen can occur."""


@dataclass(frozen=True)
class Answer:
    """What a study says about its claim.

    Attributes:
        sentence: one English sentence with the numbers.
        contrasts: every arm against the control, those the claim is not about included.
        further_seeds: seeds to add to every open arm and the control to decide an undecided claim with 80 % power, if
            the differences are as large as they look; None if it is decided, or if no number is known: sentence or
            note then say why.
        note: what a reader must know besides: what is missing, left out, corrected; empty if nothing.
        looks: the seeds of the looks that were taken; empty where the seeds are fixed.
    """

    verdict: Verdict
    sentence: str
    contrasts: tuple[Contrast, ...]
    further_seeds: int | None = None
    note: str = ""
    looks: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.sentence} {self.note}".strip()


def answer_claim(claim: Claim, contrasts: Sequence[Contrast]) -> Answer:
    """Decide `claim` by the truth table."""
    claimed = [contrast for contrast in contrasts if contrast.is_claimed]
    places: dict[str, Place] = {contrast.arm: place(claim, contrast.low, contrast.high) for contrast in claimed}
    verdict = decide(claim, places.values())
    further = _further(claim, claimed, places) if verdict == "undecided" else None
    outlook = _outlook(claim, claimed, further) if verdict == "undecided" else ""
    return Answer(
        verdict,
        wording.sentence(claim, verdict, claimed, places, outlook),
        tuple(contrasts),
        further,
        wording.note(claim, verdict, claimed),
    )


def answer_sealed(claim: Claim, edition: str) -> Answer:
    """Say that nothing can be said yet, because the claim's split is sealed."""
    return Answer("undecided", wording.sealed(claim.split, edition), ())


def place(claim: Claim, low: float, high: float) -> Place:
    """Say where an interval lies, seen from `claim`; NaN is open."""
    if claim.says_lower:
        low, high = -high, -low
    above, below = low > claim.smallest, high < -claim.smallest
    inside = low > -claim.smallest and high < claim.smallest
    if claim.direction == "equivalent":
        return "claimed" if inside else "contrary" if above or below else "open"
    return "claimed" if above else "equivalent" if inside else "contrary" if below else "open"


def decide(claim: Claim, places: Iterable[Place]) -> Verdict:
    """Look the verdict up in the truth table; undecided if there is no arm to compare."""
    found = set(places)
    if not found:
        return "undecided"
    about_any, about_all = TRUTH[" ".join(name for name in get_args(Place) if name in found)]
    return about_all if claim.which == ALL else about_any


def _further(claim: Claim, claimed: Sequence[Contrast], places: dict[str, Place]) -> int | None:
    """Find the fewest seeds after which enough open arms are decided, each where its difference lies now."""
    needed: dict[str, int] = {}
    expected = dict(places)
    for contrast in claimed:
        if places[contrast.arm] == "open" and contrast.has_interval:
            seeds = further_seeds(contrast, claim.smallest)
            if seeds is not None:
                needed[contrast.arm] = max(1, seeds)
                expected[contrast.arm] = place(claim, contrast.difference, contrast.difference)
    for seeds in sorted(set(needed.values())):
        then = {arm: expected[arm] if needed.get(arm, seeds + 1) <= seeds else places[arm] for arm in places}
        if decide(claim, then.values()) != "undecided":
            return seeds
    return None


def _outlook(claim: Claim, claimed: Sequence[Contrast], further: int | None) -> str:
    """Say what would decide an undecided claim."""
    if further is not None:
        return wording.more_seeds(further)
    if not claimed or not all(contrast.has_interval for contrast in claimed):
        return ""
    stuck = [contrast for contrast in claimed if clips_decide_nothing(contrast, claim.smallest)]
    if not stuck:
        return wording.too_many_seeds()
    return wording.too_few_activities(max(stuck, key=lambda contrast: contrast.se_clips))
