"""Claims are told of on the page of another: earlier ones of the edition, contrary ones of the same trainings."""

import json
from collections.abc import Mapping
from typing import Any

import duckdb
import pytest

from reports.claims import list_other_claims
from tests.reports.made_ledger import EDITION, Ledger

OTHER = "the_other"


def declare(connection: duckdb.DuckDBPyConnection, claim: Mapping[str, Any], **row: Any) -> None:
    named = {"edition": EDITION, "hash": "h", "is_current": True, "numerics": 2, "finals": [], "day": 22} | row
    connection.execute(
        "insert into claims by name select $edition as edition, $hash as hash, $is_current as is_current, "
        "make_timestamp(2026, 11, $day, 20, 0, 0) as declared_at, $claim as claim, $numerics as numerics, "
        "$finals as finals",
        named | {"claim": json.dumps(claim)},
    )


def told(ledger: Ledger, *earlier: Mapping[str, Any]) -> list[str]:
    """Declare the plan's claim after `earlier` ones: their rows, with what their claims say otherwise as `says`."""
    with ledger.connect() as connection:
        for number, row in enumerate(earlier):
            says = ledger.plan["claim"] | row.get("says", {})
            rest = {name: value for name, value in row.items() if name != "says"}
            declare(connection, says, hash=f"{number}", is_current=False, day=10 + number, **rest)
        declare(connection, ledger.plan["claim"])
        return list_other_claims(connection, EDITION, ledger.plan["claim"])


def test_an_only_claim_has_nothing_beside_it(ledger: Ledger) -> None:
    assert told(ledger) == []


def test_an_earlier_claim_is_said_and_a_contrary_one_called_so(ledger: Ledger) -> None:
    wider, worse = told(ledger, {"says": {"smallest": 2.0}}, {"says": {"direction": "worse"}})
    assert wider.startswith(
        "An earlier claim of this study, declared 2026-11-10 20:00 UTC, was another one: At least one"
    )
    assert "by more than 2.0 points" in wider
    assert "contrary" not in wider
    assert worse.endswith("The present one says the contrary.")


def test_a_claim_that_was_gone_back_from_is_a_later_one(ledger: Ledger) -> None:
    with ledger.connect() as connection:
        declare(connection, ledger.plan["claim"] | {"smallest": 2.0}, hash="later", is_current=False, day=23)
        declare(connection, ledger.plan["claim"])
        (only,) = list_other_claims(connection, EDITION, ledger.plan["claim"])
    assert only.startswith("A later claim of this study, declared 2026-11-23")


@pytest.mark.parametrize("says", [{"within": "seen"}, {"counterparts": {"count=1": "count=5"}}])
def test_a_claim_about_other_groups_or_a_change_was_another_one(ledger: Ledger, says: Mapping[str, Any]) -> None:
    (only,) = told(ledger, {"says": says})
    assert "was another one" in only


def test_results_of_two_numerics_are_counted_and_said_to_be_in_no_number(ledger: Ledger) -> None:
    old = [f"{number}" * 64 for number in range(3)]
    for key in old[:2]:
        ledger.runs[key] = next(iter(ledger.runs.values())) | {"key": key}
    kept = ledger.plan["trials"][0]["final"]
    rests, counted = told(ledger, {"numerics": 1, "finals": [*old, kept]})
    assert "rests on NUMERICS 1, the present one on 2" in rests
    assert counted == "2 results of earlier claims are in no number here."


def test_the_same_statement_about_other_settings_is_told_apart(ledger: Ledger) -> None:
    (only,) = told(ledger, {})
    assert only.endswith("says the same of other arms, settings, seeds or data.")


def with_another(ledger: Ledger, claim: Mapping[str, Any], *, turned: bool = False) -> list[str]:
    """Let a second edition compare the trainings of count=1 and count=20 as its arms `a` and `b`."""
    control, arm = ("count=1", "count=20") if turned else ("count=20", "count=1")
    with ledger.connect() as connection:
        declare(connection, ledger.plan["claim"])
        declare(connection, ledger.plan["claim"] | {"control": "b"} | claim, edition=OTHER)
        connection.execute("insert into comparisons values ($1, 'a', 'a', 1), ($1, 'a', 'b', -1)", [OTHER])
        for name, own in (("a", arm), ("b", control)):
            connection.execute(
                "insert into trials select $1, $2, seed, replicate, final from trials where edition = $3 and arm = $4",
                [OTHER, name, EDITION, own],
            )
        return list_other_claims(connection, EDITION, ledger.plan["claim"])


@pytest.mark.parametrize(
    ("claim", "turned", "is_contrary"),
    [
        ({"direction": "better"}, False, False),
        ({"direction": "worse"}, False, True),
        ({"direction": "equivalent"}, False, True),
        ({"direction": "better"}, True, True),
        ({"direction": "worse"}, True, False),
        ({"direction": "worse", "split": "val_seen"}, False, False),
    ],
)
def test_a_contrary_claim_about_the_same_trainings_is_named(
    ledger: Ledger, claim: Mapping[str, Any], turned: bool, is_contrary: bool
) -> None:
    found = with_another(ledger, claim, turned=turned)
    assert [text.partition(" (")[0] for text in found] == (
        [f"The study {OTHER} claims the contrary of the same trainings"] * is_contrary
    )
    assert all("(count=1 here, a there)" in text for text in found)
