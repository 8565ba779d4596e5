"""What every file in reports/chart promises. A new chart is held to it by being there."""

import re
from types import ModuleType
from typing import Any

import altair as alt
import polars as pl
import pytest
import vl_convert
from polars.testing import assert_frame_equal

from models import catalog
from reports import headline, query, theme
from tests.reports.made_ledger import (
    EDITION,
    Ledger,
    make_answer,
    make_cost_ledger,
    make_ledger,
    make_probed_ledger,
    make_tuned_ledger,
)
from tests.reports.made_measured import make_measured_ledger, make_repeated_ledger

CHARTS = [catalog.load("reports.chart", name) for name in catalog.names("reports.chart")]


def name_of(chart: ModuleType) -> str:
    return chart.__name__.rpartition(".")[2]


every_chart = pytest.mark.parametrize("chart", CHARTS, ids=name_of)
VIEWS = {"finals", "differences", "curves", "costs", "failures", "tuned"}
TABLES = {"editions", "arms", "comparisons", "phases", "tuning", "runs", "records", "predictions"}
LEDGERS = {
    "signatures": make_probed_ledger,
    "inference_cost": make_cost_ledger,
    "repeated_control": make_repeated_ledger,
    "tuning": make_tuned_ledger,
}
"""Charts of what the usual edition does not have."""
COSTED = {"pareto": make_measured_ledger}
"""Charts that draw less of the usual edition."""


@pytest.fixture
def ledger(chart: ModuleType) -> Ledger:
    """An edition that has what the chart shows, all done; a test may take things away before it connects."""
    return (LEDGERS | COSTED).get(name_of(chart), make_ledger)()


def frame_of(chart: ModuleType, ledger: Ledger) -> pl.DataFrame:
    with ledger.connect() as connection:
        return query.table(connection, chart.SQL, edition=EDITION)


def lose_final(ledger: Ledger, arm: str, seed: int) -> None:
    """Take a trial's result away, whatever its last phase is."""
    final = next(trial["final"] for trial in ledger.plan["trials"] if (trial["arm"], trial["seed"]) == (arm, seed))
    ledger.runs[final] |= {"state": "failed"}
    ledger.records = [row for row in ledger.records if row[0] != final]


def told(ledger: Ledger) -> dict[str, Any]:
    """Give a plan as the page hands it to charts."""
    return {**ledger.plan, "answer": headline.as_plain(make_answer(ledger.plan))}


def svg(drawn: Any) -> str:
    """Let Vega draw a chart without a browser, in the light theme."""
    spec = drawn.to_dict()
    spec["config"] = theme.config()
    drawing: str = vl_convert.vegalite_to_svg(spec)
    return drawing


@every_chart
def test_a_chart_says_what_it_is_and_how_to_read_it(chart: ModuleType) -> None:
    assert min(len(chart.TITLE), len(chart.SHORT)) > 2
    assert len(chart.SHORT) <= 12
    assert chart.READING.endswith(".")


def test_charts_stand_in_one_order() -> None:
    assert len({chart.PLACE for chart in CHARTS}) == len(CHARTS)


@every_chart
def test_the_sql_under_a_chart_reads_what_people_query(chart: ModuleType) -> None:
    made_here = set(re.findall(r"(\w+) as \(", chart.SQL))
    read = set(re.findall(r"\b(?:from|join)\s+(\w+)", chart.SQL))
    assert read - made_here <= VIEWS | TABLES
    assert "$edition" in chart.SQL


@every_chart
def test_a_chart_is_valid_draws_marks_and_says_what_they_show(chart: ModuleType, ledger: Ledger) -> None:
    plan = told(ledger)
    frame = frame_of(chart, ledger)
    drawn = chart.draw(frame, plan)
    drawing = svg(drawn)
    assert chart.applies(plan)
    assert len(re.findall(r"<(?:path|text|rect|line)\b", drawing)) > 20
    assert "NaN" not in drawing
    assert re.search(r"\d", chart.describe(frame, plan))


