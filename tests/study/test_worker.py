"""How a phase ends in a worker: every end is one event, and what the store refuses is told apart from a failure."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from results.attempt import Attempt, Store
from results.files import UnwritableError
from results.owner import Owner
from study import worker
from study.event import Event, Progress
from study.leg import Superseded
from study.phase import Phase
from study.preparation import Prepared, Request, prepare
from study.worker import Orders, run_phase
from tests.made_spec import SPEC


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(SPEC)
    return prepare(Request(str(tmp_path / "asked.yaml")))


@pytest.fixture
def ended(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Event, list[Event]]]:
    """Give a function that runs the first phase with another training, and returns its end and what it told."""

    def ended(train: Callable[..., Any]) -> tuple[Event, list[Event]]:
        monkeypatch.setattr(worker, "leg_of", lambda phase: train)
        ours, theirs = multiprocessing.Pipe()
        end = run_phase(first(prepared), orders(prepared), prepared.store, theirs, worker._StopFlag())
        told = []
        while ours.poll():
            told.append(ours.recv())
        return end, told

    return ended


def first(prepared: Prepared) -> Phase:
    return prepared.plan.trials[0].phases["rgb"]


def orders(prepared: Prepared) -> Orders:
    resources = prepared.plan.edition.settings.resources
    return Orders(prepared.store.root, prepared.sources, resources, {"commit": "none", "diff": None}, "a test")


def attempt(prepared: Prepared) -> Attempt:
    return prepared.store.attempts(first(prepared).key)[-1]


Ended = Callable[[Callable[..., Any]], tuple[Event, list[Event]]]


def test_a_finished_phase_tells_its_epochs_and_logs_them(ended: Ended, prepared: Prepared) -> None:
    def train(
        phase: Phase, place: object, store: Store, own: Attempt, report: Callable[[Progress], None], stop: object
    ) -> None:
        report(Progress(1, 2, 0.5, None, 1.0))
        print("printed by the training")

    end, told = ended(train)
    assert end.state == "done"
    assert [event.progress for event in told] == [Progress(1, 2, 0.5, None, 1.0)]
    assert attempt(prepared).log.read_text() == "epoch 1/2: loss 0.5\nprinted by the training\n"


def test_an_error_is_kept_with_its_traceback(ended: Ended, prepared: Prepared) -> None:
    def train(*given: object) -> None:
        raise ArithmeticError("diverged")

    end, _ = ended(train)
    assert (end.state, end.text) == ("failed", "ArithmeticError: diverged")
    failure = attempt(prepared).failure()
    assert failure is not None
    assert "raise ArithmeticError" in failure["traceback"]
    assert "raise ArithmeticError" in attempt(prepared).log.read_text()


def test_a_store_that_cannot_be_written_is_no_failure_of_the_phase(ended: Ended, prepared: Prepared) -> None:
    def train(*given: object) -> None:
        raise UnwritableError("the disk is full")

    end, _ = ended(train)
    assert (end.state, end.text) == ("refused", "the disk is full")
    assert attempt(prepared).failure() is None


def test_a_phase_that_was_taken_over_is_left_alone(ended: Ended, prepared: Prepared) -> None:
    def train(*given: object) -> None:
        raise Superseded("by attempt 2")

    assert ended(train)[0].state == "elsewhere"
    assert attempt(prepared).failure() is None


def test_a_phase_that_another_process_holds_is_not_begun(ended: Ended, prepared: Prepared) -> None:
    phase = first(prepared)
    prepared.store.claim(phase.key, dict(phase.content), Owner.current("another"))

    def train(*given: object) -> None:
        raise AssertionError("must not be called")

    assert ended(train)[0].state == "elsewhere"
