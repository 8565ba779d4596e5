import polars as pl
import pytest

from reports import query
from reports.chart import body_map, muscle_heatmap
from tests.reports.made_ledger import EDITION, Ledger, make_ledger


def frame_of(ledger: Ledger, sql: str = muscle_heatmap.SQL) -> pl.DataFrame:
    with ledger.connect() as connection:
        return query.table(connection, sql, edition=EDITION)


def mean_ap(ledger: Ledger, arm: str) -> float:
    frame = frame_of(ledger).filter(pl.col("arm") == arm, pl.col("split") == "val_seen")
    return float(frame.sort("muscle")["ap"][0])


def test_a_cell_is_what_the_arm_gains_on_the_control() -> None:
    ledger = make_ledger()
    own = frame_of(ledger).filter(pl.col("arm") == "count=1", pl.col("split") == "val_seen").sort("muscle")
    assert own["difference"][0] == pytest.approx(mean_ap(ledger, "count=1") - mean_ap(ledger, "count=20"))
    assert not own["is_control"].any()


def test_the_control_shows_its_own_value() -> None:
    control = frame_of(make_ledger()).filter("is_control")
    assert set(control["arm"]) == {"count=20"}
    assert set(control["difference"]) == {0.0}


def test_an_arm_is_compared_with_the_control_of_its_own_group() -> None:
    whole, grouped = make_ledger(), make_ledger()
    grouped.plan["claim"] |= {"controls": {"count=1": "count=5"}, "held": "count=5", "within": "count", "here": "20"}
    expected = (
        mean_ap(whole, "count=1")
        - frame_of(whole).filter(pl.col("arm") == "count=5", pl.col("split") == "val_seen").sort("muscle")["ap"][0]
    )
    for sql in (muscle_heatmap.SQL, body_map.SQL):
        frame = frame_of(grouped, sql).filter(pl.col("arm") != "count=20", pl.col("split") == "val_seen")
        assert set(frame["arm"]) == {"count=1"}, "controls of groups gain nothing"
        assert frame.sort("muscle")["difference"][0] == pytest.approx(expected)
