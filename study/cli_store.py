"""What the command line says of the store: verbs that query it, bring its database up to date, prove and clean it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console


def add_query(app: typer.Typer, screen: "Callable[[], Console]") -> None:
    """Add the verb `sql` to `app`; `screen` gives where to print."""

    @app.command(context_settings={"ignore_unknown_options": True})  # a query may begin with a comment: --
    def sql(
        query: Annotated[
            str, typer.Argument(help="A query; it cannot write. Views: finals, curves, costs, failures ...")
        ],
        csv: Annotated[bool, typer.Option("--csv", help="Comma-separated, to standard output.")] = False,
        json: Annotated[bool, typer.Option("--json", help="A JSON list, to standard output.")] = False,
        parquet: Annotated[Path | None, typer.Option("--parquet", help="Write a Parquet file.")] = None,
    ) -> None:
        """Query the results.

        Example: study sql "select arm, seed, split, map from finals where study = 'token_count_sweep'"
        """
        from results.files import writing
        from study.printing import as_csv, print_rows
        from study.verbs import asked

        if csv + json + bool(parquet) > 1:
            raise UserError("sql: --csv, --json and --parquet exclude each other. Give one of them.")
        if parquet and not parquet.absolute().parent.is_dir():
            raise UserError(
                f"--parquet: {parquet}: there is no folder {parquet.parent}. Make it, or name another file."
            )
        rows, problems = asked(query)
        for problem in problems:
            sys.stderr.write(f"damaged: {problem}\n")
        if parquet:
            with writing(parquet), parquet.open("wb") as file:
                rows.write_parquet(file)
            screen().print(f"{len(rows)} rows in {parquet}")
        elif csv:
            sys.stdout.write(as_csv(rows))
        elif json:
            sys.stdout.write(rows.write_json() + "\n")
        else:
            print_rows(rows, screen())


def add_upkeep(app: typer.Typer, screen: "Callable[[], Console]") -> None:
    """Add the verbs that bring the store in order to `app`; `screen` gives where to print."""
    import study

    @app.command()
    def sync() -> None:
        """Bring the database up to date with the files of the store.

        Example: study sync
        """
        screen().print(str(study.sync()))

    @app.command()
    def verify() -> None:
        """Prove the store: recompute keys, check counts, name every torn or orphaned file.

        Example: study verify
        """
        problems = study.verify()
        for problem in problems:
            screen().print(str(problem))
        damaged = sum(problem.is_damage for problem in problems)
        screen().print(f"{damaged} of {len(problems)} are damage" if problems else "the store is sound")
        if damaged:
            raise typer.Exit(1)

    @app.command()
    def clean(
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would go.")] = False,
    ) -> None:
        """Free what is not needed: states of finished phases, abandoned attempts, unused caches, ended submissions.

        Never a result, and never the log of a phase that is not done.

        Example: study clean --dry-run
        """
        from study.printing import table

        items, why_not_more = study.clean(dry_run=dry_run)
        screen().print(table(("what", "MB", "why"), [(i.path, f"{i.size_bytes / 1e6:.1f}", i.reason) for i in items]))
        freed_bytes = sum(item.size_bytes for item in items)
        screen().print(f"{'would free' if dry_run else 'freed'} {freed_bytes / 1e6:.1f} MB")
        if why_not_more:
            screen().print(why_not_more)
