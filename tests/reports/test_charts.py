"""What single charts compute from their rows."""

import io
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from scipy import stats

from reports import headline, marks, query
from reports.chart import contrasts, cost, gap, inference_cost, learning_curves, muscle_heatmap, response_curve
from tests.reports.made_ledger import EDITION, FACTOR, Ledger, make_answer, make_cost_ledger, make_ledger


def rows_of(ledger: Ledger, sql: str) -> pl.DataFrame:
    with ledger.connect() as connection:
        return query.table(connection, sql, edition=EDITION)


def drawing(chart: ModuleType, ledger: Ledger) -> Any:
    return chart.draw(rows_of(ledger, chart.SQL), ledger.plan)


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Walk all mappings of a chart."""
    if isinstance(tree, dict):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(part)


def data_with(drawn: Any, *columns: str) -> pl.DataFrame:
    """Read back the one data set of a chart that has these columns."""
    tables = [pl.read_csv(io.StringIO(text)) for text in drawn.to_dict()["datasets"].values()]
    found = [table for table in tables if set(columns) <= set(table.columns)]
    assert len(found) == 1
    return found[0]


def scale_of(drawn: Any, field: str) -> dict[str, Any]:
    return next(node["scale"] for node in nodes(drawn.to_dict()) if node.get("field") == field and "scale" in node)


def test_intervals_over_seeds_are_students() -> None:
    scores = [40.0, 41.5, 44.0]
    frame = pl.DataFrame({"arm": ["a"] * 3 + ["b"], "map": [*scores, 50.0]})
    row, single = marks.over_seeds(frame, ["arm"]).to_dicts()
    low, high = stats.t.interval(0.95, 2, loc=sum(scores) / 3, scale=stats.sem(scores))
    assert (row["low"], row["high"], row["seeds"]) == (pytest.approx(low), pytest.approx(high), 3)
    assert (single["mean"], single["low"], single["high"]) == (50.0, None, None)


def test_levels_that_span_a_wide_range_stand_on_a_log_axis_and_others_on_a_linear_one() -> None:
    wide, close = make_ledger((1, 5, 20)), make_ledger((10, 15, 20))
    drawn = [drawing(response_curve, one) for one in (wide, close)]
    assert [scale_of(chart, "level").get("type") for chart in drawn] == ["log", None]


def test_the_axis_has_the_settings_own_name(ledger: Ledger) -> None:
    drawn = drawing(response_curve, ledger).to_dict()
    titles = {node["title"] for node in nodes(drawn) if node.get("field") == "level"}
    assert titles == {f"{FACTOR} (log scale)"}


def test_a_response_needs_three_numbers() -> None:
    assert not response_curve.applies(make_ledger((1, 20)).plan)
    assert not response_curve.applies(make_ledger(("a", "b", "c"), "a").plan)
    assert not response_curve.applies(make_ledger((True, False), True).plan)


def test_a_repeated_control_is_no_point_of_the_curve(ledger: Ledger) -> None:
    again = {"name": "control again", "is_control": False, "levels": {FACTOR: 20}, "replicate": 1}
    ledger.plan["arms"].append(again)
    frame = rows_of(ledger, response_curve.SQL)
    with_again = pl.concat(
        [frame, frame.filter(pl.col("is_control")).with_columns(pl.lit("control again").alias("arm"))]
    )
    drawn = response_curve.draw(with_again, ledger.plan)
    assert data_with(drawn, "level", "mean")["arm"].unique().sort().to_list() == ["count=1", "count=20", "count=5"]


def test_lines_join_only_arms_that_share_their_other_levels(ledger: Ledger) -> None:
    other = "model.tokens.dropout"
    ledger.plan["factors"][other] = [0.0, 0.5]
    for arm in ledger.plan["arms"]:
        arm["levels"][other] = 0.0
    lone = {"name": "dropout=0.5", "is_control": False, "levels": {FACTOR: 20, other: 0.5}, "replicate": 0}
    ledger.plan["arms"].append(lone)
    frame = rows_of(ledger, response_curve.SQL)
    with_lone = pl.concat([frame, frame.filter(pl.col("is_control")).with_columns(pl.lit("dropout=0.5").alias("arm"))])
    drawn = response_curve.draw(with_lone, ledger.plan)
    assert "dropout=0.5" not in data_with(drawn, "level", "mean")["arm"].to_list()


def test_the_gap_is_unseen_minus_seen(ledger: Ledger) -> None:
    frame = rows_of(ledger, gap.SQL)
    gaps = data_with(gap.draw(frame, ledger.plan), "gap", "seen", "unseen")
    means = {
        (arm, split): value
        for arm, split, value in frame.group_by("arm", "split").agg(pl.col("map").mean()).iter_rows()
    }
    assert dict(gaps.select("arm", "gap").iter_rows()) == {
        arm: pytest.approx(means[arm, "val_unseen"] - means[arm, "val_seen"], abs=1e-4) for arm in gaps["arm"]
    }


def test_epochs_are_counted_through_the_phases_of_a_trial(ledger: Ledger) -> None:
    drawn = drawing(learning_curves, ledger)
    seeds = data_with(drawn, "trial", "epoch", "loss").filter(pl.col("arm") == "count=5")
    assert seeds["epoch"].to_list() == 3 * list(range(1, 10))


def test_a_pruned_training_is_drawn_to_its_end_and_is_in_no_mean(ledger: Ledger) -> None:
    whole = drawing(learning_curves, ledger)
    ledger.lose("count=5", 1, state="pruned")
    drawn = drawing(learning_curves, ledger)
    marked = [node for node in nodes(drawn.to_dict()) if node.get("shape") == "cross"]
    before, after = (
        pl.read_csv(io.StringIO(text)).filter(pl.col("arm") == "count=5")
        for chart in (whole, drawn)
        for text in chart.to_dict()["datasets"].values()
        if text.startswith("arm,epoch,map_seen\n")
    )
    assert marked
    assert before.join(after, on=["arm", "epoch"]).filter(pl.col("map_seen") != pl.col("map_seen_right")).height == 9


def test_a_pruned_training_among_many_arms_leaves_every_arm_its_colour() -> None:
    ledger = make_ledger(tuple(f"kind {number}" for number in range(12)), "kind 0", factor="model.fusion")
    ledger.lose("fusion=kind 3", 1, state="pruned")
    drawn = drawing(learning_curves, ledger).to_dict()
    domains = [node["scale"]["domain"] for node in nodes(drawn) if node.get("field") == "arm" and "scale" in node]
    assert {len(domain) for domain in domains} == {12}


def test_a_cell_is_the_mean_paired_difference_over_the_seeds_both_have(ledger: Ledger) -> None:
    ledger.lose("count=20", 0)
    frame = rows_of(ledger, muscle_heatmap.SQL)
    cell = frame.filter((pl.col("arm") == "count=5") & (pl.col("split") == "val_seen") & (pl.col("muscle") == "glutes"))
    keys = {(trial["arm"], trial["seed"]): trial["final"] for trial in ledger.plan["trials"]}
    values = {row[0]: row[5] for row in ledger.records if row[2:5] == ("ap.glutes", "val_seen", 3)}
    differences = [values[keys["count=5", seed]] - values[keys["count=20", seed]] for seed in (1, 2)]
    assert cell["seeds"].item() == 2
    assert cell["difference"].item() == pytest.approx(sum(differences) / 2)


def test_a_muscle_that_was_not_measured_has_no_cell(ledger: Ledger) -> None:
    ledger.records = [row for row in ledger.records if row[2:4] != ("ap.calves", "val_unseen")]
    frame = rows_of(ledger, muscle_heatmap.SQL)
    assert set(frame.filter(pl.col("muscle") == "calves")["split"]) == {"val_seen"}


def test_seed_differences_are_those_of_the_claims_splits(ledger: Ledger) -> None:
    frame = rows_of(ledger, contrasts.SQL)
    plan = {**ledger.plan, "answer": headline.as_plain(make_answer(ledger.plan))}
    both = data_with(contrasts.draw(frame, plan), "seed", "difference")
    seen = data_with(
        contrasts.draw(frame, plan | {"claim": plan["claim"] | {"split": "val_seen"}}), "seed", "difference"
    )
    by = ["arm", "seed"]
    of_both = frame.group_by(by).agg(pl.col("difference").mean())
    of_seen = frame.filter(pl.col("split") == "val_seen")
    for drawn, expected in ((both, of_both), (seen, of_seen)):
        joined = drawn.join(expected, on=by)
        assert joined.height == 6
        assert joined["difference"].to_list() == pytest.approx(joined["difference_right"].to_list(), abs=1e-4)


def test_the_margin_is_drawn_unless_it_is_nothing(ledger: Ledger) -> None:
    frame = rows_of(ledger, contrasts.SQL)
    bands = []
    for smallest in (1.0, 0.0):
        plan = {**ledger.plan, "claim": ledger.plan["claim"] | {"smallest": smallest}}
        drawn = contrasts.draw(frame, plan).to_dict()
        bands.append(sum(node.get("type") == "rect" for node in nodes(drawn)))
    assert bands == [1, 0]


def test_an_interval_that_is_unknown_is_said_and_not_drawn(ledger: Ledger) -> None:
    answer = headline.as_plain(make_answer(ledger.plan))
    for contrast in answer["contrasts"]:
        contrast |= {"low": float("nan"), "high": float("nan"), "p_adjusted": float("nan")}
    plan = {**ledger.plan, "answer": answer}
    frame = rows_of(ledger, contrasts.SQL)
    drawn = data_with(contrasts.draw(frame, plan), "low", "high", "told")
    assert drawn["low"].null_count() == 2
    assert "no interval" in contrasts.describe(frame, plan)


def test_a_shared_phase_costs_its_time_once(ledger: Ledger) -> None:
    rows = {row["phase"]: row for row in rows_of(ledger, cost.SQL).to_dicts()}
    assert list(rows) == ["rgb", "sender", "joint"]
    assert rows["sender"] == {
        "phase": "sender",
        "trainings": 3,
        "needed": 9,
        "epochs": pytest.approx(18),
        "epochs_saved": pytest.approx(36),
        "seconds": pytest.approx(45),
        "seconds_saved": pytest.approx(90),
    }
    assert rows["rgb"]["seconds_saved"] == pytest.approx(0)


def test_differences_of_costs_are_percent_of_the_control_seed_by_seed() -> None:
    ledger = make_cost_ledger()
    frame = rows_of(ledger, contrasts.SQL)
    assert frame["difference"].is_null().all()
    medians = {row[0]: row[5] for row in ledger.records if row[2] == "latency_median"}
    whole, small = ((trial["final"]) for trial in ledger.plan["trials"][:2])
    first = frame.filter(pl.col("arm") == "network=one token", pl.col("seed") == 0)
    controls = [medians[trial["final"]] for trial in ledger.plan["trials"] if trial["arm"] == "network=whole"]
    difference = medians[small] - medians[whole]
    assert first["latency_percent"].to_list() == [pytest.approx(100 * difference / (sum(controls) / len(controls)))]
    assert first["peak_memory_percent"].to_list() == [pytest.approx(-10)]
    told = contrasts.describe(frame, {**ledger.plan, "answer": headline.as_plain(make_answer(ledger.plan))})
    assert told.startswith("Difference to network=whole in % of latency, with interval: network=one token −")


def test_what_inference_costs_is_the_mean_of_the_seeds_with_the_middle_half_of_their_repeats() -> None:
    ledger = make_cost_ledger()
    frame = rows_of(ledger, inference_cost.SQL)
    assert len(frame) == 9
    final = ledger.plan["trials"][0]["final"]
    repeats = sorted(row[5] for row in ledger.records if row[0] == final and row[2] == "latency")
    row = frame.filter(pl.col("arm") == "network=whole", pl.col("seed") == 0).row(0, named=True)
    assert (row["low_ms"], row["latency_ms"], row["high_ms"]) == tuple(map(pytest.approx, repeats[1:4]))
    told = inference_cost.describe(frame, ledger.plan)
    assert told.startswith("Mean over seeds. network=whole: 8.")
    assert " ms, 3.0 MB, 0.423 M parameters, 0.100 GFLOPs; network=one token: " in told


def test_costs_that_differ_much_stand_on_a_log_axis() -> None:
    close, wide = make_cost_ledger(), make_cost_ledger([str(number) for number in range(40)])
    drawn = [drawing(inference_cost, one) for one in (close, wide)]
    assert [scale_of(chart, "gflops").get("type") for chart in drawn] == [None, "log"]
