"""The top of a page: verdict, sentence, claim in words and the few numbers that weigh it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from reports import words
from reports.ran import Fact, Ran

if TYPE_CHECKING:
    from results.answer import Answer

SIGNS = {"supported": "✓", "refuted": "✕", "equivalent": "≈", "undecided": "?"}


@dataclass(frozen=True)
class Headline:
    """What the answer's card says.

    Attributes:
        sign: the verdict's mark, so that colour is not the only one.
        further: what would decide an undecided claim; empty otherwise.
    """

    verdict: str
    sign: str
    sentence: str
    note: str
    further: str
    claim: str
    declared: str
    facts: list[Fact]


@dataclass(frozen=True)
class Summary:
    """What the index shows of a page; it stands on the page as JSON.

    Attributes:
        arm: the arm of the leading contrast; None, as its numbers are, where there is none.
        difference, low, high: points.
        seeds: paired ones of that contrast.
        at: when the newest phase was done, else when the study was planned.
    """

    edition: str
    study: str
    profile: str
    data: str
    question: str
    source: str
    verdict: str
    sentence: str
    arm: str | None
    difference: float | None
    low: float | None
    high: float | None
    seeds: int
    trials: int
    trials_planned: int
    seconds: float | None
    at: str


def headline(answer: "Answer", plan: Mapping[str, Any], ran: Ran) -> Headline:
    """Word the answer's card."""
    return Headline(
        verdict=answer.verdict,
        sign=SIGNS[answer.verdict],
        sentence=answer.sentence,
        note=answer.note or "",
        further=_further(answer),
        claim=words.claim(plan["claim"]),
        declared=_declared(ran),
        facts=_facts(answer, plan, ran),
    )


def summary(answer: "Answer", plan: Mapping[str, Any], ran: Ran) -> Summary:
    """Sum a page up for the index."""
    lead = leading(answer.contrasts, plan["claim"])
    return Summary(
        edition=plan["edition"],
        study=plan["study"],
        profile=plan["profile"],
        data=plan["data"],
        question=plan["question"]["ask"],
        source=plan["question"]["source"],
        verdict=answer.verdict,
        sentence=answer.sentence,
        arm=lead.arm if lead else None,
        difference=lead.difference if lead else None,
        low=lead.low if lead else None,
        high=lead.high if lead else None,
        seeds=len(lead.seeds) if lead else 0,
        trials=ran.trials,
        trials_planned=len(plan["trials"]),
        seconds=ran.seconds,
        at=ran.last_at or plan["at"],
    )


def as_plain(answer: "Answer") -> dict[str, Any]:
    """Give an answer as plain values, as charts read it from the plan."""
    return {"verdict": answer.verdict, "contrasts": [asdict(contrast) for contrast in answer.contrasts]}


def leading(contrasts: Sequence[Any], claim: Mapping[str, Any]) -> Any | None:
    """Find the contrast to show first: the arm the claim names, else the one with the largest difference its way."""
    if not contrasts:
        return None
    named = [contrast for contrast in contrasts if contrast.arm == claim["which"]]
    if named:
        return named[0]
    sign = {"better": 1.0, "worse": -1.0}.get(claim["direction"])
    return max(contrasts, key=lambda contrast: abs(contrast.difference) if sign is None else sign * contrast.difference)


def _facts(answer: "Answer", plan: Mapping[str, Any], ran: Ran) -> list[Fact]:
    lead = leading(answer.contrasts, plan["claim"])
    facts = []
    if lead:
        arms = len(answer.contrasts)
        which = f"{lead.arm} minus {plan['claim']['control']}"
        detail = f"{words.interval(lead.low, lead.high)} points; {which}"
        facts.append(
            Fact("Difference" if arms == 1 else f"Leading of {arms} differences", words.signed(lead.difference), detail)
        )
        shared = words.listing(lead.seeds)
        facts.append(Fact("Paired seeds", words.count(len(lead.seeds)), f"seed {shared}" if lead.seeds else ""))
    planned = len(plan["trials"])
    facts.append(Fact("Trainings finished", f"{ran.trials} of {planned}", words.count(len(plan["arms"]), "arm")))
    facts.append(Fact("Time spent", words.duration(ran.seconds), "all phases, shared ones once"))
    return facts


def _declared(ran: Ran) -> str:
    if ran.declared_at is None:
        return ""
    before = words.count(ran.declared_after, "result") if ran.declared_after else ""
    return f"Declared {words.day(ran.declared_at)}, {f'after {before}' if before else 'before the first result'}."


def _further(answer: "Answer") -> str:
    if answer.verdict != "undecided" or answer.further_seeds is None:
        return ""
    return f"About {words.count(answer.further_seeds, 'further seed')} an arm would decide it."
