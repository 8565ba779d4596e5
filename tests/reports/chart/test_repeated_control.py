import polars as pl
import pytest

from reports import query
from reports.chart import repeated_control
from tests.reports.made_ledger import EDITION, Ledger, make_ledger
from tests.reports.made_measured import make_repeated_ledger
from tests.reports.test_charts import data_with


def frame_of(ledger: Ledger) -> pl.DataFrame:
    with ledger.connect() as connection:
        return query.table(connection, repeated_control.SQL, edition=EDITION)


def test_the_control_again_differs_by_what_its_trainings_do() -> None:
    ledger = make_repeated_ledger(shift=0.7)
    frame = frame_of(ledger)
    drawn = data_with(repeated_control.draw(frame, ledger.plan), "is_control_again", "difference")
    again = drawn.filter(pl.col("is_control_again")).sort("seed")
    assert again["difference"].to_list() == pytest.approx([-0.7, 0, 0.7])
    assert "differs from itself by 0.7 points of mAP at most, over 3 seeds" in repeated_control.describe(
        frame, ledger.plan
    )


def test_differences_of_other_arms_beyond_its_reach_are_counted() -> None:
    ledger = make_repeated_ledger(shift=50.0)
    assert "0 of 6 differences" in repeated_control.describe(frame_of(ledger), ledger.plan)


def test_it_needs_a_control_that_was_trained_once_more() -> None:
    assert not repeated_control.applies(make_ledger().plan)
    assert repeated_control.applies(make_repeated_ledger().plan)
