import math

import pytest

from reports import table
from tests.reports.made_ledger import EDITION, Ledger, make_answer, make_cost_ledger, make_ledger


def made(ledger: Ledger) -> table.Table:
    with ledger.connect() as connection:
        return table.tabulate_arms(connection, EDITION, ledger.plan, make_answer(ledger.plan).contrasts)


def test_the_control_stands_first_and_has_no_difference(ledger: Ledger) -> None:
    rows = made(ledger).rows
    assert [row.name for row in rows] == ["count=20", "count=1", "count=5"]
    assert [row.difference for row in rows] == ["–", "−2.5", "−1.3"]
    assert [row.interval for row in rows] == ["", "−4.6 to −0.4", "−3.4 to +0.8"]


def test_a_score_is_the_mean_and_the_standard_deviation_of_the_seeds(ledger: Ledger) -> None:
    finals = [trial["final"] for trial in ledger.plan["trials"] if trial["arm"] == "count=20"]
    values = [row[5] for row in ledger.records if row[0] in finals and row[2:5] == ("map", "val_seen", 3)]
    mean = sum(values) / 3
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / 2)
    cell = made(ledger).rows[0].scores[0]
    assert (cell.mean, cell.spread) == (f"{mean:.1f}", f"{spread:.1f}")


def test_an_arm_without_results_keeps_its_row(ledger: Ledger) -> None:
    for seed in range(3):
        ledger.lose("count=5", seed)
    row = made(ledger).rows[-1]
    assert (row.name, row.seeds, [cell.mean for cell in row.scores]) == ("count=5", "0", ["–", "–"])


def test_one_seed_has_no_spread(ledger: Ledger) -> None:
    for seed in (1, 2):
        ledger.lose("count=5", seed)
    row = made(ledger).rows[-1]
    assert (row.seeds, row.scores[0].spread) == ("1", "")


def test_a_score_that_is_not_a_number_is_told(ledger: Ledger) -> None:
    final = ledger.plan["trials"][0]["final"]
    ledger.records = [
        (*row[:5], math.nan, row[6]) if row[0] == final and row[2:4] == ("map", "val_seen") else row
        for row in ledger.records
    ]
    cells = {row.name: row.scores[0].mean for row in made(ledger).rows}
    assert cells["count=1"] == "NaN"
    assert cells["count=5"] != "NaN"


@pytest.mark.parametrize("revealed", [False, True])
def test_test_splits_have_columns_once_they_are_open(revealed: bool) -> None:
    ledger = make_ledger(splits=("test_seen", "test_unseen", "val_seen", "val_unseen"))
    ledger.revealed_at = ledger.began if revealed else None
    opened = ["Seen (test)", "Unseen (test)"] if revealed else []
    assert made(ledger).splits == ["Seen (val)", "Unseen (val)", *opened]


def test_of_costs_it_tells_latency_memory_and_operations_and_spreads_of_what_is_timed() -> None:
    ledger = make_cost_ledger()
    whole = made(ledger)
    assert whole.splits == ["Latency, ms", "Memory of a pass", "GFLOPs a clip"]
    latency, memory, gflops = whole.rows[1].scores
    finals = [trial["final"] for trial in ledger.plan["trials"] if trial["arm"] == "network=one token"]
    values = [row[5] for row in ledger.records if row[0] in finals and row[2] == "latency_median"]
    assert latency.mean == f"{sum(values) / 3:.2f}"
    assert latency.spread
    assert (memory.mean, memory.spread, gflops.mean, gflops.spread) == ("2.7 MB", "", "0.0900", "")
    assert "in % of latency, seed by seed" in whole.reading


def test_an_arm_without_costs_keeps_its_row() -> None:
    ledger = make_cost_ledger()
    for trial in ledger.plan["trials"]:
        if trial["arm"] == "network=one token":
            ledger.runs.pop(trial["final"])
    row = made(ledger).rows[1]
    assert (row.seeds, [cell.mean for cell in row.scores]) == ("0", ["–"] * 3)
