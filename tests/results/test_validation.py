import math

import pytest

from results.attempt import Store
from results.record import Record, RecordWriter
from results.validation import last_measured, read_measured
from tests import made_store as made


def test_the_last_epoch_that_was_measured_counts_by_the_mean_of_its_splits(made_store: Store) -> None:
    attempt = made.open_attempt(made_store)
    with RecordWriter(attempt.records) as records:
        records.write([Record("map", "val_seen", 1, 90.0, "points"), Record("loss", "train", 1, 0.5, "")])
        records.write([Record("map", "val_seen", 2, 40.0, "points"), Record("map", "val_unseen", 2, 50.0, "points")])
        records.write([Record("loss", "train", 3, 0.4, "")])
    assert read_measured(attempt) == {1: 90.0, 2: pytest.approx(45.0)}
    assert last_measured(attempt) == pytest.approx(45.0)


def test_what_was_never_measured_is_no_number(made_store: Store) -> None:
    assert math.isnan(last_measured(None))
    assert math.isnan(last_measured(made.open_attempt(made_store)))
