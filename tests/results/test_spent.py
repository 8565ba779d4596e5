"""Hours are counted from claim to end, for every attempt, times what it kept busy."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from results.attempt import Attempt, Store
from results.files import replace_json
from results.owner import Owner
from results.spent import HOUR_S, Meter, Spent, total
from results.state import State
from study.key import key_of
from tests import made_store as made

CONTENT = made.contents(1, 0)["rgb"]
KEY = key_of(CONTENT)
DEAD = Owner("here", 1, 0.0, machine=Owner.current().machine, gpus=2, processors=8)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def claimed(store: Store, hours_ago: float, owner: Owner = DEAD) -> Attempt:
    attempt = made.claim(store, CONTENT, owner)
    assert attempt is not None
    path = attempt.folder / "claim.json"
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    replace_json(path, json.loads(path.read_text()) | {"claimed_at": at.isoformat(timespec="milliseconds")})
    return attempt


def spent(store: Store, meter: Meter | None = None) -> Spent:
    return (meter or Meter(store)).of(KEY, store.states([KEY])[KEY])


def test_what_was_never_claimed_has_cost_nothing(store: Store) -> None:
    assert spent(store) == Spent(0, 0)


def test_lost_failed_and_finished_attempts_all_count(store: Store) -> None:
    lost = claimed(store, 4)
    os.utime(lost.folder / "heartbeat", (time.time() - 3 * HOUR_S,) * 2)
    assert spent(store).gpu_s == pytest.approx(2 * HOUR_S, rel=1e-3)
    claimed(store, 2).fail(ArithmeticError("diverged"))
    assert spent(store).gpu_s == pytest.approx(6 * HOUR_S, rel=1e-3)
    last = claimed(store, 1)
    made.measure(last, CONTENT)
    last.publish(seconds=1.0)
    assert spent(store).gpu_s == pytest.approx(8 * HOUR_S, rel=1e-3)
    assert spent(store).processor_s == pytest.approx(32 * HOUR_S, rel=1e-3)


def test_what_runs_costs_more_from_look_to_look_and_what_has_ended_does_not(store: Store) -> None:
    attempt = claimed(store, 1, Owner.current("a test", processors=2))
    meter = Meter(store)
    first = spent(store, meter)
    assert first.processor_s == pytest.approx(2 * HOUR_S, rel=1e-3)
    time.sleep(0.01)
    assert spent(store, meter) > first
    attempt.fail(ArithmeticError("diverged"))
    ended = spent(store, meter)
    (attempt.folder / "failed.json").unlink()
    assert meter.of(KEY, State("failed", 1)) == ended, "it is read once"


def test_hours_are_those_of_gpus_where_there_are_some() -> None:
    assert str(total([Spent(HOUR_S, 4 * HOUR_S), Spent(HOUR_S / 2, HOUR_S)])) == "1.50 GPU hours"
    assert str(Spent(0, HOUR_S / 4)) == "0.25 processor hours"


def test_claims_of_earlier_versions_count_as_one_processor(store: Store) -> None:
    path = claimed(store, 1).folder / "claim.json"
    old = {name: value for name, value in json.loads(path.read_text()).items() if name not in ("gpus", "processors")}
    replace_json(path, old)
    assert spent(store).gpu_s == 0
    assert spent(store).processor_s == pytest.approx(HOUR_S, rel=1e-3)
