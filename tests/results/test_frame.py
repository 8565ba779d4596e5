"""Letters: N clips, C classes."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest

from results import ledger, query
from results.attempt import Store
from results.files import StoreError
from results.frame import Predictions, predictions
from tests.made_store import EDITION
from tests.results.made_predictions import make_predictions

SCHEMA = Path(__file__).parents[2] / "results/schema.sql"
CLIPS = [("b", "val_seen"), ("a", "val_unseen"), ("a", "test_seen"), ("a", "val_seen"), ("a", "train")]


@pytest.fixture
def tables() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give the ledger's tables with one edition: arms `wide` (2 seeds), `narrow` (1) and `planned` (0)."""
    with duckdb.connect() as connection:
        connection.execute(SCHEMA.read_text())
        connection.execute("insert into editions (edition, claim_hash) values ('sweep', 'c0')")
        for position, arm in enumerate(("wide", "planned", "narrow")):
            connection.execute("insert into arms values ('sweep', ?, ?, ?, 0, '{}')", [arm, position, not position])
        for arm, seed, key in (("wide", 7, "k1"), ("wide", 0, "k0"), ("narrow", 0, "k2"), ("planned", 0, "k3")):
            connection.execute("insert into trials values ('sweep', ?, ?, 0, ?)", [arm, seed, key])
        for number in range(3):
            insert(connection, f"k{number}", number)
        yield connection


def insert(connection: duckdb.DuckDBPyConnection, key: str, score: float, clips: int = len(CLIPS)) -> None:
    for clip, split in CLIPS[:clips]:
        row = [key, clip, "curl", split, 0, 1.0, [score, 0.25], [clip == "a", 1]]
        connection.execute("insert into predictions values (?, ?, ?, ?, ?, ?, ?, ?)", row)


def test_arms_keep_the_order_of_the_plan_and_one_without_results_is_named(tables: duckdb.DuckDBPyConnection) -> None:
    read = predictions(tables, "sweep")
    assert read.arms == ("wide", "planned", "narrow")
    assert {arm: sorted(seeds) for arm, seeds in read.scores.items()} == {"wide": [0, 7], "narrow": [0]}


def test_scores_labels_and_names_stand_in_one_order(tables: duckdb.DuckDBPyConnection) -> None:
    read = predictions(tables, "sweep")
    assert read.clip_N.tolist() == ["a", "b", "a"]
    assert read.split_N.tolist() == ["val_seen", "val_seen", "val_unseen"]
    assert read.labels_NC.tolist() == [[True, True], [False, True], [True, True]]
    assert read.scores["wide"][7].dtype == np.float32
    assert read.scores["wide"][7].tolist() == [[1.0, 0.25]] * 3


def test_test_splits_are_seen_once_they_are_revealed(tables: duckdb.DuckDBPyConnection) -> None:
    tables.execute("insert into editions (edition, revealed_at) values ('other', now())")
    assert "test_seen" not in predictions(tables, "sweep").split_N
    tables.execute("update editions set revealed_at = now() where edition = 'sweep'")
    assert predictions(tables, "sweep").split_N.tolist() == ["test_seen", "val_seen", "val_seen", "val_unseen"]


def test_a_trial_pruned_by_this_claim_is_left_out(tables: duckdb.DuckDBPyConnection) -> None:
    pruned = "insert into runs (key, attempt, state, pruned_by, pruned_claim) values (?, 1, 'pruned', ?, ?)"
    tables.execute(pruned, ["k1", "sweep", "c0"])
    tables.execute(pruned, ["k0", "sweep", "an earlier claim"])
    tables.execute(pruned, ["k2", "other", "c1"])
    assert {arm: sorted(seeds) for arm, seeds in predictions(tables, "sweep").scores.items()} == {
        "wide": [0],
        "narrow": [0],
    }


def test_an_edition_without_results_has_arms_and_no_scores(tables: duckdb.DuckDBPyConnection) -> None:
    tables.execute("delete from predictions")
    read = predictions(tables, "sweep")
    assert read.arms == ("wide", "planned", "narrow")
    assert not read.scores
    assert read.of("val_seen").labels_NC.shape == (0, 0)


@pytest.mark.parametrize("damage", ["update predictions set clip = 'c' where key = 'k2' and clip = 'b'",
                                    "update predictions set labels = [0, 0] where key = 'k2' and clip = 'b'",
                                    "delete from predictions where key = 'k2' and clip = 'b'"])  # fmt: skip
def test_trials_that_scored_different_clips_are_not_compared(tables: duckdb.DuckDBPyConnection, damage: str) -> None:
    tables.execute(damage)
    with pytest.raises(StoreError, match=r"sweep: its trials scored different clips: runs k0 \(3 clips\) and k2"):
        predictions(tables, "sweep")


def test_what_a_store_holds_comes_back(made_store: Store) -> None:
    ledger.sync(made_store)
    with query.connect(made_store) as connection:
        read = predictions(connection, EDITION)
        rows = connection.execute("select key, clip, scores from predictions where split = 'val_seen'").fetchall()
        finals = connection.execute("select arm, seed, final from trials").fetchall()
    stored = {(key, clip): scores for key, clip, scores in rows}
    seen = read.of("val_seen")
    assert len(finals) == sum(len(seeds) for seeds in seen.scores.values()) == 6
    for arm, seed, key in finals:
        expected = [stored[key, clip] for clip in seen.clip_N.tolist()]
        assert seen.scores[arm][seed].tolist() == expected


def test_a_split_is_sorted_by_activity_and_clip_whatever_the_order_was() -> None:
    made = make_predictions(np.random.default_rng(0), clips=3, classes=2)
    split = made.of("val_unseen")
    pairs = list(zip(split.activity_N.tolist(), split.clip_N.tolist(), strict=True))
    assert pairs == sorted(pairs)
    assert len(pairs) == 21
    index = made.clip_N.tolist().index(pairs[4][1])
    assert np.array_equal(split.scores["arm"][1][4], made.scores["arm"][1][index])
    assert np.array_equal(split.labels_NC[4], made.labels_NC[index])


def test_arrays_that_do_not_fit_are_refused() -> None:
    names_N = np.array(["a", "b"])
    with pytest.raises(ValueError, match=r"must be of the same N clips and C classes"):
        Predictions(("x",), names_N, names_N, names_N, np.ones((2, 3), bool), {"x": {0: np.ones((2, 4), np.float32)}})
