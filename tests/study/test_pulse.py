"""A pulse beats while something lasts, and a store that refuses it ends nothing."""

import threading

import pytest

from results.files import StoreError
from study.pulse import pulse


def test_it_beats_until_the_end_although_the_store_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    beats: list[int] = []
    third = threading.Event()

    def beat() -> None:
        beats.append(len(beats))
        if len(beats) == 3:
            third.set()
        raise StoreError("no room")

    before = threading.active_count()
    with pulse(beat, 0.01):
        assert third.wait(10)
    assert capsys.readouterr().err.count("no heartbeat: no room") == len(beats)
    assert threading.active_count() == before
