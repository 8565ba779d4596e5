import polars as pl
import pytest

from reports import marks, query
from reports.chart import seeds
from tests.reports.made_ledger import EDITION, Ledger


def frame_of(ledger: Ledger) -> pl.DataFrame:
    with ledger.connect() as connection:
        return query.table(connection, seeds.SQL, edition=EDITION)


def test_a_seed_is_its_mean_over_the_claims_splits(ledger: Ledger) -> None:
    frame = frame_of(ledger)
    own = pl.col("arm") == "count=5", pl.col("seed") == 1
    both = frame.filter(*own)
    assert seeds.on_claim(frame, ledger.plan).filter(*own)["map"].item() == pytest.approx(both["map"].mean())
    of_seen = {**ledger.plan, "claim": ledger.plan["claim"] | {"split": "val_seen"}}
    seen = both.filter(pl.col("split") == "val_seen")["map"].item()
    assert seeds.on_claim(frame, of_seen).filter(*own)["map"].item() == pytest.approx(seen)


def test_a_seed_without_all_splits_is_left_out(ledger: Ledger) -> None:
    final = next(trial["final"] for trial in ledger.plan["trials"] if (trial["arm"], trial["seed"]) == ("count=5", 1))
    ledger.records = [row for row in ledger.records if row[0] != final or row[3] != "val_unseen"]
    there = seeds.on_claim(frame_of(ledger), ledger.plan)
    assert (len(there), len(there.filter(pl.col("arm") == "count=5"))) == (8, 2)


def test_a_seed_whose_score_is_no_number_on_one_split_is_left_out_of_the_differences_too(ledger: Ledger) -> None:
    frame = pl.DataFrame(
        {
            "arm": ["a"] * 4,
            "seed": [0, 0, 1, 1],
            "split": ["val_seen", "val_unseen"] * 2,
            "difference": [1.0, 3.0, 5.0, float("nan")],
        }
    )
    there = marks.on_claim(frame, ledger.plan, "difference", ["arm", "seed"])
    assert there.to_dicts() == [{"arm": "a", "seed": 0, "difference": 2.0}]


def test_words_name_each_arms_worst_and_best_seed(ledger: Ledger) -> None:
    frame = frame_of(ledger)
    own = seeds.on_claim(frame, ledger.plan).filter(pl.col("arm") == "count=1").sort("map")
    low, high = own.row(0, named=True), own.row(-1, named=True)
    told = seeds.describe(frame, ledger.plan)
    assert f"count=1 from {low['map']:.1f} (seed {low['seed']}) to {high['map']:.1f} (seed {high['seed']})" in told
