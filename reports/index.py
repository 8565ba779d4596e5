"""The index: the paper's questions with their answers, what changed, and one card for each page in the folder.

It is made from the pages alone: each carries its summary as JSON, so the index says what the pages say.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from reports import changes, embed, headline, template, theme, words
from reports.headline import Summary
from reports.paper import FAMILIES, Asked, Family
from results.holm import holm

NAME = "index.html"
BLOCK = re.compile(r'<script type="application/json" id="summary">(.*?)</script>', re.DOTALL)
PROFILES = ("full", "small", "tiny", "smoke")
"""The one that says most first: of a study's editions a question of the paper is answered by that of the first."""


@dataclass(frozen=True)
class Card:
    """One edition, as text."""

    href: str
    edition: str
    question: str
    source: str
    verdict: str
    sign: str
    sentence: str
    facts: list[tuple[str, str]]
    at: str


@dataclass(frozen=True)
class Reply:
    """What one study says to a question of the paper; without an edition it was not run.

    Attributes:
        p: of the claim, or of the arm, corrected for the arms of the study.
    """

    study: str
    card: Card | None = None
    p: float | None = None
    alpha: float = 0.05


@dataclass(frozen=True)
class Question:
    """A question of the paper with the replies of its studies, each with what the family's correction makes of it."""

    ask: str
    replies: list[tuple[Reply, str]]


@dataclass(frozen=True)
class Group:
    """A family of questions that are corrected together."""

    name: str
    reading: str
    questions: list[Question]


def build(folder: Path) -> Path:
    """Write the index over all pages in `folder`; what is no page of this version is named at its end."""
    found = {path: _summary(path) for path in sorted(folder.glob("*.html")) if path.name != NAME}
    pages = [(path, summary) for path, summary in found.items() if summary is not None]
    pages.sort(key=lambda entry: (entry[1].study, len(entry[1].edition), entry[1].edition))
    now = datetime.now(UTC).isoformat(timespec="minutes")
    last = changes.follow(changes.read_last(folder / NAME), [summary for _, summary in pages], now)
    text = template.fill(
        NAME,
        groups=[_group(family, pages) for family in FAMILIES],
        changes=[{**change, "at": words.day(change["at"])} for change in last["changes"]],
        last=embed.json_block(last),
        cards=[_card(path, summary) for path, summary in pages],
        strange=[path.name for path, summary in found.items() if summary is None],
        verdicts=_verdicts([summary.verdict for _, summary in pages]),
        colours=Markup(theme.stylesheet([])),
    )
    return template.write(text, folder / NAME)


def _summary(path: Path) -> Summary | None:
    """Read the summary that a page carries; None if the file is no page or one of another version."""
    found = BLOCK.search(path.read_text(encoding="utf-8", errors="replace"))
    try:
        return Summary(**json.loads(found[1])) if found else None
    except (json.JSONDecodeError, TypeError):
        return None


def _group(family: Family, pages: Sequence[tuple[Path, Summary]]) -> Group:
    """Answer the questions of a family; those without an answer count in its correction too."""
    replies = {
        question: [_reply(question, study, pages) for study in question.studies] for question in family.questions
    }
    flat = [reply for own in replies.values() for reply in own]
    alpha = min(reply.alpha for reply in flat)
    steps = holm([1.0 if reply.p is None else reply.p for reply in flat], alpha)
    told = iter(_corrected(reply, step.p) for reply, step in zip(flat, steps, strict=True))
    questions = [Question(question.ask, [(reply, next(told)) for reply in own]) for question, own in replies.items()]
    reading = (
        f"The {len(flat)} claims are corrected together (Holm), those without an answer included: the chance of any "
        f"false one is {100 * alpha:g} %."
    )
    return Group(family.name, reading, questions)


def _reply(question: Asked, study: str, pages: Sequence[tuple[Path, Summary]]) -> Reply:
    own = [(path, summary) for path, summary in pages if summary.study == study]
    if not own:
        return Reply(study)
    # What settings were overridden for is another question: such an edition answers only where there is no other.
    path, summary = max(own, key=lambda entry: (-entry[1].overrides, -_rank(entry[1].profile), entry[1].at))
    if question.arm is None:
        return Reply(study, _card(path, summary), summary.p, summary.alpha)
    contrast = next((one for one in summary.contrasts if one["arm"] == question.arm), None)
    if contrast is None:
        return Reply(study)
    return Reply(study, _arm_card(path, summary, contrast), contrast["p"], summary.alpha)


def _rank(profile: str) -> int:
    return PROFILES.index(profile) if profile in PROFILES else len(PROFILES)


def _corrected(reply: Reply, p: float) -> str:
    """Say what the correction for a family makes of a reply; empty where there is none."""
    if reply.p is None:
        return ""
    told = f"p {words.probability(reply.p)}, with its family {words.probability(p)}"
    lost = reply.card is not None and reply.card.verdict == "supported" and p > reply.alpha
    return f"{told}: no longer below {reply.alpha:g}" if lost else told


def _card(path: Path, summary: Summary) -> Card:
    return Card(
        href=quote(path.name),
        edition=summary.edition,
        question=summary.question,
        source=summary.source,
        verdict=summary.verdict,
        sign=headline.SIGNS[summary.verdict],
        sentence=summary.sentence,
        facts=_facts(summary),
        at=words.day(summary.at),
    )


def _arm_card(path: Path, summary: Summary, contrast: Mapping[str, Any]) -> Card:
    """Write the card of a single arm: what a claim about it alone would be."""
    verdict = contrast["verdict"]
    numbers = {name: contrast[name] for name in ("arm", "difference", "low", "high", "seeds")}
    return replace(
        _card(path, replace(summary, **numbers)),
        verdict=verdict,
        sign=headline.SIGNS[verdict],
        sentence=f"{contrast['arm']} by itself: {verdict}. The study as a whole: {summary.sentence}",
    )


def _facts(summary: Summary) -> list[tuple[str, str]]:
    facts = [
        ("Trials", f"{summary.trials} of {summary.trials_planned}"),
        ("Time", words.duration(summary.seconds)),
        ("Profile", summary.profile),
        ("Data", summary.data),
    ]
    if summary.arm is None:
        return facts
    difference = f"{words.signed(summary.difference)}{summary.sign} ({words.interval(summary.low, summary.high)})"
    return [
        (f"{summary.arm} {'against' if summary.sign else 'minus'} control", difference),
        ("Seeds", words.count(summary.seeds)),
        *facts,
    ]


def _verdicts(verdicts: list[str]) -> str:
    """Count the answers: ``2 supported, 1 undecided``."""
    counted = [(verdict, verdicts.count(verdict)) for verdict in headline.SIGNS]
    return ", ".join(f"{number} {verdict}" for verdict, number in counted if number)
