"""Rows of the ledger as polars frames, without the Arrow package that DuckDB's own way would need."""

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    import duckdb

TYPES: dict[str, Any] = {
    "BOOLEAN": pl.Boolean,
    "VARCHAR": pl.String,
    "FLOAT": pl.Float64,
    "DOUBLE": pl.Float64,
    "DECIMAL": pl.Float64,
    "TINYINT": pl.Int64,
    "UTINYINT": pl.Int64,
    "SMALLINT": pl.Int64,
    "USMALLINT": pl.Int64,
    "INTEGER": pl.Int64,
    "UINTEGER": pl.Int64,
    "BIGINT": pl.Int64,
    "UBIGINT": pl.Int64,
    "HUGEINT": pl.Int64,
}


def table(connection: "duckdb.DuckDBPyConnection", sql: str, **parameters: Any) -> pl.DataFrame:
    """Run `sql` and give its rows; a column of another type than numbers, text and switches comes as text.

    Example:
        ``table(connection, "select arm, map from finals where edition = $edition", edition="token_count_sweep")``
    """
    result = connection.execute(sql, parameters)
    columns = [(column[0], str(column[1]).partition("(")[0]) for column in result.description or []]
    rows = result.fetchall()
    series = []
    for place, (name, kind) in enumerate(columns):
        values = [row[place] for row in rows]
        known = TYPES.get(kind)
        plain = values if known else [None if value is None else str(value) for value in values]
        series.append(pl.Series(name, plain, dtype=known or pl.String, strict=False))
    return pl.DataFrame(series)
