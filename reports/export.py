"""A study as files for a paper: its table and methods in LaTeX and Markdown, its figures as SVG, their data and SQL."""

from pathlib import Path
from typing import TYPE_CHECKING

from reports import headline, methods, ran, scores, template, typeset, vector
from reports.figure import Figure, draw_figures
from reports.unfinished import list_unfinished
from results.plan import PlanFile

if TYPE_CHECKING:
    import duckdb

    from results.answer import Answer


def write(
    connection: "duckdb.DuckDBPyConnection", edition: str, answer: "Answer", plan: PlanFile, folder: Path
) -> list[Path]:
    """Write the files of `edition` into `folder` and list them.

    Args:
        connection: to the ledger; only read.
        plan: what `plan.json` holds.

    Raises:
        UnknownEdition: the ledger does not hold the edition.
        UnwritableError: the operating system refuses to write there.
    """
    facts = ran.collect(connection, edition, plan)
    table = scores.set_table(connection, edition, plan, answer.contrasts)
    paragraph = methods.write_methods(answer, plan, facts, list_unfinished(connection, edition, plan))
    texts = {
        "table.md": typeset.markdown_table(table),
        "table.tex": typeset.latex_table(table),
        "methods.md": f"{typeset.markdown(paragraph)}\n",
        "methods.tex": f"{typeset.latex(paragraph)}\n",
        "answer.md": f"{typeset.markdown(str(answer))}\n",
    }
    for figure in draw_figures(connection, edition, {**plan, "answer": headline.as_plain(answer)}):
        texts |= _figure(figure, plan)
    return [template.write(text, folder / name) for name, text in texts.items()]


def _figure(figure: Figure, plan: PlanFile) -> dict[str, str]:
    """Give the files of a figure; none where nothing could be drawn."""
    if figure.spec is None or figure.csv is None:
        return {}
    return {
        f"figures/{figure.name}.svg": vector.draw_svg(figure.spec, plan["arms"]),
        f"figures/{figure.name}.csv": figure.csv,
        f"figures/{figure.name}.sql": f"{figure.sql}\n",
        f"figures/{figure.name}.txt": f"{figure.title}. {figure.reading}\n\n{figure.alt}\n",
    }
