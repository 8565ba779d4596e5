"""What an edition's files say, and the one-way opening of its test splits."""

import json
from pathlib import Path

import pytest

from results.attempt import Store
from results.edition import UnknownEdition, digest, read_edition, reveal
from results.files import StoreError, replace_json
from tests import made_store as made


def test_an_edition_becomes_rows_of_every_table(made_store: Store) -> None:
    tables = read_edition(made_store.editions / made.EDITION)
    assert {name: len(rows) for name, rows in tables.items()} == {
        "editions": 1, "claims": 1, "arms": 3, "comparisons": 4, "trials": 6, "phases": 12, "tuning": 0
    }  # fmt: skip
    assert tables["editions"][0]["results_before"] == 0
    assert [arm["arm"] for arm in tables["arms"] if arm["is_control"]] == ["count=20"]
    assert tables["phases"][1]["epochs"] == 2


def test_the_looks_of_a_claim_are_a_column(made_store: Store) -> None:
    folder = made_store.editions / made.EDITION
    assert read_edition(folder)["editions"][0]["looks"] == []
    plan = made.read_plan(made_store)
    replace_json(folder / "plan.json", plan | {"claim": plan["claim"] | {"looks": [3, 5]}})
    assert read_edition(folder)["editions"][0]["looks"] == [3, 5]


def test_a_plan_that_lacks_a_part_is_named(made_store: Store) -> None:
    plan = made.read_plan(made_store)
    del plan["trials"][0]["final"]
    replace_json(made_store.editions / made.EDITION / "plan.json", plan)
    with pytest.raises(StoreError, match=r"plan\.json: is not a plan \(trials\.0\.final: .*Run the study again"):
        read_edition(made_store.editions / made.EDITION)


def test_a_claim_that_lacks_a_part_is_named(made_store: Store) -> None:
    folder = made_store.editions / made.EDITION
    (claim,) = folder.glob("claims/*.json")
    replace_json(claim, {"hash": claim.stem})
    with pytest.raises(StoreError, match=r"token_count_sweep: a claim.* lacks a part: KeyError: .*from a backup"):
        read_edition(folder)


def test_the_digest_follows_what_the_ledger_reads_and_nothing_else(made_store: Store) -> None:
    folder = made_store.editions / made.EDITION
    before = digest(folder)
    (folder / "answer.json").write_text("{}")
    assert digest(folder) == before
    reveal(made_store, made.EDITION, "me", "study reveal")
    assert digest(folder) != before


def test_revealing_is_recorded_once_and_says_what_it_opened(made_store: Store) -> None:
    made.write_plan(made_store, seeds=(0, 1, 2))
    first = reveal(made_store, made.EDITION, "me", "study reveal")
    again = reveal(made_store, made.EDITION, "you", "study reveal")
    assert (first.by, first.again, first.finished, first.planned) == ("me", False, 6, 9)
    assert (again.by, again.again, again.at) == ("me", True, first.at)
    said = json.loads((made_store.editions / made.EDITION / "revealed.json").read_text())
    assert said == {"at": first.at, "by": "me", "command": "study reveal"}


def test_an_unknown_edition_is_named_with_the_nearest(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    made.write_plan(store)
    with pytest.raises(UnknownEdition, match=r"token_sweep: no such edition\. Did you mean 'token_count_sweep'\?"):
        reveal(store, "token_sweep", "me", "study reveal")
    assert not list(store.editions.rglob("revealed.json"))
