"""An epoch is summed up from its records."""

from results.record import Record
from study.event import Progress

LOSS = Record("loss", "train", 3, 0.25)
SECONDS = Record("seconds", "train", 3, 2.0, "s")
MEASURED = [
    Record("loss", "val_seen", 3, 0.5),
    Record("map", "val_seen", 3, 40.0, "points"),
    Record("map", "val_unseen", 3, 50.0, "points"),
]


def test_loss_time_and_the_mean_of_the_splits_are_taken() -> None:
    assert Progress.of(3, 10, [LOSS, *MEASURED, SECONDS]) == Progress(3, 10, 0.25, 45.0, 2.0)


def test_an_epoch_after_which_nothing_was_measured_has_no_map() -> None:
    assert Progress.of(3, 10, [LOSS, SECONDS]) == Progress(3, 10, 0.25, None, 2.0)


def test_what_is_no_training_has_no_epochs() -> None:
    assert Progress.of(1, 0, [Record("latency", "inference", 1, 4.0, "ms")]) is None
