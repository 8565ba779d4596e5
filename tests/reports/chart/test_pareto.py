import json

import polars as pl
import pytest

from reports import query
from reports.chart import pareto
from tests.reports.made_ledger import EDITION, Ledger, make_ledger
from tests.reports.made_measured import make_measured_ledger
from tests.reports.test_charts import nodes


def frame_of(ledger: Ledger) -> pl.DataFrame:
    with ledger.connect() as connection:
        return query.table(connection, pareto.SQL, edition=EDITION)


def test_costs_are_those_measured_of_the_same_network() -> None:
    costs = frame_of(make_measured_ledger()).group_by("arm").agg(pl.col("latency_ms", "gflops").mean())
    assert sorted(costs["latency_ms"]) == [4, 6, 8]
    assert sorted(costs["gflops"]) == pytest.approx([0.1, 0.11, 0.12])


def test_another_network_or_another_size_of_clips_has_no_cost() -> None:
    ledger = make_measured_ledger()
    finals = [trial["final"] for trial in ledger.plan["trials"] if trial["arm"] == "count=5"]
    for final in finals:
        settings = json.loads(ledger.runs[final]["settings"])
        ledger.runs[final]["settings"] = json.dumps(settings | {"data": {"frames": 16, "size": 64}})
    costs = frame_of(ledger)
    assert costs.filter(pl.col("arm") == "count=5")["latency_ms"].null_count() == 6
    assert costs.filter(pl.col("arm") != "count=5")["latency_ms"].null_count() == 0


@pytest.mark.parametrize("other", [{"threads": 8}, {"device": "cuda, a card"}])
def test_costs_that_were_measured_in_another_way_are_not_compared(other: dict[str, object]) -> None:
    ledger = make_measured_ledger()
    (one, *_) = [run for run in ledger.runs.values() if run["phase"] == "profile"]
    one |= other
    costs = frame_of(ledger).group_by("arm").agg(pl.col("latency_ms").mean())
    assert costs["latency_ms"].null_count() == 1


def test_the_front_holds_what_nothing_beats_in_both() -> None:
    told = pareto.describe(frame_of(make_measured_ledger()), make_measured_ledger().plan)
    assert told.startswith("On the front of mAP against latency of a clip (ms): count=1 (")
    assert "at 4.00 ms), count=5 (" in told
    dear = make_measured_ledger(levels=(20, 5, 1))  # later arms score higher and cost more
    for key in [trial["final"] for trial in dear.plan["trials"] if trial["arm"] == "count=1"]:
        dear.records = [
            (*row[:5], row[5] - 30, row[6]) if row[0] == key and row[2] == "map" else row for row in dear.records
        ]
    assert "count=1 (" not in pareto.describe(frame_of(dear), dear.plan)


def test_without_measurements_arms_stand_against_what_trainings_tell() -> None:
    ledger = make_ledger()
    drawn = pareto.draw(frame_of(ledger), ledger.plan).to_dict()
    assert {node["title"] for node in nodes(drawn) if node.get("field") == "parameters_m" and "scale" in node} == {
        "parameters (millions)"
    }
    assert not [node for node in nodes(drawn) if node.get("field") == "training_mb"]


def test_arms_that_cost_the_same_are_said_to() -> None:
    ledger = make_ledger()
    for place, run in enumerate(ledger.runs.values()):
        run |= {"parameters": 423_123, "peak_memory_bytes": 812_000_000 + 100_000 * place}
    frame = frame_of(ledger)
    assert pareto.draw(frame, ledger.plan) is None
    assert pareto.describe(frame, ledger.plan) == "As far as it is known, all 3 arms cost the same."
