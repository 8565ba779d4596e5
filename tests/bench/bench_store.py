"""What the ledger costs on large stores: taking in a million records, and grouping ten million.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m tests.bench.bench_store
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import duckdb

from results import ledger
from results.attempt import Store
from results.query import query
from tests import made_store as made
from tests.bench.rows import Row, keep

LEVELS, SEEDS = range(1, 100), range(10)
RECORDS, ROWS, REPEATS = 1_000, 10_000_000, 3
GROUPED = "select split, metric, count(*) as n, avg(value) as mean, max(step) as last from records group by all"
INSERT = """
insert into records by name
select
    $keys[1 + i % len($keys)] as key, 1 as attempt, 'metric ' || (i % 23) as metric, (1 + i // 200000)::integer as step,
    ['train', 'val_seen', 'val_unseen'][1 + i % 3] as split, (i % 977) / 10 as value,
    '' as unit
from range($rows) as made(i)
"""


def measure(folder: Path) -> Iterator[Row]:
    """Measure one after another."""
    store, runs = make_store(folder)
    took = []
    for _ in range(REPEATS):
        store.database.unlink(missing_ok=True)
        took.append(timed(lambda: ledger.sync(store)))
    said = f"{runs:,} runs, into a new database"
    yield Row(f"sync of {runs * RECORDS:,} records", "", median(took), "s", 3, 1.5, said)
    yield Row("sync where nothing is new", "", median(timed(lambda: ledger.sync(store)) for _ in range(5)), "s")
    with duckdb.connect(store.database) as connection:
        connection.execute("delete from records")
        connection.execute(INSERT, {"keys": list(made.read_plan(store)["phases"]), "rows": ROWS})
        connection.execute("checkpoint")
    grouped = [timed(lambda: query(store, GROUPED)) for _ in range(1 + REPEATS)][1:]
    yield Row(f"group-by over {ROWS:,} records", "", median(grouped), "s", 0.3, 0.15, "by split and metric, 69 groups")


def make_store(root: Path) -> tuple[Store, int]:
    """Write the finished runs of an edition as the engine leaves them, but not one by one safe; count them."""
    store = Store(root)
    made.write_plan(store, levels=LEVELS, seeds=SEEDS)
    records = (made.Record(f"metric {n % 20}", "val_seen", 1 + n // 20, 0.5 + n, "points") for n in range(RECORDS))
    text = "".join(record.line() for record in records)
    done = {"attempt": 1, "at": made.now(), "records": RECORDS, "sealed": 0, "seconds": 1.0, "sha256": {}}
    keys = made.read_plan(store)["phases"]
    for key, phase in keys.items():
        attempt = store.attempt(key, 1)
        attempt.folder.mkdir(parents=True)
        attempt.records.write_text(text)
        (attempt.folder / "settings.json").write_text(json.dumps(phase | {"settings": {}, "replicate": 0}))
        attempt.done.write_text(json.dumps(done | {"size_bytes": {"records.jsonl": len(text)}}))
    return store, len(keys)


def timed(do: Callable[[], object]) -> float:
    """Give how long a call takes, seconds."""
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="study-bench-") as name:
        sys.exit(0 if keep("store", measure(Path(name))) else 1)
