import duckdb
import polars as pl

from reports import query


def test_columns_keep_their_types_even_if_they_are_empty() -> None:
    sql = """
    select arm, seed, map, pruned, count(*) as rows
    from (select 'a' as arm, 1::utinyint as seed, 2.5::decimal(4, 2) as map, true as pruned)
    where arm = $arm group by all
    """
    kinds = {"arm": pl.String, "seed": pl.Int64, "map": pl.Float64, "pruned": pl.Boolean, "rows": pl.Int64}
    with duckdb.connect() as connection:
        full = query.table(connection, sql, arm="a")
        empty = query.table(connection, sql, arm="b")
    assert full.schema == empty.schema == kinds
    assert full.row(0) == ("a", 1, 2.5, True, 1)
    assert empty.is_empty()


def test_what_is_neither_number_nor_text_comes_as_text() -> None:
    with duckdb.connect() as connection:
        frame = query.table(connection, "select timestamp '2026-11-22 20:09:00' as moment, null::timestamp as never")
    assert frame.row(0) == ("2026-11-22 20:09:00", None)
