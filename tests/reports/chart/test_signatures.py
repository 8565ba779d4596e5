"""Signatures of failure: each as the difference that it names, and on the right side of its threshold."""

import json
from itertools import combinations
from statistics import fmean

import numpy as np
import polars as pl
import pytest

from reports import query
from reports.chart import signatures
from results.metric.average_precision import mean_average_precision
from tests.reports.made_ledger import EDITION, Ledger, make_ledger, make_probed_ledger

SENDER, SHUFFLED, CONTROL = "count=1", "count=5", "count=20"


def found_in(ledger: Ledger) -> pl.DataFrame:
    with ledger.connect() as connection:
        return query.table(connection, signatures.SQL, edition=EDITION)


def value(frame: pl.DataFrame, signature: str, seed: int = 0) -> float:
    return float(frame.filter(pl.col("signature") == signature, pl.col("seed") == seed)["value"].item())


def final(ledger: Ledger, arm: str, split: str, seed: int = 0) -> float:
    """Give the mAP of a trial's last epoch."""
    (key,) = [trial["final"] for trial in ledger.plan["trials"] if (trial["arm"], trial["seed"]) == (arm, seed)]
    return max((row[4], row[5]) for row in ledger.records if row[0] == key and row[2:4] == ("map", split))[1]


def test_each_signature_is_the_difference_that_it_names() -> None:
    ledger = make_probed_ledger()
    frame = found_in(ledger)
    seen, unseen = (final(ledger, CONTROL, f"val_{each}") for each in ("seen", "unseen"))
    assert value(frame, "overfitting") == pytest.approx(seen - unseen), "chance is the same for both splits here"
    for signature, arm, sign in (("reliance", SENDER, 1), ("damage", SHUFFLED, -1)):
        gained = fmean(
            final(ledger, arm, split) - final(ledger, CONTROL, split) for split in ("val_seen", "val_unseen")
        )
        assert value(frame, signature) == pytest.approx(sign * gained)
    assert dict(frame.select("signature", "threshold").unique().iter_rows()) == {
        "overfitting": 10.0, "reliance": 2.0, "instability": 0.1, "damage": 5.0
    }  # fmt: skip


def test_instability_is_the_mean_difference_of_scores_of_alike_activities_where_they_agree() -> None:
    ledger = make_probed_ledger()
    (key,) = [each["final"] for each in ledger.plan["trials"] if (each["arm"], each["seed"]) == (CONTROL, 0)]
    scores: dict[str, list[list[float]]] = {}
    labels: dict[str, list[int]] = {}
    for row in ledger.predictions:
        if row[0] == key:
            scores.setdefault(row[2], []).append(row[6])
            labels[row[2]] = row[7]
    means = {activity: [fmean(column) for column in zip(*clips, strict=True)] for activity, clips in scores.items()}
    spreads = []
    for one, other in combinations(means, 2):
        both = sum(a and b for a, b in zip(labels[one], labels[other], strict=True))
        either = sum(a or b for a, b in zip(labels[one], labels[other], strict=True))
        if both / either >= 0.6:
            agree = [place for place, (a, b) in enumerate(zip(labels[one], labels[other], strict=True)) if a == b]
            spreads.append(fmean(abs(means[one][place] - means[other][place]) for place in agree))
    assert len(spreads) > 5
    assert value(found_in(ledger), "instability") == pytest.approx(fmean(spreads))


def test_overfitting_is_measured_above_what_equal_scores_for_every_clip_reach() -> None:
    ledger = make_probed_ledger()
    ledger.predictions = [row for row in ledger.predictions if row[3] == "val_seen" or row[2].endswith(("0", "1"))]
    (key,) = [each["final"] for each in ledger.plan["trials"] if (each["arm"], each["seed"]) == (CONTROL, 0)]
    expected = 0.0
    for split, sign in (("val_seen", 1), ("val_unseen", -1)):
        labels_NC = np.array([row[7] for row in ledger.predictions if (row[0], row[3]) == (key, split)])
        chance = mean_average_precision(np.zeros(labels_NC.shape), labels_NC)
        expected += sign * (final(ledger, CONTROL, split) - chance)
    assert value(found_in(ledger), "overfitting") == pytest.approx(expected)


def test_a_probe_is_compared_with_the_training_that_it_probes_and_not_with_the_control() -> None:
    ledger = make_probed_ledger()
    other = {each["seed"]: each["final"] for each in ledger.plan["trials"] if each["arm"] == SENDER}
    for trial in ledger.plan["trials"]:
        if trial["arm"] == SHUFFLED:
            ledger.runs[trial["final"]]["parents"] = json.dumps({"baseline": other[trial["seed"]]})
    lost = fmean(final(ledger, SENDER, split) - final(ledger, SHUFFLED, split) for split in ("val_seen", "val_unseen"))
    assert value(found_in(ledger), "damage") == pytest.approx(lost)


def test_no_activities_alike_give_no_instability() -> None:
    ledger = make_probed_ledger()
    ledger.plan["settings"]["signatures"]["alike"] = 1.0
    alone = [row for row in ledger.predictions if row[2].endswith(("0", "4"))]
    ledger.predictions = [row for row in alone if row[3] == "val_seen"]
    assert "instability" not in found_in(ledger)["signature"].to_list()


def test_words_say_what_is_beyond_its_threshold() -> None:
    ledger = make_probed_ledger()
    ledger.plan["settings"]["signatures"] |= {"overfitting": 0.5, "damage": 90.0}
    told = signatures.describe(found_in(ledger), ledger.plan)
    assert "overfitting +" in told
    assert "(threshold 0.5), beyond the threshold" in told
    assert "(threshold 90.0), within the threshold" in told


def test_a_study_without_probes_has_none() -> None:
    assert signatures.applies(make_probed_ledger().plan)
    assert not signatures.applies(make_ledger().plan)
