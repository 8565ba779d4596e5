"""Claims and publications: one process works on a key, one result comes of it, whoever dies in between."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from results import ledger
from results.attempt import FORMAT, Attempt, Store
from results.clean import leftovers
from results.files import StoreError
from results.owner import Owner
from results.record import Record, RecordWriter, read_records
from results.state import LEAST_BYTES
from results.verify import verify
from study.key import key_of
from tests import made_store as made

CONTENT = made.contents(5, 0)["rgb"]
KEY = key_of(CONTENT)
HERE = Owner.current("study run")
GONE = Owner("elsewhere", 1, 0.0, machine="another machine")


def store_of(path: Path, alive: Callable[[Owner], bool | None] = lambda owner: True) -> Store:
    return Store(path / "store", alive)


def claimed(store: Store, owner: Owner = HERE) -> Attempt:
    attempt = made.claim(store, CONTENT, owner)
    assert attempt is not None
    return attempt


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_a_claim_writes_who_works_on_what(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    attempt = claimed(store)
    assert (attempt.number, store.state(KEY)) == (1, "running")
    assert json.loads((attempt.folder / "settings.json").read_text()) == CONTENT | {"key": KEY}
    assert Owner.of(json.loads((attempt.folder / "claim.json").read_text())) == HERE
    assert (store.root / "VERSION").read_text().strip() == str(FORMAT)


def test_a_living_claim_is_respected_and_a_dead_one_is_taken_over(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    first = claimed(store)
    assert made.claim(store, CONTENT) is None
    assert not first.superseded()
    store.alive = lambda owner: False
    assert store.state(KEY) == "stopped"
    second = claimed(store)
    assert second.number == 2
    assert first.superseded()
    assert not second.superseded()


@pytest.mark.parametrize(("age_s", "state"), [(60, "running"), (180, "stopped")])
def test_on_another_machine_the_heartbeat_decides(tmp_path: Path, age_s: float, state: str) -> None:
    store = store_of(tmp_path, alive=lambda owner: None)
    attempt = claimed(store, GONE)
    age(attempt.folder / "heartbeat", age_s)
    assert store.state(KEY) == state
    attempt.heartbeat()
    assert store.state(KEY) == "running"


def test_a_folder_whose_owner_is_not_named_yet_is_left_alone_for_a_while(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    folder = store.runs / KEY / "1"
    folder.mkdir(parents=True)
    assert made.claim(store, CONTENT) is None
    age(folder, 60)
    assert claimed(store).number == 2


@pytest.mark.parametrize("ending", ["failed", "stopped", "pruned"])
def test_an_attempt_that_ended_is_not_live_and_can_be_followed(tmp_path: Path, ending: str) -> None:
    store = store_of(tmp_path)
    attempt = claimed(store)
    if ending == "failed":
        attempt.fail(RuntimeError("loss is NaN"))
    elif ending == "stopped":
        attempt.stop("preempted")
    else:
        attempt.prune("sweep", "c0", step=3, reason="hopeless")
    assert store.state(KEY) == ending
    assert claimed(store).number == 2


def test_a_failure_keeps_its_traceback_whatever_bytes_it_holds(tmp_path: Path) -> None:
    attempt = claimed(store_of(tmp_path))
    assert attempt.failure() is None
    try:
        raise RuntimeError("cannot read \udcff.mp4")
    except RuntimeError as error:
        attempt.fail(error)
    failed = attempt.failure()
    assert failed is not None
    assert failed["error"] == "RuntimeError: cannot read ?.mp4"
    assert "test_attempt.py" in failed["traceback"]


def test_the_first_of_several_failures_stays(tmp_path: Path) -> None:
    attempt = claimed(store_of(tmp_path))
    attempt.fail(RuntimeError("the cause"))
    attempt.fail(RuntimeError("what followed"))
    assert (attempt.failure() or {})["error"] == "RuntimeError: the cause"


def test_an_attempt_goes_on_from_the_newest_state_and_its_records(tmp_path: Path) -> None:
    store = store_of(tmp_path, alive=lambda owner: False)
    first, second, third = (claimed(store) for _ in range(3))
    assert third.previous() is None
    for attempt in (first, second):
        attempt.resume.touch()
    assert third.previous() == second
    with RecordWriter(second.records) as writer:
        writer.write(Record("loss", "train", step, 0.5) for step in (1, 2, 3))
    with second.records.open("a") as file:
        file.write('{"metric":"lo')
    third.inherit(second, step=2)
    assert [record.step for record in read_records(third.records)] == [1, 2]


def test_publishing_says_what_there_is_and_frees_the_training_state(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    attempt = claimed(store)
    made.measure(attempt, CONTENT)
    assert attempt.publish(seconds=2.5)
    done = store.done(KEY)
    assert done is not None
    assert (done["attempt"], done["records"], done["sealed"], done["seconds"]) == (1, 24, 10, 2.5)
    assert done["size_bytes"]["records.jsonl"] == attempt.records.stat().st_size
    assert not attempt.resume.exists()
    assert store.state(KEY) == "done"
    assert store.checkpoint(KEY) == attempt.checkpoint
    assert attempt.superseded()
    assert made.claim(store, CONTENT) is None


@pytest.mark.parametrize("missing", ["predictions.parquet", "checkpoint.safetensors", "provenance.json"])
def test_nothing_is_published_before_every_file_is_there(tmp_path: Path, missing: str) -> None:
    store = store_of(tmp_path)
    attempt = claimed(store)
    made.measure(attempt, CONTENT)
    (attempt.folder / missing).unlink()
    with pytest.raises(StoreError, match=f"cannot publish this attempt: {missing} missing.*There are: .*records"):
        attempt.publish(1.0)
    assert store.done(KEY) is None


def test_a_torn_record_is_not_published(tmp_path: Path) -> None:
    attempt = claimed(store_of(tmp_path))
    made.measure(attempt, CONTENT)
    with attempt.records.open("a") as file:
        file.write('{"metric"')
    with pytest.raises(StoreError, match="last line is torn, after 24 whole ones"):
        attempt.publish(1.0)


def test_of_two_finished_attempts_the_first_one_is_the_result(tmp_path: Path) -> None:
    store = store_of(tmp_path, alive=lambda owner: False)
    first, second = claimed(store), claimed(store)
    for attempt in (first, second):
        made.measure(attempt, CONTENT)
    assert second.publish(1.0)
    assert not first.publish(1.0)
    assert store.result(KEY) == second
    assert not list(store.root.rglob("*.tmp"))


def test_a_key_that_is_published_while_it_is_taken_over_stays_as_it_is(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    first = claimed(store)
    made.measure(first, CONTENT)

    def dies_after_publishing(owner: Owner) -> bool:
        return not first.publish(1.0)

    store.alive = dies_after_publishing
    assert made.claim(store, CONTENT) is None
    assert store.attempts(KEY) == [first]


def test_a_claim_that_comes_between_looking_and_taking_wins(tmp_path: Path) -> None:
    slow, quick = store_of(tmp_path), store_of(tmp_path, alive=lambda owner: False)
    claimed(quick)
    winners: list[Attempt] = []

    def dies_while_another_one_takes_over(owner: Owner) -> bool:
        winners.append(claimed(quick))
        return False

    slow.alive = dies_while_another_one_takes_over
    assert made.claim(slow, CONTENT) is None
    assert [attempt.number for attempt in winners] == [2]


def test_weights_of_a_phase_that_is_not_done_are_asked_for_in_vain(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    with pytest.raises(StoreError, match=r"no final weights: this phase is absent\. Run the study"):
        store.checkpoint(KEY)
    made.train(store, CONTENT)
    store.checkpoint(KEY).unlink()
    with pytest.raises(StoreError, match="weights of a finished phase are gone"):
        store.checkpoint(KEY)


@pytest.mark.parametrize(
    ("version", "message"), [("2", "newer version.*format is 2.*up to 1"), ("x", "no store version")]
)
def test_a_store_of_another_version_is_refused_and_left_alone(tmp_path: Path, version: str, message: str) -> None:
    store = store_of(tmp_path)
    store.prepare()
    (store.root / "VERSION").write_text(version)
    with pytest.raises(StoreError, match=message):
        made.claim(store, CONTENT)
    assert not list(store.runs.iterdir())


def test_ten_thousand_states_are_read_within_a_second(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    keys = [f"{number:064x}" for number in range(10_000)]
    for number, key in enumerate(keys):
        folder = store.runs / key
        folder.mkdir(parents=True)
        if number % 100:
            (folder / "done.json").write_text('{"attempt": 1}'.ljust(LEAST_BYTES))
        else:
            (folder / "1").mkdir()
            (folder / "1" / "failed.json").touch()
    began = time.process_time()
    states = store.states([*keys, "f" * 64])
    took_s = time.process_time() - began
    assert [states[key].name for key in (keys[0], keys[1], "f" * 64)] == ["failed", "done", "absent"]
    assert took_s < 1.0


RACE = """
import os, sys, time
from pathlib import Path
from results.attempt import Store
from results.owner import Owner
assert 'torch' not in sys.modules
root, action, key, racers = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
gate, opened = os.pipe()
start = time.monotonic() + 0.01 * racers
for number in range(1, racers + 1):
    if os.fork() == 0:
        os.close(opened)
        store, owner = Store(root), Owner.current("race")
        attempt = store.attempt(key, number)
        while time.monotonic() < start:
            pass
        won = store.claim(key, {"key": key}, owner) if action == "claim" else attempt.publish(float(number))
        os.write(1, f"{getattr(won, 'number', number) if won else 0}\\n".encode())
        os.read(gate, 1)  # a winner that ended would be dead, and its claim free
        os._exit(0)
