"""The page of an edition: one HTML file with the answer on top and the evidence below it, that opens offline.

Nothing on it is trusted: text from specs and errors is escaped by the template, data stand in JSON blocks that no text
can end, and the page's own policy runs the two scripts it was written with and no other, and asks no network.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports import embed, headline, table, theme
from reports.caution import cautions
from reports.figure import figures
from reports.ran import ran
from reports.unfinished import unfinished

if TYPE_CHECKING:
    import duckdb

    from results.answer import Answer

FOLDER = Path(__file__).parent


def build(
    connection: "duckdb.DuckDBPyConnection", edition: str, answer: "Answer", plan: Mapping[str, Any], out: Path
) -> Path:
    """Write the page of `edition` to the file `out`.

    Args:
        connection: to the ledger; only read.
        plan: what `plan.json` holds.

    Raises:
        UnknownName: the plan names a chart that there is no file for.
    """
    told = {**plan, "answer": headline.as_plain(answer)}
    left = unfinished(connection, edition, plan)
    facts = ran(connection, edition, plan)
    charts = figures(connection, edition, told)
    script = (FOLDER / "page.js").read_text()
    text = (
        environment()
        .get_template("page.html")
        .render(
            edition=edition,
            question=plan["question"],
            answer=headline.headline(answer, plan, facts),
            cautions=cautions(connection, edition, plan, facts, left, answer.contrasts),
            figures=charts,
            arms=table.arms(connection, edition, plan, answer.contrasts),
            unfinished=left,
            run=facts,
            built_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            summary=embed.json_block(headline.summary(answer, plan, facts)),
            colours=Markup(theme.stylesheet(plan["arms"])),
            style=Markup((FOLDER / "page.css").read_text()),
            config=embed.json_block(theme.config()),
            javascript=Markup(embed.javascript()),
            script=Markup(script),
            policy=f"{embed.policy_hash(embed.javascript())} {embed.policy_hash(script)}",
        )
    )
    return write(text, out)


def environment() -> Environment:
    """Give the templates, with escaping on and a missing value an error."""
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write(text: str, out: Path) -> Path:
    """Write a page whole or not at all, so that a reader never opens half of one."""
    out.parent.mkdir(parents=True, exist_ok=True)
    half = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    half.write_text(text, encoding="utf-8")
    half.replace(out)
    return out
