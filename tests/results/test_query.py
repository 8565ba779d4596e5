"""SQL reads, and only reads; what it cannot read is named with what there is."""

import shutil
from pathlib import Path

import duckdb
import polars
import pytest

from results import ledger
from results.attempt import Store
from results.files import StoreError
from results.query import QueryError, connect, query


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, _finished: Path) -> Store:
    root = tmp_path_factory.mktemp("queried") / "it's a store"
    shutil.copytree(_finished, root)
    ledger.sync(Store(root))
    return Store(root)


def test_rows_come_with_the_types_of_their_columns(store: Store) -> None:
    rows = query(store, 'select arm, is_control, seed, "model.tokens.count", map from finals order by all limit 1')
    assert rows.columns == ["arm", "is_control", "seed", "model.tokens.count", "map"]
    assert rows.dtypes == [polars.String, polars.Boolean, polars.Int64, polars.Int64, polars.Float64]
    assert rows.row(0)[:4] == ("count=1", False, 0, 1)


def test_types_that_files_lack_come_as_numbers_and_text(store: Store) -> None:
    sql = "select sum(seed), 1.5::decimal(4, 2), interval 2 day, {'a': 1}, null, [1, null] from trials"
    assert query(store, sql).row(0) == (3, 1.5, "2 days", "{'a': 1}", None, [1, None])


def test_equal_names_of_a_join_are_numbered(store: Store) -> None:
    assert query(store, "select a.arm, b.arm from arms a, arms b").columns == ["arm", "arm_2"]


@pytest.mark.parametrize(
    "sql", ["describe finals", "show tables", "summarize arms", "pivot finals on split using avg(map)"]
)
def test_the_ways_to_look_around_are_allowed(store: Store, sql: str) -> None:
    assert query(store, sql).height > 0


@pytest.mark.parametrize(
    "sql",
    [
        "insert into arms select * from arms",
        "update runs set seconds = 0",
        "delete from records",
        "drop table runs",
        "create table mine as select 1",
        "create temp table mine as select 1",
        "copy finals to 'out.csv'",
        "attach 'other.duckdb'",
        "set enable_external_access = true",
        "explain analyze delete from records",
        "select * from read_csv('/etc/passwd')",
        "select * from 'records.parquet'",
        "install httpfs",
    ],
)  # fmt: skip
def test_sql_that_writes_or_touches_files_is_refused(store: Store, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store.root)
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    with pytest.raises(QueryError, match=r"refused: the SQL of `study sql` may only read.*There are SELECT.*--csv"):
        query(store, sql)
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select nope from finals", r'(?s)"nope" not found.*There are: arms, .*finals.*describe finals'),
        ("selec 1", r"(?s)syntax error at or near .selec.*There are: arms"),
        ("", "must be one statement, but got 0"),
        ("select 1; select 2", "must be one statement, but got 2"),
    ],
)
def test_sql_that_cannot_be_answered_is_named_with_what_there_is(store: Store, sql: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        query(store, sql)


def test_a_missing_database_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"study\.duckdb: there is no database yet.*Run `study sync`"):
        query(Store(tmp_path), "select 1")


def test_a_damaged_database_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "study.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match=r"is no database that DuckDB .*Remove it and run `study sync`"):
        query(Store(tmp_path), "select 1")


def test_readers_do_not_disturb_each_other(store: Store) -> None:
    with connect(store) as one, connect(store) as other:
        assert one.execute("select count(*) from trials").fetchall() == other.execute("select 6").fetchall()
        with pytest.raises(duckdb.Error, match="read-only"):
            one.execute("delete from trials")
