"""The top of a page: verdict, sentence, claim in words and the few numbers that weigh it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from reports import words
from reports.ran import Fact, Ran
from results.answer import place
from results.claim import ALL, Claim
from results.metric.facts import METRICS
from results.plan import PlanFile
from results.tuned import share_of_epochs

if TYPE_CHECKING:
    from results.answer import Answer
    from results.contrast import Contrast

OF_ARM = {"claimed": "supported", "equivalent": "equivalent", "contrary": "refuted", "open": "undecided"}
"""Where the interval of an arm lies -> what a claim about this arm alone would be."""
SIGNS = {"supported": "✓", "refuted": "✕", "equivalent": "≈", "undecided": "?"}


ELSEWHERE = ("data.source", "resources")
"""Settings that say where data lie and what computes: to override them asks no other question."""


@dataclass(frozen=True)
class Headline:
    """What the answer's card says.

    Attributes:
        sign: the verdict's mark, so that colour is not the only one.
        note: what a reader must know besides the sentence.
        declared: when the claim was made, and after how many results.
    """

    verdict: str
    sign: str
    sentence: str
    note: str
    claim: str
    declared: str
    facts: list[Fact]


@dataclass(frozen=True)
class Summary:
    """What the index shows of a page; it stands on the page as JSON.

    Attributes:
        arm: the arm of the leading contrast; None, as its numbers are, where there is none.
        difference, low, high: points, or what `sign` says.
        sign: what follows these numbers: nothing, or a percent sign where they are relative to the control.
        seeds: paired ones of that contrast.
        at: when the newest phase was done, else when the study was planned.
        claim: the first digits of its hash.
        p: of the whole claim, corrected for its arms; None where nothing was compared.
        alpha: how often it may claim what is not so.
        contrasts: of every arm that was compared.
        overrides: how many settings the command line changed in the study, but for where its data lie.
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
    sign: str = ""
    claim: str = ""
    p: float | None = None
    alpha: float = 0.05
    contrasts: tuple[dict[str, Any], ...] = ()
    overrides: int = 0


def word_headline(answer: "Answer", plan: PlanFile, ran: Ran) -> Headline:
    """Word the answer's card."""
    return Headline(
        verdict=answer.verdict,
        sign=SIGNS[answer.verdict],
        sentence=answer.sentence,
        note=answer.note,
        claim=words.claim(plan["claim"]),
        declared=_declared(ran),
        facts=_facts(answer, plan, ran),
    )


def sum_up(answer: "Answer", plan: PlanFile, ran: Ran) -> Summary:
    """Sum a page up for the index."""
    lead = find_leading(answer.contrasts, plan["claim"])
    claim = Claim.model_validate(plan["claim"])
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
        sign=METRICS[plan["claim"]["metric"]].sign,
        claim=plan["claim_hash"][:16],
        p=_claim_p(answer.contrasts, plan["claim"]),
        alpha=plan["claim"]["alpha"],
        contrasts=tuple(_compared_arm(contrast, claim) for contrast in answer.contrasts),
        overrides=sum(not path.startswith(ELSEWHERE) for path in plan["overrides"]),
    )


def _claim_p(contrasts: "Sequence[Contrast]", claim: Mapping[str, Any]) -> float | None:
    """Give the p of a claim from those of its arms, corrected for their number: the least, or of all arms the largest.

    An arm without a result counts as 1.
    """
    p_values = [1.0 if math.isnan(one.p_adjusted) else one.p_adjusted for one in contrasts if one.is_claimed]
    if not p_values:
        return None
    return max(p_values) if claim["which"] == ALL else min(p_values)


def _compared_arm(contrast: "Contrast", claim: Claim) -> dict[str, Any]:
    """Sum a contrast up: its numbers, and what they say of its arm alone."""
    verdict = OF_ARM[place(claim, contrast.low, contrast.high)]
    return {
        "arm": contrast.arm,
        "verdict": verdict,
        "difference": contrast.difference,
        "low": contrast.low,
        "high": contrast.high,
        "p": contrast.p_adjusted,
        "seeds": len(contrast.seeds),
    }


