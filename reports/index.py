"""The index: one card for each page in the folder, with its answer, interval, seeds, cost and date.

It is made from the pages alone: each carries its summary as JSON, so the index says what the pages say.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from reports import headline, template, theme, words
from reports.headline import Summary

NAME = "index.html"
BLOCK = re.compile(r'<script type="application/json" id="summary">(.*?)</script>', re.DOTALL)


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


def build(folder: Path) -> Path:
    """Write the index over all pages in `folder`; what is no page of this version is named at its end."""
    found = {path: _summary(path) for path in sorted(folder.glob("*.html")) if path.name != NAME}
    pages = [(path, summary) for path, summary in found.items() if summary is not None]
    pages.sort(key=lambda entry: (entry[1].study, len(entry[1].edition), entry[1].edition))
    text = template.fill(
        NAME,
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
