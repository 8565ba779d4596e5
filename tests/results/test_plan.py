"""How a plan's phases are named, and what they start from."""

from pathlib import Path

import pytest

from results.attempt import Store
from results.files import StoreError, replace_json
from results.plan import labels, parents, read_plan, read_plans
from tests import made_store as made


def test_plans_are_read_by_name_and_a_torn_one_spares_the_others(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert read_plans(store) == ({}, {})
    for edition in ("tokens", "fusion"):
        made.write_plan(store, edition)
    assert list(read_plans(store).whole) == ["fusion", "tokens"]
    (store.editions / "tokens" / "plan.json").write_text('{"edition": "tok')
    plans = read_plans(store)
    assert list(plans.whole) == ["fusion"]
    assert plans.damaged["tokens"].startswith(f"{store.editions}/tokens/plan.json: is not JSON")
    assert "Run the study again: it writes the plan anew" in plans.damaged["tokens"]


def test_a_plan_that_lacks_a_part_is_told_with_what_to_do(made_store: Store) -> None:
    plan = made.read_plan(made_store)
    path = made_store.editions / made.EDITION / "plan.json"
    assert set(read_plan(path)) == set(plan)
    del plan["trials"][0]["final"]
    replace_json(path, plan)
    with pytest.raises(StoreError, match=r"plan.json: is not a plan \(trials.0.final: Field required\).*Run the study"):
        read_plan(path)


def test_a_phase_is_named_by_kind_arms_and_seed(made_store: Store) -> None:
    plan = made.read_plan(made_store)
    phases = plan["trials"][-1]["phases"]
    names = labels(plan)
    assert names.keys() == plan["phases"].keys()
    assert names[phases["joint"]] == "joint count=20 seed 1"
    assert names[phases["rgb"]] == f"rgb of 3 arms ({plan['arms'][0]['name']} ...) seed 1"


def test_a_phase_starts_from_its_parents(made_store: Store) -> None:
    plan = made.read_plan(made_store)
    phases = plan["trials"][0]["phases"]
    starts = parents(plan)
    assert (starts[phases["rgb"]], starts[phases["joint"]]) == ([], [phases["rgb"]])
