import math
from datetime import UTC, datetime

import pytest

from reports import words


@pytest.mark.parametrize(
    ("value", "written"), [(41.26, "41.3"), (0.0, "0.0"), (-3.04, "−3.0"), (None, "–"), (math.nan, "–")]
)
def test_points_have_one_decimal_and_a_missing_one_is_a_dash(value: float | None, written: str) -> None:
    assert words.points(value) == written


@pytest.mark.parametrize(("value", "written"), [(2.44, "+2.4"), (-0.6, "−0.6"), (0.04, "0.0"), (-0.04, "0.0")])
def test_a_difference_carries_its_sign_unless_it_rounds_to_nothing(value: float, written: str) -> None:
    assert words.signed(value) == written


def test_an_interval_without_an_end_is_said_to_be_none() -> None:
    assert words.interval(0.31, 4.5) == "+0.3 to +4.5"
    assert words.interval(math.nan, math.nan) == "no interval"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.44, "0.4 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (4.2e6, "1,166 h 40 min"),
        (None, "–"),
    ],
)
def test_a_duration_is_told_in_the_two_units_that_matter(seconds: float | None, written: str) -> None:
    assert words.duration(seconds) == written


@pytest.mark.parametrize(
    ("size_bytes", "written"),
    [
        (0, "0 kB"),
        (14_200, "14 kB"),
        (999_600, "1.0 MB"),
        (3_240_000, "3.2 MB"),
        (9_960_000, "10 MB"),
        (999_600_000, "1.0 GB"),
        (2.34e9, "2.3 GB"),
        (1.2e12, "1,200.0 GB"),
        (None, "–"),
    ],
)
def test_a_size_is_told_in_the_unit_that_fits(size_bytes: float | None, written: str) -> None:
    assert words.size(size_bytes) == written


def test_one_thing_is_singular() -> None:
    assert words.count(1, "seed") == "1 seed"
    assert words.count(0, "seed") == "0 seeds"
    assert words.count(12400) == "12,400"


def test_a_listing_says_how_many_it_leaves_out() -> None:
    assert words.listing([1, 5, 20]) == "1, 5 and 20"
    assert words.listing(range(10), limit=3) == "0, 1, 2 and 7 more"
    assert words.listing([]) == ""


def test_a_moment_is_told_to_the_minute_and_what_is_no_date_as_it_is() -> None:
    assert words.day("2026-11-22T20:08:58.120+00:00") == "2026-11-22 20:08 UTC"
    assert words.day(datetime(2026, 11, 22, 20, 8, tzinfo=UTC)) == "2026-11-22 20:08 UTC"
    assert words.day("yesterday") == "yesterday"


def test_settings_are_written_as_yaml_writes_them() -> None:
    written = [words.setting(value) for value in (None, True, 0.0003, 20, "mctf")]
    assert written == ["null", "true", "0.0003", "20", "mctf"]


def test_a_claim_is_said_in_words() -> None:
    claim = {
        "metric": "map",
        "split": "val_unseen",
        "control": "count=20",
        "which": "any",
        "direction": "better",
        "smallest": 1.0,
        "alpha": 0.05,
        "over": "seeds",
    }
    assert words.claim(claim) == (
        "At least one arm is better than count=20 by more than 1.0 points of mAP on unseen activities (validation) "
        "(error rate 5\N{NO-BREAK SPACE}%, over seeds, for this set of clips)."
    )
    again = words.claim(claim | {"which": "count=1", "direction": "equivalent", "over": "seeds_and_activities"})
    assert again.startswith("count=1 is equivalent to count=20 to within 1.0 points")
    assert again.endswith("over seeds and activities).")


def test_a_claim_about_a_cost_is_said_in_words() -> None:
    claim = {
        "metric": "latency",
        "split": "inference",
        "control": "whole",
        "which": "any",
        "direction": "better",
        "smallest": 5.0,
        "alpha": 0.05,
        "over": "seeds",
    }
    assert words.claim(claim) == (
        "At least one arm is faster than whole by more than 5.0 % of latency at inference "
        "(error rate 5\N{NO-BREAK SPACE}%, over seeds, each another measurement)."
    )
    heavier = words.claim(claim | {"metric": "peak_memory", "which": "all", "direction": "worse"})
    assert heavier.startswith("Every arm is heavier than whole by more than 5.0 % of peak memory at inference")
    alike = words.claim(claim | {"which": "small", "direction": "equivalent", "smallest": 2.5})
    assert alike.startswith("small is equivalent to whole to within 2.5 % of latency at inference")


def test_numbers_keep_the_digits_that_count() -> None:
    told = [words.significant(value) for value in (0.0936, 4.123, 41.23, 412.3, 4123.0, 0.0, None, float("nan"))]
    assert told == ["0.0936", "4.12", "41.2", "412", "4,120", "0", "–", "–"]
