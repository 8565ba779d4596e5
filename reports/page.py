"""The page of an edition: one HTML file with the answer on top and the evidence below it, that opens offline.

Nothing on it is trusted: text from specs and errors is escaped by the template, data stand in JSON blocks that no text
can end, and the page's own policy runs the two scripts it was written with and no other, and asks no network.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from reports import embed, headline, ran, table, template, theme, words
from reports.caution import list_cautions
from reports.diagnosis import list_signs
from reports.figure import draw_figures
from reports.unfinished import list_unfinished
from results.plan import PlanFile

if TYPE_CHECKING:
    import duckdb

    from results.answer import Answer


class Page(NamedTuple):
    """A page that was written, and what it says a reader must know before citing it."""

    path: Path
    cautions: tuple[str, ...]


def build(connection: "duckdb.DuckDBPyConnection", edition: str, answer: "Answer", plan: PlanFile, out: Path) -> Page:
    """Write the page of `edition` to the file `out`.

    Args:
        connection: to the ledger; only read.
        plan: what `plan.json` holds.

    Raises:
        UnknownEdition: the ledger does not hold the edition.
        UnknownName: the plan names a chart that there is no file for.
    """
    facts = ran.collect(connection, edition, plan)
    left = list_unfinished(connection, edition, plan)
    cautions = tuple(list_cautions(connection, edition, plan, facts, left, answer.contrasts))
    charts = draw_figures(connection, edition, {**plan, "answer": headline.as_plain(answer)})
    text = template.fill(
        "page.html",
        edition=edition,
        question=plan["question"],
        answer=headline.word_headline(answer, plan, facts),
        cautions=cautions,
        signs=list_signs(connection, edition, plan),
        figures=charts,
        arms=table.tabulate_arms(connection, edition, plan, answer.contrasts),
        unfinished=left,
        run=facts,
        built_at=words.day(datetime.now(UTC)),
        summary=embed.json_block(asdict(headline.sum_up(answer, plan, facts))),
        colours=Markup(theme.stylesheet(plan["arms"])),
        config=embed.json_block(theme.config()),
        **_scripts(any(chart.spec for chart in charts)),
    )
    return Page(template.write(text, out), cautions)


def _scripts(drawn: bool) -> dict[str, Any]:
    """Give the page's scripts and the policy that admits these and no others; a page without charts has none."""
    if not drawn:
        return {"scripts": [], "policy": "'none'"}
    scripts = [embed.javascript(), str(template.own("page.js"))]
    policy = " ".join(embed.policy_hash(script) for script in scripts)
    return {"scripts": [Markup(script) for script in scripts], "policy": policy}
