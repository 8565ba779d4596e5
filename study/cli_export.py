"""What the command line says of files for a paper: the verb `export`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console


def add_verb(app: typer.Typer, screen: "Callable[[], Console]") -> None:
    """Add the verb to `app`; `screen` gives where to print."""
    import study

    @app.command()
    def export(
        name: Annotated[str, typer.Argument(help="A study, or one edition of it, that was run.")],
        to: Annotated[Path | None, typer.Option("--to", help="Folder; default: export/ beside the pages.")] = None,
    ) -> None:
        """Write a study for a paper: its table and methods as LaTeX and Markdown, its figures as SVG with data and SQL.

        Test columns are there after `study reveal`.

        Example: study export token_count_sweep --to paper
        """
        exported = study.export(name, to)
        for each in exported:
            screen().print(f"{len(each.files)} files in {each.folder}")
        problems = exported[0].problems
        for problem in problems:
            sys.stderr.write(f"damaged: {problem}\n")
        if problems:
            raise typer.Exit(1)
