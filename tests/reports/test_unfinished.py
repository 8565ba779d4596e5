import pytest

from reports.unfinished import Unfinished, list_unfinished
from tests.reports.made_ledger import EDITION, Ledger


def left(ledger: Ledger) -> list[Unfinished]:
    with ledger.connect() as connection:
        return list_unfinished(connection, EDITION, ledger.plan)


def test_a_finished_study_leaves_nothing(ledger: Ledger) -> None:
    assert left(ledger) == []


def test_a_failed_trial_is_told_with_its_error_and_its_log(ledger: Ledger) -> None:
    ledger.lose("count=5", 1, error="RuntimeError: the loss is NaN")
    (trial,) = left(ledger)
    key = next(trial["final"] for trial in ledger.plan["trials"] if (trial["arm"], trial["seed"]) == ("count=5", 1))
    assert trial == Unfinished(
        "count=5", 1, 0, "failed", "joint count=5 seed 1", f"RuntimeError: the loss is NaN (log: runs/{key}/1/log.txt)"
    )


def test_a_shared_phase_that_failed_blocks_every_trial_that_needs_it(ledger: Ledger) -> None:
    for trial in ledger.plan["trials"]:
        if trial["seed"] == 2:
            ledger.runs.pop(trial["final"])
            ledger.runs[trial["phases"]["sender"]] |= {"state": "failed", "error": "boom"}
    assert [(trial.arm, trial.seed, trial.state, trial.phase) for trial in left(ledger)] == [
        (arm, 2, "blocked", "sender of 3 arms (count=1 ...) seed 2") for arm in ("count=1", "count=5", "count=20")
    ]


@pytest.mark.parametrize("state", ["stopped", "pruned", "damaged"])
def test_a_state_without_an_error_is_explained(ledger: Ledger, state: str) -> None:
    ledger.lose("count=5", 1, state=state, error="")
    (trial,) = left(ledger)
    assert trial.state == state
    assert len(trial.why.partition(" (log")[0]) > 20


def test_a_trial_that_was_not_begun_is_waiting(ledger: Ledger) -> None:
    final = ledger.plan["trials"][0]["final"]
    ledger.runs.pop(final)
    ledger.records = [row for row in ledger.records if row[0] != final]
    assert [(trial.state, trial.phase) for trial in left(ledger)] == [("waiting", "")]
