"""Real worker processes on a study of two arms with networks of a few hundred parameters."""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from results.attempt import Store
from study.event import Event
from study.executor import local
from study.preparation import Prepared, Request, prepare
from study.schedule import Schedule
from study.worker import Orders
from tests.conftest import RunScript
from tests.made_spec import SPEC

pytestmark = pytest.mark.slow


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Prepared]:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path))
    (tmp_path / "asked.yaml").write_text(SPEC)

    def prepared(**overrides: object) -> Prepared:
        changed = {name.replace("__", "."): value for name, value in overrides.items()}
        return prepare(Request(str(tmp_path / "asked.yaml"), overrides=changed))

    return prepared


def run(prepared: Prepared, tell: Callable[[Event], None] = lambda event: None, workers: int = 2) -> Schedule:
    resources = prepared.plan.edition.settings.resources
    code: dict[str, str | None] = {"commit": "none", "diff": None}
    orders = Orders(prepared.store.root, prepared.sources, resources, code, "a test")
    states = prepared.plan.states(prepared.store)
    done = {key for key, state in states.items() if state.name == "done"}
    return local.run(prepared.plan.phases, done, orders, workers, tell)


def test_every_phase_is_done_once_and_a_second_run_does_nothing(prepared: Callable[..., Prepared]) -> None:
    study = prepared()
    events: list[Event] = []
    schedule = run(study, events.append)
    assert schedule.done == set(study.plan.phases)
    assert Counter(event.state for event in events) == {"start": 6, "epoch": 6, "done": 6}
    again: list[Event] = []
    assert run(study, again.append).done == schedule.done
    assert again == []


def test_a_failure_is_kept_with_its_traceback_blocks_its_child_and_the_rest_goes_on(
    prepared: Callable[..., Prepared],
) -> None:
    study = prepared(optim__lr=1e30, optim__warmup_fraction=0.0, optim__clip_norm=None, phases__rgb_epochs=4)
    events: list[Event] = []
    schedule = run(study, events.append)
    failed = {study.plan.phases[key].kind for key in schedule.failed}
    assert failed
    assert "joint" in {study.plan.phases[key].kind for key in schedule.blocked}
    assert schedule.done | schedule.failed | schedule.blocked == set(study.plan.phases)
    failure = next(event for event in events if event.state == "failed")
    assert "diverged" in failure.text
    assert "Traceback" in (study.store.runs / failure.key / "1" / "log.txt").read_text()


def test_a_killed_worker_is_replaced_and_its_phase_finished(prepared: Callable[..., Prepared]) -> None:
    study = prepared(phases__rgb_epochs=30)
    killed: list[int] = []

    def kill_first(event: Event) -> None:
        if event.state == "epoch" and not killed:
            owner = (study.store.runs / event.key / "1" / "claim.json").read_text()
            killed.append(int(owner.split('"pid": ')[1].split(",")[0]))
            os.kill(killed[0], signal.SIGKILL)

    schedule = run(study, kill_first, workers=1)
    assert killed
    assert schedule.done == set(study.plan.phases)
    assert max(len(study.store.attempts(key)) for key in study.plan.phases) == 2


def test_ctrl_c_stops_the_workers_and_leaves_a_store_that_goes_on(prepared: Callable[..., Prepared]) -> None:
    study = prepared(phases__rgb_epochs=200)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs inherit that it is ignored
    pressed: list[str] = []

    def press(event: Event) -> None:
        if event.progress and event.progress.epochs == 200 and not pressed:  # one that is not over in a moment
            pressed.append(event.key)
            signal.raise_signal(signal.SIGINT)

    began = time.monotonic()
    try:
        with pytest.raises(local.Interrupted):
            run(study, press)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < local.STOP_S
    state = study.store.states(pressed)[pressed[0]]
    assert state.name == "stopped"
    assert (study.store.attempts(pressed[0])[-1].folder / "stopped.json").exists()
    reopened = Store(study.store.root)
    assert reopened.attempts(pressed[0])[0].resume.exists()
    shorter = prepared()
    assert run(shorter).done == set(shorter.plan.phases)


def test_two_runs_of_one_study_train_every_phase_once(prepared: Callable[..., Prepared]) -> None:
    study = prepared(phases__rgb_epochs=5)
    schedules: list[Schedule] = []
    threads = [threading.Thread(target=lambda: schedules.append(run(study, workers=1))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [schedule.done for schedule in schedules] == [set(study.plan.phases)] * 2
    assert all(len(study.store.attempts(key)) == 1 for key in study.plan.phases)


def test_a_worker_that_dies_while_idle_is_replaced(prepared: Callable[..., Prepared]) -> None:
    study = prepared()
    killed: list[int] = []

    def kill_after_first(event: Event) -> None:
        if event.state == "done" and not killed:
            owner = json.loads((study.store.runs / event.key / "1" / "claim.json").read_text())
            killed.append(owner["pid"])
            os.kill(owner["pid"], signal.SIGKILL)

    assert run(study, kill_after_first, workers=1).done == set(study.plan.phases)
    assert killed


def test_a_data_set_that_workers_cannot_find_ends_in_failures_not_in_a_crash(prepared: Callable[..., Prepared]) -> None:
    study = prepared()
    orders = Orders(study.store.root, {}, study.plan.edition.settings.resources, {"commit": "none", "diff": None}, "")
    schedule = local.run(study.plan.phases, set(), orders, 1, lambda event: None)
    assert schedule.failed
    assert schedule.done == set()


FULL_DISK = """
import os, sys
from pathlib import Path
disk, spec = Path(sys.argv[1]), {spec!r}
os.environ["STUDY_HOME"] = str(disk)
(disk / "asked.yaml").write_text(spec)
from results.files import UnwritableError
from study import provenance
from study.declaration import declare
from study.executor import local
from study.preparation import Request, decode, prepare_store
from study.event import Event
from study.worker import Orders
prepared = prepare_store(Request(str(disk / "asked.yaml"), overrides={{"phases.rgb_epochs": 20}}))
prepared = decode(prepared, 1, lambda done, in_all: None)
declare(prepared, "a test")
filler = disk / "filler"

def fill(event):
    if event.state == "epoch" and not filler.exists():
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

def run(tell):
    resources = prepared.plan.edition.settings.resources
    orders = Orders(prepared.store.root, prepared.sources, resources, {{"commit": "none", "diff": None}}, "a test")
    states = prepared.plan.states(prepared.store)
    done = [key for key, state in states.items() if state.name == "done"]
    return local.run(prepared.plan.phases, done, orders, 2, tell)

try:
    run(fill)
except UnwritableError as error:
    print(error)
filler.unlink()
print(run(lambda event: None).done == set(prepared.plan.phases))
"""


def test_a_full_disk_ends_the_run_with_one_message_and_the_next_run_goes_on(run_on_small_disk: RunScript) -> None:
    told, finished = run_on_small_disk(FULL_DISK.format(spec=SPEC), size="4m").splitlines()
    assert "cannot write: the disk is full (ENOSPC)" in told
    assert "What was published before is intact" in told
    assert finished == "True"