@every_chart
def test_a_chart_uses_only_colours_that_the_page_defines(chart: ModuleType, ledger: Ledger) -> None:
    drawing = svg(chart.draw(frame_of(chart, ledger), told(ledger)))
    sheet = theme.stylesheet(ledger.plan["arms"])
    used = set(re.findall(r"var\((--[\w-]+)\)", drawing))
    assert used
    assert [name for name in used if f"{name}:" not in sheet] == []


@every_chart
def test_the_order_of_rows_in_the_ledger_does_not_matter(chart: ModuleType, ledger: Ledger) -> None:
    plan = told(ledger)
    frame = frame_of(chart, ledger)
    ledger.records.reverse()
    ledger.runs = dict(reversed(ledger.runs.items()))
    again = frame_of(chart, ledger)
    assert_frame_equal(frame, again)
    assert chart.draw(frame, plan).to_dict() == chart.draw(again, plan).to_dict()


@every_chart
def test_an_edition_without_results_gives_no_rows(chart: ModuleType, ledger: Ledger) -> None:
    ledger.runs.clear()
    ledger.records.clear()
    assert frame_of(chart, ledger).is_empty()


@every_chart
def test_another_edition_of_the_study_is_never_mixed_in(chart: ModuleType, ledger: Ledger) -> None:
    with ledger.connect() as connection:
        assert query.table(connection, chart.SQL, edition="token_count_sweep--small").is_empty()


@every_chart
@pytest.mark.parametrize(
    "other",
    [
        make_ledger(seeds=(0,)),
        make_ledger(splits=("val_seen", "val_unseen", "test_seen", "test_unseen")),
        make_ledger(("mctf", "mean", "</script>\"'\\"), "mctf", factor="model.fusion"),
        make_ledger(tuple(range(14)), 3, seeds=(0, 1)),
        make_cost_ledger(seeds=(0,)),
        make_cost_ledger([f"</script>\"'{number}" for number in range(14)]),
    ],
    ids=["one seed", "all splits", "hostile names", "many arms", "costs of one seed", "costs of many arms"],
)
def test_a_chart_draws_what_other_studies_hold(chart: ModuleType, other: Ledger) -> None:
    other.revealed_at = other.began
    plan = told(other)
    if chart.applies(plan):
        assert "</svg>" in svg(chart.draw(frame_of(chart, other), plan))


def test_charts_of_scores_do_not_apply_to_costs_nor_the_other_way_round() -> None:
    scores, costs = make_ledger().plan, make_cost_ledger().plan
    assert {name_of(chart) for chart in CHARTS if chart.applies(costs)} == {"contrasts", "cost", "inference_cost"}
    assert {name_of(chart) for chart in CHARTS if not chart.applies(scores)} == LEDGERS.keys()


@every_chart
def test_a_chart_draws_what_there_is_while_a_study_runs(chart: ModuleType, ledger: Ledger) -> None:
    arms = [arm["name"] for arm in sorted(ledger.plan["arms"], key=lambda arm: arm["is_control"])]
    for place, seed in ((0, 0), (0, 1), (0, 2), (1, 1), (2, 2)):
        lose_final(ledger, arms[place], seed)
    frame = frame_of(chart, ledger)
    assert "</svg>" in svg(chart.draw(frame, told(ledger)))


@every_chart
def test_a_chart_that_only_has_the_control_draws_it_or_nothing(chart: ModuleType, ledger: Ledger) -> None:
    for arm in (arm["name"] for arm in ledger.plan["arms"] if not arm["is_control"]):
        for seed in range(3):
            lose_final(ledger, arm, seed)
    frame = frame_of(chart, ledger)
    if not frame.is_empty():
        drawn = chart.draw(frame, told(ledger))
        assert drawn is None or isinstance(drawn, alt.TopLevelMixin)
