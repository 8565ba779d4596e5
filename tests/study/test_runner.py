"""Several runs of one study at once: one plan after another, and each goes on with what another one planned."""

import threading
import time
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from results.plan import read_plan, seeds_of
from study.executor.turn import turn
from study.preparation import Request
from study.runner import make_ready, train_due
from tests.made_spec import SEARCH
from tests.study.test_search import finish, go_on, states

TWO = SEARCH.replace("trials: 5", "trials: 2")
WAITS_S = 30.0


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "sought.yaml").write_text(TWO + "charts: []\n")
    return Request(str(tmp_path / "sought.yaml"))


def quiet() -> Console:
    return Console(file=StringIO(), width=300)


def wait_for(console: Console, text: str) -> None:
    """Return when `text` was printed."""
    until = time.monotonic() + WAITS_S
    assert isinstance(console.file, StringIO)
    while text not in console.file.getvalue():
        assert time.monotonic() < until, console.file.getvalue()
        time.sleep(0.01)


def test_a_run_waits_while_another_one_plans_and_declares_and_plans_after_it(request_: Request) -> None:
    store = make_ready(request_, "a test", quiet()).prepared.store
    plan = store.editions / "sought" / "plan.json"
    plan.unlink()
    said = quiet()
    second = threading.Thread(target=make_ready, args=(request_, "a test", said))
    with turn(store, "sought", lambda _: None):
        second.start()
        wait_for(said, "which plans sought")
        assert not plan.exists()
    second.join(WAITS_S)
    assert plan.exists()


def test_a_search_picks_no_round_while_another_run_does(request_: Request) -> None:
    ready = make_ready(request_, "a test", quiet())
    finish(ready.prepared, *(arm.name for arm in ready.prepared.plan.edition.arms))
    said, store = quiet(), ready.prepared.store
    second = threading.Thread(target=train_due, args=(ready, said))
    with turn(store, "sought", lambda _: None):
        second.start()
        wait_for(said, "which plans sought")
        assert not (store.root / "optuna.journal").exists()
    second.join(WAITS_S)
    assert states(ready.prepared) == {"COMPLETE": 3}
    assert len(seeds_of(read_plan(store.editions / "sought" / "plan.json"))) == 3


def test_a_run_goes_on_with_the_round_that_another_one_has_picked_meanwhile(request_: Request) -> None:
    ready = make_ready(request_, "a test", quiet(), workers=1)
    ahead = go_on(ready.prepared, ready.plan)
    assert ahead is not None
    assert train_due(ready, quiet()).is_whole
    assert {ready.prepared.store.result(trial["final"]) is None for trial in ahead["trials"]} == {False}
    assert states(ready.prepared) == {"COMPLETE": 3}
