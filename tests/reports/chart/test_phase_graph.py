import polars as pl

from reports import query
from reports.chart import phase_graph
from tests.reports.made_ledger import EDITION, Ledger, make_ledger
from tests.reports.made_measured import make_repeated_ledger
from tests.reports.test_charts import data_with


def frame_of(ledger: Ledger) -> pl.DataFrame:
    with ledger.connect() as connection:
        return query.table(connection, phase_graph.SQL, edition=EDITION)


def test_a_shared_phase_is_one_mark_that_leads_to_all_that_start_from_it(ledger: Ledger) -> None:
    drawn = phase_graph.draw(frame_of(ledger), ledger.plan)
    marks, lines = data_with(drawn, "sharing", "uses"), data_with(drawn, "x2", "y2")
    assert sorted(marks["name"]) == [
        *(f"joint count={count}" for count in (1, 20, 5)),
        *(f"rgb count={count}" for count in (1, 20, 5)),
        "sender of 3 arms",
    ]
    sender = marks.filter(pl.col("phase") == "sender").row(0, named=True)
    assert (sender["uses"], sender["seeds_done"], sender["sharing"]) == (3, "3 of 3", "shared by arms")
    assert len(lines) == 6
    assert len(lines.filter(pl.col("y") == sender["y"])) == 3


def test_what_starts_from_a_phase_stands_to_its_right(ledger: Ledger) -> None:
    lines = data_with(phase_graph.draw(frame_of(ledger), ledger.plan), "x2", "y2")
    assert (lines["x2"] > lines["x"]).all()


def test_phases_without_a_result_are_told_apart(ledger: Ledger) -> None:
    ledger.lose("count=5", 1)
    frame = frame_of(ledger)
    assert frame.filter(pl.col("state") != "done").select("phase", "arms", "seed", "state").rows() == [
        ("joint", "count=5", 1, "failed")
    ]
    assert "joint: 9 trained for 9 trials, 0 of them shared, 8 done." in phase_graph.describe(frame, ledger.plan)


def test_arms_whose_names_hold_commas_stay_apart() -> None:
    ledger = make_ledger(("a, b", "a", "b"), "a", factor="model.fusion")
    names = data_with(phase_graph.draw(frame_of(ledger), ledger.plan), "sharing", "name")["name"]
    assert "rgb fusion=a, b" in names.to_list()
    assert "sender of 3 arms" in names.to_list()


def test_a_control_trained_again_shares_what_it_starts_from() -> None:
    ledger = make_repeated_ledger()
    told = phase_graph.describe(frame_of(ledger), ledger.plan)
    assert "rgb: 9 trained for 12 trials, 3 of them shared, 9 done" in told
