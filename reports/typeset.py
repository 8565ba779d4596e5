"""Tables and paragraphs as Markdown and as LaTeX: the same text, with what either would read as a command escaped."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

LATEX = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "\N{MINUS SIGN}": "$-$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{DAGGER}": r"\dag{}",
    "\N{EN DASH}": "--",
    "\N{NO-BREAK SPACE}": "~",
}


@dataclass(frozen=True)
class Typeset:
    """A table as text.

    Attributes:
        groups: what stands above several columns: heading and how many of them, in their order.
    """

    caption: str
    label: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    groups: Sequence[tuple[str, int]] = ()


def markdown(text: str) -> str:
    """Escape what Markdown or HTML would read as markup; line ends become spaces."""
    return re.sub(r"([\\`*_\[\]|<>])", r"\\\1", " ".join(text.split()))


def latex(text: str) -> str:
    """Escape what LaTeX would read as a command; line ends become spaces."""
    return "".join(LATEX.get(character, character) for character in text.replace("\n", " "))


def markdown_table(table: Typeset) -> str:
    """Write a table in Markdown; a group's heading goes into those of its columns."""
    headings = [f"{group} {column.lower()}" if group else column for group, column in _grouped(table)]
    lines = [
        [markdown(heading) for heading in headings],
        ["---", *["---:"] * (len(headings) - 1)],
        *[[markdown(cell) for cell in row] for row in table.rows],
    ]
    drawn = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{markdown(table.caption)}\n\n{drawn}\n"


def latex_table(table: Typeset) -> str:
    """Write a table in LaTeX; it needs the package `booktabs`."""
    lines = [
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{latex(table.caption)}}}",
        rf"\label{{tab:{re.sub(r'[^A-Za-z0-9:.-]', '-', table.label)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
        r"\toprule",
        *_group_lines(table),
        _latex_row(table.columns),
        r"\midrule",
        *(_latex_row(row) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(latex(cell) for cell in cells) + r" \\"


def _grouped(table: Typeset) -> list[tuple[str, str]]:
    """Pair each column with the heading above it."""
    above = [heading for heading, width in table.groups for _ in range(width)] or [""] * len(table.columns)
    return list(zip(above, table.columns, strict=True))


def _group_lines(table: Typeset) -> list[str]:
    if not table.groups:
        return []
    cells, rules, start = [], [], 1
    for heading, width in table.groups:
        cells.append(rf"\multicolumn{{{width}}}{{c}}{{{latex(heading)}}}" if width > 1 else latex(heading))
        if width > 1:
            rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    return [f"{' & '.join(cells)} \\\\", " ".join(rules)]
