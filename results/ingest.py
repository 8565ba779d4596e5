"""From files into the tables of the database, in bulk: DuckDB reads the records and predictions itself.

Everything here is a function of the store's files, so that a database made anew holds the same rows.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from results import edition
from results.attempt import PREDICTIONS, Attempt, Store
from results.files import writing
from results.run import Row, Run, damaged

CHUNK = 500
"""Runs that are read by one statement: bounds its text and the temporary file."""

_RECORDS = """
create or replace temp table loaded as
select $keys[place] as key, $attempts[place] as attempt, metric, split, step, value, unit
from read_json($path, format = 'newline_delimited', ignore_errors = true, columns = {
    place: 'integer', metric: 'varchar', split: 'varchar', step: 'integer', value: 'double', unit: 'varchar'})
where metric is not null
"""  # a line that is no record comes as a row of nulls

_PREDICTIONS = """
insert into predictions by name
select regexp_extract(filename, '([^/\\\\]+)[/\\\\]\\d+[/\\\\][^/\\\\]+$', 1) as key,
    clip, activity, split, seed, motion, scores, labels
from read_parquet($paths, filename = true)
where (split like 'test%') = $test
"""

_TOOK = """
update runs set seconds = coalesce(took.seconds, runs.seconds), epochs = took.epochs
from (
    select key, attempt, sum(value) filter (metric = 'seconds') as seconds,
        coalesce(max(step) filter (metric = 'seconds'), 0) as epochs
    from records where list_contains($keys, key) group by all
) as took
where took.key = runs.key and took.attempt = runs.attempt
"""


def load_editions(connection: duckdb.DuckDBPyConnection, editions: Iterable[edition.Tables]) -> None:
    """Insert what `read_edition` gave."""
    rows: dict[str, list[Row]] = {table: [] for table in edition.TABLES}
    for tables in editions:
        for table, more in tables.items():
            rows[table] += more
    for table, some in rows.items():
        insert(connection, table, some)


def load_runs(connection: duckdb.DuckDBPyConnection, runs: Sequence[Run]) -> set[str]:
    """Insert runs with their records and predictions; a run whose files contradict each other becomes a damaged row.

    Returns:
        The keys of the damaged ones.
    """
    found: set[str] = set()
    for start in range(0, len(runs), CHUNK):
        chunk = runs[start : start + CHUNK]
        scored = {run.key: run.measured for run in chunk if run.measured and _has_predictions(run.done)}
        broken = _load_records(connection, [run for run in chunk if run.measured])
        broken |= _load_predictions(connection, scored, test=False)
        whole = [damaged(run.key, broken[run.key]) if run.key in broken else run for run in chunk]
        forget(connection, ("records", "predictions"), "key", broken)
        insert(connection, "runs", [row for run in whole for row in run.rows])
        connection.execute(_TOOK, {"keys": [run.key for run in chunk]})
        found |= {row["key"] for run in whole for row in run.rows if row["state"] == "damaged"}
    return found


def open_sealed(connection: duckdb.DuckDBPyConnection, store: Store) -> tuple[int, set[str]]:
    """Make the test numbers of exactly the revealed editions' runs present.

    Returns:
        How many runs were opened, and the keys of those whose sealed files are damaged.
    """
    revealed = "select key from phases join editions using (edition) where revealed_at is not null and tuning is null"
    closing = _keys(connection, f"select key from runs where sealed_loaded and key not in ({revealed})")
    for table in ("records", "predictions"):
        connection.execute(
            f"delete from {table} where split like 'test%' and list_contains($keys, key)", {"keys": closing}
        )
    connection.execute("update runs set sealed_loaded = false where list_contains($keys, key)", {"keys": closing})
    waiting = f"select key from runs where state = 'done' and not sealed_loaded and key in ({revealed})"
    opening = _keys(connection, waiting)
    broken: set[str] = set()
    for start in range(0, len(opening), CHUNK):
        broken |= _open(connection, store, opening[start : start + CHUNK])
    return len(opening) - len(broken), broken


def forget(connection: duckdb.DuckDBPyConnection, tables: Iterable[str], column: str, values: Iterable[str]) -> None:
    """Delete the rows of `tables` whose `column` holds one of `values`."""
    gone = list(values)
    if gone:
        for table in tables:
            connection.execute(f"delete from {table} where list_contains($gone, {column})", {"gone": gone})


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row]) -> None:
    """Insert many rows by one statement (`executemany` manages 1,400 rows a second, this 100,000)."""
    if not rows:
        return
    described = connection.execute(f"describe {table}").fetchall()
    form = {name: _form(kind) for name, kind, *_ in described}
    text = json.dumps(rows, ensure_ascii=False).encode("utf-8", "replace").decode()
    connection.execute(
        f"insert into {table} by name select unnest(from_json($rows, $form), max_depth := 2)",
        {"rows": text, "form": json.dumps([form])},
    )


def _load_records(connection: duckdb.DuckDBPyConnection, runs: Sequence[Run]) -> dict[str, str]:
    """Insert the records of `runs`; return what is wrong with those that hold another number than was published."""
    counts = _read_records(connection, [(run.measured, run.measured.records) for run in runs if run.measured])
    connection.execute("insert into records by name from loaded where split not like 'test%'")
    return {
        run.key: _miscounted(run.measured.records, counts.get(run.key, 0), run.done["records"])
        for run in runs
        if run.measured and run.done and counts.get(run.key, 0) != run.done["records"]
    }


def _load_predictions(
    connection: duckdb.DuckDBPyConnection, attempts: Mapping[str, Attempt], test: bool
) -> dict[str, str]:
    """Insert the predictions of the test splits, or of the others; return what is wrong with unreadable ones."""
    if not attempts:
        return {}
    paths = {key: _pattern(attempt.predictions) for key, attempt in attempts.items()}
    try:
        connection.execute(_PREDICTIONS, {"paths": list(paths.values()), "test": test})
    except duckdb.Error:
        if len(attempts) > 1:  # one of them: find out which, and load the others
            parts = [_load_predictions(connection, {key: one}, test) for key, one in attempts.items()]
            return {key: text for part in parts for key, text in part.items()}
        (attempt,) = attempts.values()
        return {
            attempt.key: f"{attempt.predictions}: cannot be read as Parquet with the columns of predictions. "
            f"Restore it from a backup, or remove {attempt.folder.parent} and run the study again."
        }
    return {}


def _open(connection: duckdb.DuckDBPyConnection, store: Store, keys: Sequence[str]) -> set[str]:
    done = {key: store.done(key) or {} for key in keys}
    attempts = {key: store.attempt(key, done[key]["attempt"]) for key in keys}
    counts = _read_records(connection, [(one, one.sealed) for one in attempts.values() if one.sealed.exists()])
    connection.execute("insert into records by name from loaded where split like 'test%'")
    broken = {
        key: _miscounted(attempts[key].sealed, counts.get(key, 0), done[key]["sealed"])
        for key in keys
        if counts.get(key, 0) != done[key]["sealed"]
    }
    scored = {key: attempt for key, attempt in attempts.items() if _has_predictions(done[key])}
    broken |= _load_predictions(connection, scored, test=True)
    connection.execute("update runs set sealed_loaded = true where list_contains($keys, key)", {"keys": list(keys)})
    forget(connection, ("runs", "records", "predictions"), "key", broken)
    insert(connection, "runs", [row for key, text in broken.items() for row in damaged(key, text).rows])
    return set(broken)


def _read_records(connection: duckdb.DuckDBPyConnection, files: Sequence[tuple[Attempt, Path]]) -> dict[str, int]:
    """Read files of records into the table `loaded`; return how many there are by key.

    They are read through one file, where each line has the place of its attempt in front: five times as fast.
    """
    with TemporaryDirectory(prefix="study-") as folder:
        joined = Path(folder) / "records.jsonl"
        with writing(joined), joined.open("wb") as file:
            for place, (_, path) in enumerate(files, start=1):
                content = path.read_bytes()
                whole = b"\n" + content[: content.rfind(b"\n") + 1]
                file.write(whole.replace(b"\n{", b'\n{"place":%d,' % place).removeprefix(b"\n"))
        keys, attempts = [one.key for one, _ in files], [one.number for one, _ in files]
        connection.execute(_RECORDS, {"path": _pattern(joined), "keys": keys, "attempts": attempts})
    return dict(connection.execute("select key, count(*) from loaded group by key").fetchall())


def _has_predictions(done: Row | None) -> bool:
    """Tell whether a result holds predictions; one that only measures may not."""
    return done is not None and PREDICTIONS in done["size_bytes"]


def _miscounted(path: Path, there: int, published: int) -> str:
    return (
        f"{path}: holds {there} whole records, but {published} were published. "
        f"Restore it from a backup, or remove {path.parent.parent} and run the study again."
    )


def _pattern(path: Path) -> str:
    """Write `path` so that DuckDB, which reads file names as patterns, means this file alone."""
    return "".join(f"[{letter}]" if letter in "[*?" else letter for letter in str(path.absolute()))


def _keys(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    return [row[0] for row in connection.execute(f"select distinct key from ({sql}) order by key").fetchall()]


def _form(kind: str) -> Any:
    return [kind.removesuffix("[]")] if kind.endswith("[]") else kind
