"""The gain of an activity is the difference of scikit-learn's label ranking average precision."""

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import label_ranking_average_precision_score

from reports import query
from reports.chart import activity_gain
from tests.reports.made_ledger import EDITION, Ledger, make_ledger

NAN = float("nan")


def gains(ledger: Ledger) -> pl.DataFrame:
    with ledger.connect() as connection:
        return query.table(connection, activity_gain.SQL, edition=EDITION)


def by_sklearn(ledger: Ledger, arm: str, seed: int, activity: str) -> float:
    """Rank the clips of one activity, in points."""
    (key,) = [trial["final"] for trial in ledger.plan["trials"] if (trial["arm"], trial["seed"]) == (arm, seed)]
    rows = [row for row in ledger.predictions if row[0] == key and row[2] == activity]
    labels_NC, scores_NC = np.array([row[7] for row in rows]), np.array([row[6] for row in rows])
    measured_C = ~np.isnan(scores_NC).any(axis=0)
    return 100 * float(label_ranking_average_precision_score(labels_NC[:, measured_C], scores_NC[:, measured_C]))


@pytest.mark.parametrize("activity", ["val_seen 0", "val_unseen 5"])
def test_a_gain_is_the_difference_to_the_control_in_label_ranking_average_precision(activity: str) -> None:
    ledger = make_ledger()
    found = gains(ledger).filter(pl.col("activity") == activity)
    assert len(found) == 2 * 3
    for row in found.to_dicts():
        arm, control = (by_sklearn(ledger, name, row["seed"], activity) for name in (row["arm"], "count=20"))
        assert row["gain"] == pytest.approx(arm - control)
        assert row["motion"] == pytest.approx(2.0 * int(activity[-1]) + 0.5)


def test_ties_count_as_scikit_learn_counts_them() -> None:
    ledger = make_ledger(seeds=(0,))
    ledger.predictions = [(*row[:6], [round(score) for score in row[6]], row[7]) for row in ledger.predictions]
    for row in gains(ledger).to_dicts():
        arm, control = (by_sklearn(ledger, name, 0, row["activity"]) for name in (row["arm"], "count=20"))
        assert row["gain"] == pytest.approx(arm - control)


def test_muscle_groups_that_are_not_measured_are_in_no_ranking() -> None:
    ledger = make_ledger(seeds=(0,))
    ledger.predictions = [(*row[:6], [NAN, NAN, *row[6][2:]], row[7]) for row in ledger.predictions]
    for row in gains(ledger).filter(pl.col("activity") == "val_seen 4").to_dicts():
        arm, control = (by_sklearn(ledger, name, 0, row["activity"]) for name in (row["arm"], "count=20"))
        assert row["gain"] == pytest.approx(arm - control)


def test_test_splits_and_trials_without_their_control_are_left_out() -> None:
    ledger = make_ledger(splits=("val_seen", "val_unseen", "test_seen", "test_unseen"))
    ledger.lose("count=20", 1)
    found = gains(ledger)
    assert set(found["split"]) == {"val_seen", "val_unseen"}
    assert set(found["seed"]) == {0, 2}


def test_words_tell_the_mean_gain_and_how_it_goes_with_motion() -> None:
    ledger = make_ledger()
    told = activity_gain.describe(gains(ledger), ledger.plan)
    assert told.startswith("Mean gain over count=20. count=1: ")
    assert "points on 6 seen activities" in told
    assert "rank correlation with motion" in told