time.sleep(float(sys.argv[5]))
os.close(opened)
for _ in range(racers):
    os.wait()
"""


def race(store: Store, action: str, key: str, racers: int) -> list[int]:
    command = [sys.executable, "-c", RACE, str(store.root), action, key, str(racers), "2.0"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    numbers = [int(line) for line in done.stdout.split()]
    assert len(numbers) == racers
    return sorted(numbers)


def test_of_a_hundred_processes_exactly_one_gets_a_key(tmp_path: Path) -> None:
    assert race(store_of(tmp_path), "claim", KEY, 100) == [0] * 99 + [1]


def test_of_a_hundred_processes_exactly_one_takes_a_dead_claim_over(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    claimed(store, Owner("here", HERE.pid, HERE.started_at - 1000, machine=HERE.machine))
    assert race(store, "claim", KEY, 100) == [0] * 99 + [2]


def test_of_twenty_finished_attempts_exactly_one_is_published(tmp_path: Path) -> None:
    store = store_of(tmp_path, alive=lambda owner: False)
    for _ in range(20):
        made.measure(claimed(store), CONTENT)
    *losers, winner = race(store, "publish", KEY, 20)
    assert losers == [0] * 19
    done = store.done(KEY)
    assert done is not None
    assert (done["attempt"], done["seconds"]) == (winner, winner)
    assert not list(store.root.rglob("*.tmp"))


PUBLISH = """
import json, shutil, sys
from pathlib import Path
from results.attempt import Store
from results.owner import Owner
from results.record import RecordWriter, read_records
root, template, contents = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
store, owner = Store(root), Owner.current("kill")
for key, content in contents.items():
    attempt = store.claim(key, content | {"key": key}, owner)
    if attempt is None:
        continue
    for name in ("predictions.parquet", "checkpoint.safetensors", "provenance.json", "sealed.jsonl"):
        shutil.copy(template / name, attempt.folder / name)
    with RecordWriter(attempt.records) as writer:
        records = list(read_records(template / "records.jsonl"))
        writer.write(records[:9])
        writer.write(records[9:])
    attempt.publish(1.0)
    print(key, flush=True)