def as_plain(answer: "Answer") -> dict[str, Any]:
    """Give an answer as plain values, as charts read it from the plan."""
    return {"verdict": answer.verdict, "contrasts": [asdict(contrast) for contrast in answer.contrasts]}


def find_leading(contrasts: "Sequence[Contrast]", claim: Mapping[str, Any]) -> "Contrast | None":
    """Find the contrast to show first: of the claimed arms the one that goes farthest the claim's way.

    For a claim about all arms it is the one that goes least far, for a claim of equivalence the largest difference:
    each decides its claim.
    """
    measured = [contrast for contrast in contrasts if contrast.is_claimed and not math.isnan(contrast.difference)]
    sign = {"better": 1.0, "worse": -1.0}.get(claim["direction"])
    if sign is not None and METRICS[claim["metric"]].is_lower_better:
        sign = -sign
    ranked = sorted(measured, key=lambda one: abs(one.difference) if sign is None else sign * one.difference)
    if not ranked:
        return None
    return ranked[0] if _is_decided_by_the_least(claim) else ranked[-1]


def _is_decided_by_the_least(claim: Mapping[str, Any]) -> bool:
    """Tell whether the arm that goes least far the claim's way decides it."""
    return bool(claim["which"] == ALL and claim["direction"] != "equivalent")


def _facts(answer: "Answer", plan: PlanFile, ran: Ran) -> list[Fact]:
    done = f"{ran.trials} of {len(plan['trials'])}"
    facts = [
        Fact("Trials", done, words.count(len(plan["arms"]), "arm")),
        Fact("Time spent", words.duration(ran.seconds), "all phases, shared ones once"),
    ]
    if "tuning" in plan:
        trainings = words.count(len(plan["tuning"]["trials"]), "training")
        facts.append(Fact("Tuning", f"{100 * share_of_epochs(plan):.0f} %", f"of all epochs; {trainings} before"))
    if answer.looks:
        facts.append(Fact("Looks", f"{len(answer.looks)} of {len(plan['claim']['looks'])}", _looks(answer, plan)))
    lead = find_leading(answer.contrasts, plan["claim"])
    if lead is None:
        return facts
    claimed = sum(contrast.is_claimed for contrast in answer.contrasts)
    first = "Least" if _is_decided_by_the_least(plan["claim"]) else "Leading"
    name = "Difference" if claimed == 1 else f"{first} of {claimed} differences"
    facts_of = METRICS[plan["claim"]["metric"]]
    compared = f"{_compared(lead, plan['claim'], facts_of.relation)}, {facts_of.unit}"
    detail = f"{words.interval(lead.low, lead.high)}; {compared}"
    seeds = Fact("Paired seeds" if lead.is_paired else "Seeds, unpaired", words.count(len(lead.seeds)), _which(lead))
    return [Fact(name, f"{words.signed(lead.difference)}{facts_of.sign}", detail), seeds, *facts]


def _compared(lead: "Contrast", claim: Mapping[str, Any], relation: str) -> str:
    """Name what was subtracted; of a change, what else."""
    changed = (
        f", beyond {claim['counterparts'][lead.arm]} minus {claim['control']}" if claim.get("counterparts") else ""
    )
    return f"{lead.arm} {relation} {lead.control}{changed}"


def _looks(answer: "Answer", plan: PlanFile) -> str:
    """Say at how many seeds, and how many trials that took; of all arms with the seeds of the last look it is more."""
    most = len(plan["arms"]) * plan["claim"]["looks"][-1]
    return f"at {words.listing(answer.looks)} seeds; {len(plan['trials'])} trials instead of {most}"


def _which(lead: "Contrast") -> str:
    return f"{'seed' if len(lead.seeds) == 1 else 'seeds'} {words.listing(lead.seeds)}"


def _declared(ran: Ran) -> str:
    if ran.declared_at is None:
        return ""
    before = words.count(ran.declared_after, "result") if ran.declared_after else ""
    return f"Declared {words.day(ran.declared_at)}, {f'after {before}' if before else 'before the first result'}."
