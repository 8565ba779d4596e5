"""What a search says of a few made-up arms."""

import math
from collections.abc import Iterator, Mapping

import duckdb
import pytest

from results.claim import Claim
from results.searched import answer_search
from tests.results.made_contrasts import make_contrast

CLAIM = Claim(control="control", which="any", direction="better", smallest=1.0)
TABLES = """
create table finals (edition varchar, arm varchar, seed bigint, split varchar, map double, pruned boolean);
create table trials (edition varchar, arm varchar, seed bigint);
create table phases (edition varchar, arm varchar, seed bigint, phase varchar, key varchar);
create table records (key varchar, metric varchar, split varchar, value double);
"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(TABLES)
        yield connection


def plan(connection: duckdb.DuckDBPyConnection, arms: Mapping[str, float], seeds: int = 1) -> None:
    """Plan arms, and finish them all with these numbers in both splits."""
    for arm, value in arms.items():
        for seed in range(seeds):
            connection.execute("insert into trials values ('sought', ?, ?)", [arm, seed])
            finish(connection, arm, seed, value)


def finish(connection: duckdb.DuckDBPyConnection, arm: str, seed: int, value: float, *, pruned: bool = False) -> None:
    for split, shift in (("val_seen", 1.0), ("val_unseen", -1.0), ("test_seen", 900.0)):
        row = ["sought", arm, seed, split, value + shift, pruned]
        connection.execute("insert into finals values (?, ?, ?, ?, ?, ?)", row)


def measure(connection: duckdb.DuckDBPyConnection, arm: str, seed: int, metric: str, value: float) -> None:
    key = f"{arm} {seed}"
    connection.execute("insert into phases values ('sought', ?, ?, 'profile', ?)", [arm, seed, key])
    for split, own in (("inference", value), ("warmup", 1e12)):
        connection.execute("insert into records values (?, ?, ?, ?)", [key, metric, split, own])


def sentence(connection: duckdb.DuckDBPyConnection, against: str | None = None) -> str:
    return answer_search(connection, "sought", CLAIM, {"against": against}, []).sentence


def test_the_arm_with_the_most_map_is_named_beside_the_control(connection: duckdb.DuckDBPyConnection) -> None:
    plan(connection, {"control": 40.0, "a": 60.0, "b": 50.0})
    assert sentence(connection) == (
        "Undecided: a search decides no claim; best of 3 arms: a (map 60.0); the control control has map 40.0."
    )


def test_nothing_is_named_before_there_are_results_and_no_arm_gets_an_interval(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    plan(connection, {"control": math.nan})
    found = answer_search(connection, "sought", CLAIM, {"against": None}, [make_contrast("a", 3.0, 0.5)])
    assert (found.verdict, found.sentence) == ("undecided", "Undecided: the search has no results yet.")
    assert math.isnan(found.contrasts[0].low)


def test_arms_that_are_half_trained_given_up_or_without_a_number_are_not_counted(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    plan(connection, {"control": 40.0, "a": 50.0}, seeds=2)
    for arm in ("half", "lost", "given up"):
        connection.executemany("insert into trials values ('sought', ?, ?)", [[arm, 0], [arm, 1]])
        finish(connection, arm, 0, 90.0)
    finish(connection, "lost", 1, math.nan)
    finish(connection, "given up", 1, 90.0, pruned=True)
    assert "best of 2 arms: a (map 50.0);" in sentence(connection)
    finish(connection, "half", 1, 80.0)
    assert "best of 3 arms: half (map 85.0);" in sentence(connection)


@pytest.mark.parametrize(
    ("against", "unit", "words"),
    [("latency", 1.0, "latency"), ("peak_memory", 1e6, "peak memory")],
)
def test_less_cost_is_better_and_all_on_the_front_are_named(
    connection: duckdb.DuckDBPyConnection, against: str, unit: float, words: str
) -> None:
    metric = {"latency": "latency_median", "peak_memory": "peak_memory"}[against]
    plan(connection, {"control": 40.0, "slow": 60.0, "quick": 50.0, "beaten": 45.0, "unmeasured": 99.0})
    for arm, cost in {"control": 3.0, "slow": 9.0, "quick": 2.0, "beaten": 4.0}.items():
        measure(connection, arm, 0, metric, cost * unit)
    found = sentence(connection, against)
    suffix = "ms" if against == "latency" else "MB"
    assert f"slow (map 60.0, 9 {suffix}); quick (map 50.0, 2 {suffix}); the control control" in found
    assert f"no other better in both mAP and {words} of 5 arms: slow" in found


def test_an_arm_that_was_not_measured_with_all_seeds_is_not_on_the_front(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    plan(connection, {"control": 40.0, "half": 60.0}, seeds=2)
    for arm, seed, cost in [("control", 0, 3.0), ("control", 1, 5.0), ("half", 0, 1.0)]:
        measure(connection, arm, seed, "latency_median", cost)
    assert "of 2 arms: control (map 40.0, 4 ms); the" in sentence(connection, "latency")