"""


def test_no_result_is_lost_or_doubled_by_a_kill(tmp_path: Path) -> None:
    template = claimed(Store(tmp_path / "template"))
    made.measure(template, CONTENT)
    store = Store(tmp_path / "store")
    contents = {key_of(one): one for seed in range(16) for one in [made.contents(5, seed)["rgb"]]}
    told: list[str] = []
    moments = random.Random(3)
    while len(told) < len(contents):
        command = [sys.executable, "-c", PUBLISH, str(store.root), str(template.folder), json.dumps(contents)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        told += [child.stdout.readline().strip() for _ in range(moments.randrange(2, 6))]
        time.sleep(moments.random() * 0.01)
        child.kill()
        told += child.stdout.read().split()
        child.wait()
        for folder in store.runs.glob("*/*/"):
            age(folder, 60)  # a kill between making the folder and naming its owner costs half a minute of waiting
        told = [key for key in told if key]
        assert len(told) == len(set(told))
        assert all(store.state(key) == "done" for key in told)
        told += [key for key in contents if key not in told and store.state(key) == "done"]  # killed before it told
    problems = verify(store, key_of)
    assert [problem for problem in problems if problem.is_damage] == []
    results = [store.result(key) for key in contents]
    assert [one and len(list(read_records(one.records))) for one in results] == [24] * len(contents)


def test_states_show_how_far_a_run_is(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    attempt = claimed(store)
    assert store.states([KEY])[KEY].step is None
    with RecordWriter(attempt.records) as writer:
        writer.write([Record("loss", "train", 4, 0.5)])
    state: Any = store.states([KEY])[KEY]
    assert (state.name, state.attempt, state.step) == ("running", 1, 4)


@pytest.mark.parametrize("content", ["", "{", "garbage"])
def test_a_result_that_was_cut_off_is_damaged_and_not_done(tmp_path: Path, content: str) -> None:
    store = store_of(tmp_path)
    folder = store.runs / ("a" * 64)
    folder.mkdir(parents=True)
    (folder / "done.json").write_text(content)
    assert store.state("a" * 64) == "damaged"


@pytest.mark.parametrize("content", ["{}", "[]", '{"attempt": "1"}'])
def test_a_result_that_does_not_say_what_it_is_is_refused_by_all_who_read_it(made_store: Store, content: str) -> None:
    done = next(made_store.runs.glob("*/done.json"))
    done.write_text(content.ljust(LEAST_BYTES))
    with pytest.raises(StoreError, match=r"done\.json: does not say what was published: attempt, at, records"):
        made_store.result(done.parent.name)
    assert "does not say what was published" in ledger.sync(made_store).problems[0]
    assert [problem.is_damage for problem in verify(made_store, key_of)][:1] == [True]
    assert leftovers(made_store) == []


def test_what_a_claim_pruned_stays_so_for_it_and_for_no_other(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    first = claimed(store)
    first.prune("sweep", "c0", step=3, reason="hopeless")
    claimed(store).stop("preempted")
    assert store.pruned("c0", [KEY, "f" * 64]) == {KEY: first}
    assert store.pruned("c1", [KEY]) == {}
    assert first.pruned() == {"edition": "sweep", "claim": "c0", "step": 3, "reason": "hopeless", "at": ANY}
