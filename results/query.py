"""Questions to the ledger in SQL: read-only, and unable to touch any other file."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb

from models.errors import UserError
from results.attempt import Store
from results.files import StoreError
from results.sql import name as sql_name
from results.sql import text

if TYPE_CHECKING:
    import polars

_READS = ("SELECT", "EXPLAIN", "PRAGMA", "MULTI")  # MULTI: a pivot
_PLAIN = re.compile(r"(BOOLEAN|VARCHAR|FLOAT|DOUBLE|U?(TINY|SMALL|BIG)?INT|U?INTEGER|DATE|TIMESTAMP)(\[\])*")
_NUMBERS = {"HUGEINT": "bigint", "DECIMAL": "double"}


class QueryError(UserError):
    """SQL that writes, or that DuckDB does not understand."""


class DatabaseUnreadable(StoreError):
    """There is no database, or its file is none that this version of DuckDB reads."""


def connect(store: Store, scratch: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Open the database for reading; what it shows stays as it is while others `sync`.

    Args:
        scratch: the one folder that statements may write files to; none by default.

    Raises:
        DatabaseUnreadable: there is none, or it is damaged.
        StoreError: another program holds it open for writing.
    """
    path = store.database
    if not path.exists():
        raise DatabaseUnreadable(
            f"{path}: there is no database yet; it is made from the files of the store. "
            "Run `study sync`, or point $STUDY_HOME at the folder that holds the store."
        )
    # Attached, not opened: within a process, opening a path twice gives the first file again, also after a rename.
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(f"attach {text(str(path))} as ledger (read_only); use ledger")
        if scratch:
            connection.execute(f"set allowed_directories = [{text(str(scratch))}]")
        connection.execute("set enable_external_access = false; set lock_configuration = true")
    except duckdb.Error as error:
        connection.close()
        if "Could not set lock" in str(error):
            raise StoreError(
                f"{path}: another program holds it open for writing, so nobody else may read it: {error} "
                "Close that program, or let it open the file read-only (`duckdb -readonly`)."
            ) from error
        raise DatabaseUnreadable(
            f"{path}: is no database that DuckDB {duckdb.__version__} reads: {error} "
            "Remove it and run `study sync`: it is made from the files of the store, nothing is lost."
        ) from error
    return connection


def query(store: Store, sql: str) -> "polars.DataFrame":
    """Run one statement that reads and give its rows; types that tables and files lack come as text.

    Raises:
        QueryError: it writes, there is more than one, or DuckDB refuses it.
        StoreError: there is no readable database.
    """
    with TemporaryDirectory(prefix="study-") as folder, connect(store, Path(folder)) as connection:
        try:
            _check_reads(connection, sql)
            return _frame(connection, sql, Path(folder))
        except duckdb.Error as error:
            raise QueryError(_wording(connection, error)) from error


def _check_reads(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise QueryError(
            f"the SQL must be one statement, but got {len(statements)}. There are: {_tables(connection)}. "
            'Ask for one thing, e.g. study sql "select arm, seed, split, map from finals".'
        )
    kind = statements[0].type.name
    if kind not in _READS:
        raise QueryError(_refusal(kind))


def _frame(connection: duckdb.DuckDBPyConnection, sql: str, folder: Path) -> "polars.DataFrame":
    import polars  # 0.2 s that opening a connection need not cost

    relation = connection.sql(sql)
    columns = [
        f"{_shown(f'#{place}', str(kind))} as {sql_name(name)}"
        for place, (name, kind) in enumerate(zip(_distinct(relation.columns), relation.types, strict=True), start=1)
    ]
    # Through a file: rows as tuples take 30 times as long, and Arrow's C interface makes DuckDB 2.0 complain on exit.
    relation.project(", ".join(columns)).write_parquet(str(folder / "rows.parquet"))
    return polars.read_parquet(folder / "rows.parquet")


def _shown(column: str, kind: str) -> str:
    if _PLAIN.fullmatch(kind):
        return column
    return f"cast({column} as {_NUMBERS.get(kind.partition('(')[0], 'varchar')})"


def _distinct(names: list[str]) -> list[str]:
    """Number the repeated names of a join: ``key``, ``key_2``."""
    return [
        name if (count := names[: place + 1].count(name)) == 1 else f"{name}_{count}"
        for place, name in enumerate(names)
    ]


def _refusal(what: str) -> str:
    return (
        f"{what}: refused: the SQL of `study sql` may only read, so that nothing changes a result. There are SELECT, "
        "DESCRIBE, SHOW, SUMMARIZE, PIVOT and EXPLAIN. To save what you see, use --csv, --json or --parquet; to write "
        "tables of your own, work on a copy of study.duckdb."
    )


def _wording(connection: duckdb.DuckDBPyConnection, error: duckdb.Error) -> str:
    text = str(error).strip()
    if isinstance(error, duckdb.PermissionException) or "read-only mode" in text or "has been locked" in text:
        return _refusal(text.splitlines()[0])
    return f'{text}\nThere are: {_tables(connection)}. Look at one with `study sql "describe finals"`.'


def _tables(connection: duckdb.DuckDBPyConnection) -> str:
    return ", ".join(name for (name,) in connection.execute("show tables").fetchall())
