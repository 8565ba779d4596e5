"""What is said of a tuning: its cost and choice in a line, the ends of ranges, and who has none."""

import math
from typing import Any

from results.plan import PlanFile, grows, is_tuning, labels
from results.tuned import Edge, answer_tuning, count_failed, list_edges, list_untuned, sum_up
from tests.reports.made_ledger import make_ledger, make_tuned_ledger


def make_plan() -> PlanFile:
    """Three arms that chose one learning rate of three each."""
    plan: Any = make_tuned_ledger().plan
    return plan  # type: ignore[no-any-return]


def test_a_line_says_what_was_tuned_what_it_cost_and_what_each_arm_chose() -> None:
    plan = make_plan()
    assert sum_up(plan) == (
        "tuned: optim.lr per arm over 3 levels, 1 seed each: 9 trainings, 58 % of all epochs; "
        "chosen: lr=0.0001 (count=1), lr=0.001 (count=5), lr=0.01 (count=20)"
    )
    plan["tuning"]["levels"]["optim.batch"] = [8, 16]
    assert "tuned: optim.lr (3) and optim.batch (2) per arm over all combinations of levels, 1 seed" in sum_up(plan)
    del plan["tuning"]["chosen"]
    assert sum_up(plan).endswith(": 9 trainings; nothing is chosen yet, and the comparison follows")
    assert sum_up(make_ledger().plan) == ""  # type: ignore[arg-type]


def test_a_study_grows_until_its_arms_have_chosen() -> None:
    plan = make_plan()
    assert (is_tuning(plan), grows(plan)) == (False, False)
    del plan["tuning"]["chosen"]
    assert (is_tuning(plan), grows(plan)) == (True, True)
    first, second, *_ = (trial["final"] for trial in plan["tuning"]["trials"])
    assert "(2 of 9 trainings of that have ended)" in answer_tuning(plan, {first, second, "another"}, ()).sentence


def test_the_smallest_and_the_largest_level_are_told_with_their_arms_and_one_between_is_not() -> None:
    plan = make_plan()
    assert list_edges(plan) == [
        Edge("optim.lr", "smallest", 0.0001, ("count=1",)),
        Edge("optim.lr", "largest", 0.01, ("count=20",)),
    ]
    plan["tuning"]["chosen"] = dict.fromkeys(("count=1", "count=5", "count=20"), "lr=0.001")
    assert list_edges(plan) == []
    plan["tuning"]["levels"]["optim.lr"] = ["a", "b", "c"]
    plan["tuning"]["chosen"] = {"count=1": "lr=0.0001"}
    assert list_edges(plan) == [], "names have no ends"


def test_truth_has_no_ends_and_a_single_level_is_none() -> None:
    plan = make_plan()
    plan["tuning"]["chosen"] = {"count=1": "lr=0.0001"}
    plan["tuning"]["levels"] = {"optim.lr": [0.0001, True]}
    assert list_edges(plan) == []
    plan["tuning"]["levels"] = {"optim.lr": [0.0001]}
    assert list_edges(plan) == []


def test_an_arm_cannot_choose_if_all_has_ended_and_no_combination_has_a_number_for_every_seed() -> None:
    ledger = make_tuned_ledger()
    plan: Any = ledger.plan
    tries = [trial for trial in plan["tuning"]["trials"] if trial["arm"] == "count=5"]
    ended = plan["tuning"]["phases"].keys()
    first, *others = (trial["final"] for trial in tries)
    ledger.records = [row for row in ledger.records if row[0] not in others]
    with ledger.connect() as connection:
        assert list_untuned(connection, plan, ended) == ()
    ledger.records = [
        (*row[:5], math.nan, *row[6:]) if row[0] == first and row[2] == "map" else row for row in ledger.records
    ]
    with ledger.connect() as connection:
        assert list_untuned(connection, plan, ended) == ("count=5",)
        assert list_untuned(connection, plan, ended - {first}) == (), "it is still to end"
        plan["tuning"]["seeds"] = [1000, 1001]
        assert list_untuned(connection, plan, ended) == ("count=1", "count=5", "count=20")
    answer = answer_tuning(plan, ended, ("count=5",))
    assert answer.note.startswith(
        "Nothing is chosen, for no combination was trained to its end with every seed: count=5."
    )
    assert answer_tuning(plan, ended, ()).note == ""


def test_what_had_failed_when_arms_chose_is_counted_and_has_a_name() -> None:
    plan = make_plan()
    assert count_failed(plan) == 0
    first = plan["tuning"]["trials"][0]["final"]
    plan["tuning"]["failed"] = [first]
    del plan["phases"][first]
    assert count_failed(plan) == 1
    assert labels(plan)[first] == "joint count=1, lr=0.0001 seed 1000"


def test_phases_that_tries_share_are_called_so() -> None:
    plan = make_plan()
    first, second = plan["tuning"]["trials"][:2]
    second["phases"] = {**second["phases"], "sender": first["phases"]["sender"]}
    assert labels(plan)[first["phases"]["sender"]] == "sender of 2 tries (count=1, lr=0.0001 ...) seed 1000"
    assert labels(plan)[first["final"]] == "joint count=1, lr=0.0001 seed 1000"
