import csv
import gzip
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from results.claim import Claim
from results.contrast import compare_measured
from results.interval import Estimate, Part
from results.measure import Measured

CURVES = Path(__file__).parents[3] / "shared/data/curves/nanogpt_val_curves.csv.gz"
RECORD = "records/track_1_short/2026-07-17_FP8DownProjection/"

Column = dict[str, NDArray[np.float64]]


def part(values: NDArray[np.float64]) -> Part:
    return Part(float(values.var(ddof=1)) / len(values), len(values) - 1)


def difference(left: NDArray[np.float64], right: NDArray[np.float64]) -> Estimate:
    return Estimate.of(float(left.mean() - right.mean()), [part(left), part(right)])


def last_of_each_run(column: str) -> Column:
    """Read the last value of every run of the published record, by arm."""
    if not CURVES.exists():
        pytest.skip(f"{CURVES} is missing: the recorded curves are not on this machine")
    last: dict[str, dict[str, tuple[int, float]]] = defaultdict(dict)
    with gzip.open(CURVES, "rt") as file:
        for row in csv.DictReader(file):
            if row["arm"].startswith(RECORD):
                runs = last[row["arm"].removeprefix(RECORD)]
                now = int(row["step"]), float(row[column])
                runs[row["run"]] = max(runs.get(row["run"], now), now)
    return {arm: np.array([value for _, value in runs.values()]) for arm, runs in last.items()}


def test_the_published_p_values_of_a_record_come_out() -> None:
    losses, times = last_of_each_run("val_loss"), last_of_each_run("train_time_ms")
    one_sample = {arm: Estimate.of(float(runs.mean()), [part(runs)]).p_below(3.28) / 2 for arm, runs in losses.items()}
    assert one_sample == pytest.approx({"baseline": 0.0042976481, "this_pr": 0.0006690604}, rel=1e-4)
    welch = difference(losses["this_pr"], losses["baseline"])
    assert welch.p_above(0) == pytest.approx(0.8587465, rel=1e-4)
    faster = difference(times["baseline"], times["this_pr"])
    assert faster.value / faster.error == pytest.approx(19.394, rel=1e-4)


def test_a_study_of_the_record_with_seeds_of_its_own_for_each_arm_answers_with_the_published_p() -> None:
    losses = last_of_each_run("val_loss")
    values = [*losses["this_pr"], *losses["baseline"]]
    seeds = range(len(losses["this_pr"])), range(100, 100 + len(losses["baseline"]))
    models = [(arm, seed) for arm, own in zip(("this_pr", "baseline"), seeds, strict=True) for seed in own]
    measured = Measured({model: row for row, model in enumerate(models)}, np.array(values), (), ())
    direction = "better" if losses["this_pr"].mean() > losses["baseline"].mean() else "worse"
    claim = Claim(control="baseline", which="this_pr", direction=direction, smallest=0.0, over="seeds")
    (contrast,) = compare_measured(measured, claim, ("baseline", "this_pr"), ())
    assert not contrast.is_paired
    assert contrast.p == pytest.approx(0.8587465, rel=1e-4)


def test_one_part_is_students_t_and_two_are_welchs() -> None:
    generator = np.random.default_rng(0)
    left, right = generator.normal(0.8, 1, 5), generator.normal(0, 3, 9)
    paired = Estimate.of(float(left.mean()), [part(left)])
    assert paired.p_above(0) == pytest.approx(stats.ttest_1samp(left, 0).pvalue)
    assert paired.interval(0.05) == pytest.approx(stats.ttest_1samp(left, 0).confidence_interval(0.95))
    welch = stats.ttest_ind(left, right, equal_var=False)
    unpaired = difference(left, right)
    assert unpaired.df == pytest.approx(welch.df)
    assert unpaired.p_above(0) == pytest.approx(welch.pvalue)
    assert unpaired.interval(0.1) == pytest.approx(welch.confidence_interval(0.9))


@pytest.mark.parametrize("value", [-2.0, -0.3, 0.0, 0.4, 2.5])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_a_p_is_at_most_alpha_exactly_if_the_interval_excludes_the_bound(value: float, alpha: float) -> None:
    estimate = Estimate.of(value, [Part(0.2, 4), Part(0.05, 7)])
    low, high = estimate.interval(alpha)
    for bound in np.linspace(0, 3, 31):
        assert (estimate.p_above(bound) <= alpha) == (low > bound)
        assert (estimate.p_below(-bound) <= alpha) == (high < -bound)
        assert (estimate.p_within(bound) <= alpha) == (-bound < low and high < bound)


def test_a_part_without_variance_changes_nothing() -> None:
    assert Estimate.of(1.0, [Part(0.2, 4), Part(0.0, 7)]) == Estimate.of(1.0, [Part(0.2, 4)])


def test_without_any_variance_the_value_is_certain() -> None:
    certain = Estimate.of(1.0, [Part(0.0, 2)])
    assert certain.interval(0.05) == (1.0, 1.0)
    assert (certain.p_above(0.5), certain.p_above(1.0), certain.p_below(1.5)) == (0.0, 1.0, 0.0)


def test_an_unknown_part_leaves_no_interval_and_no_evidence() -> None:
    unknown = Estimate.of(5.0, [Part(math.nan, math.nan), Part(0.1, 7)])
    assert all(math.isnan(end) for end in unknown.interval(0.05))
    assert (unknown.p_above(0), unknown.p_below(0), unknown.p_within(9)) == (1.0, 1.0, 1.0)
