"""What is said of a tuning: its cost and choice in a line, the ends of ranges, and who has none."""

from typing import Any

from results.answer import Answer
from results.plan import PlanFile, chosen_levels, grows, is_tuning, labels
from results.tuned import Edge, answer_tuning, count_failed, list_edges, sum_up, untuned, with_untuned
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
    assert "(2 of 9 trainings of that have ended)" in answer_tuning(plan, {first, second, "another"}).sentence


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


def test_arms_without_a_choice_are_named_and_have_no_levels() -> None:
    plan = make_plan()
    answer = Answer("undecided", "Undecided.", (), note="Before.")
    assert with_untuned(answer, plan) == answer
    del plan["tuning"]["chosen"]["count=5"]
    assert untuned(plan) == ["count=5"]
    assert chosen_levels(plan) == {"count=1": {"optim.lr": 0.0001}, "count=20": {"optim.lr": 0.01}}
    assert with_untuned(answer, plan).note == (
        "Before. Every training of the tuning failed, so that there is no comparison: count=5."
    )
    assert sum_up(plan).endswith("lr=0.01 (count=20), none (count=5)")


def test_what_is_planned_no_more_has_failed() -> None:
    plan = make_plan()
    assert count_failed(plan) == 0
    for trial in plan["tuning"]["trials"][:2]:
        del plan["phases"][trial["final"]]
    assert count_failed(plan) == 2
    assert not {trial["final"] for trial in plan["tuning"]["trials"][:2]} & labels(plan).keys()


def test_phases_that_tries_share_are_called_so() -> None:
    plan = make_plan()
    first, second = plan["tuning"]["trials"][:2]
    second["phases"] = {**second["phases"], "sender": first["phases"]["sender"]}
    assert labels(plan)[first["phases"]["sender"]] == "sender of 2 tries (count=1, lr=0.0001 ...) seed 1000"
    assert labels(plan)[first["final"]] == "joint count=1, lr=0.0001 seed 1000"
