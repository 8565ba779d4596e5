"""Which frames of a clip are taken."""

import pytest

from study import sampling


@pytest.mark.parametrize(
    ("length", "count", "stride", "expected"),
    [
        (9, 5, None, [0, 2, 4, 6, 8]),
        (3, 5, None, [0, 0, 1, 2, 2]),
        (1, 3, None, [0, 0, 0]),
        (20, 3, 4, [5, 9, 13]),
        (5, 4, 3, [0, 0, 3, 4]),
        (2, 3, 2, [0, 0, 1]),
    ],
)
def test_frames_are_spread_or_taken_around_the_middle(
    length: int, count: int, stride: int | None, expected: list[int]
) -> None:
    assert sampling.spread(length, count, stride).tolist() == expected


@pytest.mark.parametrize("length", [1, 7, 30, 200])
@pytest.mark.parametrize("stride", [None, 1, 4])
@pytest.mark.parametrize("time", [0.0, 0.3, 0.999, 1.0])
def test_a_window_lies_in_the_clip_and_goes_forward(length: int, stride: int | None, time: float) -> None:
    taken = sampling.window(length, 8, 2, stride, time)

    assert len(taken) == 8
    assert taken[0] >= 0
    assert taken[-1] < length
    assert (taken[1:] >= taken[:-1]).all()


def test_a_window_of_spread_frames_is_one_of_those_that_a_cache_can_show() -> None:
    kept = sampling.spread(100, 10, None)

    for first, time in enumerate([0.0, 0.5, 1.0]):
        assert sampling.window(100, 8, 2, None, time).tolist() == kept[first : first + 8].tolist()


def test_a_window_with_a_stride_may_start_anywhere_in_the_clip() -> None:
    assert sampling.window(100, 8, 2, 4, 0.0).tolist() == list(range(0, 32, 4))
    assert sampling.window(100, 8, 2, 4, 1.0).tolist() == list(range(71, 100, 4))


def test_every_place_to_start_is_equally_likely() -> None:
    starts = [sampling.start(3, number / 1000) for number in range(1000)]

    assert [starts.count(place) for place in range(4)] == [250] * 4


def test_views_start_from_the_first_to_the_last_place() -> None:
    assert sampling.view_times(1) == [0.5]
    assert [sampling.start(100, time) for time in sampling.view_times(5)] == [0, 25, 50, 75, 100]
