"""The chart of the tuning: one cell for each arm and combination, its choice framed; other charts leave it out."""

import math

import polars as pl
from polars.testing import assert_frame_equal

from models import catalog
from reports import query
from reports.chart import cost, tuning
from tests.reports.made_ledger import EDITION, Ledger, make_ledger, make_tuned_ledger


def frame_of(ledger: Ledger, sql: str = tuning.SQL) -> pl.DataFrame:
    with ledger.connect() as connection:
        return query.table(connection, sql, edition=EDITION)


def test_each_arm_has_a_row_in_the_order_of_the_spec_and_one_choice() -> None:
    ledger = make_tuned_ledger()
    frame = frame_of(ledger)
    assert frame.select("arm", "tried").rows() == [
        (arm["name"], f"lr={level}")
        for arm in sorted(ledger.plan["arms"], key=lambda arm: str(arm["name"]))
        for level in (0.0001, 0.001, 0.01)
    ]
    chosen = {row["arm"]: row["tried"] for row in frame.to_dicts() if row["chosen"]}
    assert chosen == ledger.plan["tuning"]["chosen"]
    assert "count=20 chose lr=0.01 (" in tuning.describe(frame, ledger.plan)


def test_a_score_is_the_mean_of_the_validation_splits_at_the_last_epoch() -> None:
    ledger = make_tuned_ledger()
    final = ledger.plan["tuning"]["trials"][0]["final"]
    steps = {row[4]: [] for row in ledger.records if row[0] == final}
    for row in ledger.records:
        if row[0] == final and row[2] == "map":
            steps[row[4]].append(row[5])
    (first,) = frame_of(ledger).filter((pl.col("arm") == "count=1") & (pl.col("tried") == "lr=0.0001")).to_dicts()
    assert first["map"] == sum(steps[max(steps)]) / 2


def test_before_the_choice_nothing_is_framed() -> None:
    ledger = make_tuned_ledger()
    del ledger.plan["tuning"]["chosen"]
    frame = frame_of(ledger)
    assert not frame["chosen"].any()
    assert "chose none yet" in tuning.describe(frame, ledger.plan)


def test_a_combination_without_a_number_for_every_seed_has_none_and_its_choice_is_not_open() -> None:
    ledger = make_tuned_ledger()
    tries = ledger.plan["tuning"]["trials"]
    lost = next(one for one in tries if (one["arm"], one["tried"]) == ("count=20", "lr=0.01"))
    ledger.records = [
        (*row[:5], math.nan, *row[6:]) if row[0] == lost["final"] and row[3] == "val_seen" and row[2] == "map" else row
        for row in ledger.records
    ]
    frame = frame_of(ledger)
    assert len(frame) == len(tries) - 1
    assert not frame.filter(pl.col("arm") == "count=20")["chosen"].any()
    assert "count=20 has no score of its choice, with" in tuning.describe(frame, ledger.plan)
    first = tries[0]
    tries.append(first | {"seed": 1001, "final": "never trained"})
    assert len(frame_of(ledger)) == 0, "no combination has both seeds"


def test_other_charts_show_the_comparison_alone_and_costs_both_apart() -> None:
    plain, tuned = make_ledger(), make_tuned_ledger()
    charts = [catalog.load("reports.chart", name) for name in catalog.names("reports.chart")]
    for chart in charts:
        if chart not in (cost, tuning):
            assert_frame_equal(frame_of(plain, chart.SQL), frame_of(tuned, chart.SQL))
    kinds = frame_of(tuned, cost.SQL)["phase"].to_list()
    assert kinds == ["tuning: rgb", "tuning: sender", "tuning: joint", "rgb", "sender", "joint"]
    assert frame_of(tuned, cost.SQL)[3:].equals(frame_of(plain, cost.SQL))
