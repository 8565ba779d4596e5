"""What was given up is counted, and decides nothing."""

import math
from pathlib import Path
from typing import Any

import pytest

from results.answer import answer_claim
from results.attempt import Attempt, Store
from results.claim import Claim
from results.plan import PlanFile, pruned_of, read_plan
from results.pruned import censored, note, sum_up
from tests import made_store as made
from tests.results.made_contrasts import make_contrast


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three arms with two seeds, of which nothing is trained; joint phases have 10 epochs."""
    store = Store(tmp_path)
    made.write_plan(store, epochs=10, prune={"pruner": "median"})
    return store


def plan_of(store: Store) -> PlanFile:
    return read_plan(store.editions / made.EDITION / "plan.json")


def prune(store: Store, level: int, seed: int, step: int, claim: str) -> Attempt:
    attempt = made.claim(store, made.contents(level, seed, 10)["joint"])
    assert attempt is not None
    attempt.prune(made.EDITION, claim, step, "hopeless")
    return attempt


def test_what_its_own_claim_gave_up_is_counted(store: Store) -> None:
    plan = plan_of(store)
    assert sum_up(plan, pruned_of(store, plan)) is None
    prune(store, 5, 0, 4, plan["claim_hash"])
    prune(store, 5, 1, 1, plan["claim_hash"])
    prune(store, 1, 0, 1, "another claim")
    found = sum_up(plan, pruned_of(store, plan))
    assert found is not None
    assert (found.arms, found.count, found.trainings, found.epochs, found.saved) == (("count=5",), 2, 6, 60, 15)
    assert str(found) == "pruned: 2 of 6 trainings, 25 % of epochs saved"
    assert note(found).startswith("Pruned: 2 of 6 trainings, 25 % of epochs saved; the arms of these have no interval")
    assert note(found).endswith(": count=5.")


def test_a_plan_without_a_pruner_gave_nothing_up(store: Store) -> None:
    made.write_plan(store, epochs=10)
    plan = plan_of(store)
    prune(store, 5, 0, 4, plan["claim_hash"])
    assert pruned_of(store, plan) == {}


def test_an_arm_whose_worse_seeds_were_given_up_supports_no_claim() -> None:
    claim = Claim(control="control", which="any", direction="better", smallest=1.0)
    compared = [make_contrast("a", 5.0, 1.0), make_contrast("b", 0.0, 0.5)]
    assert answer_claim(claim, compared).verdict == "supported"
    without: list[Any] = censored(compared, ["a"])
    assert [math.isnan(one.low) for one in without] == [True, False]
    assert without[0].difference == 5.0
    answer = answer_claim(claim, without)
    assert answer.verdict == "undecided"
    assert "a, +5.0 without an interval, 3 seeds" in answer.sentence
