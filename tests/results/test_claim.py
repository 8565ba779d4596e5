from typing import Any

import pytest
from pydantic import ValidationError

from results.claim import Claim, claim_hash

NAMED: dict[str, Any] = {"control": "count=20", "which": "any", "direction": "better", "smallest": 1.0}
FIXED: dict[str, Any] = {
    "edition": "a",
    "question": {"ask": "How many tokens?", "source": "open"},
    "claim": Claim(**NAMED).model_dump(),
    "arms": [{"name": "count=20", "is_control": True}],
    "data": "d",
}


def test_the_hash_of_what_a_claim_fixes_is_pinned() -> None:
    # A changed hash makes every claim that was ever declared a new one: change it only if that is meant.
    assert claim_hash(FIXED) == "d1f14a3e277313a3463b31bbb941516301a99225621833cd8013c63551e8eed6"


def test_equal_contents_have_equal_hashes_and_any_change_has_another() -> None:
    changes: list[dict[str, Any]] = [
        {"claim": Claim(**NAMED | {"alpha": 0.01}).model_dump()}, {"edition": "b"}, {"data": "e"}, {"arms": []},
        {"question": {"ask": "How few tokens?"}},
    ]  # fmt: skip
    assert claim_hash(FIXED) == claim_hash(dict(reversed(FIXED.items())))
    assert len({claim_hash(FIXED), *(claim_hash(FIXED | change) for change in changes)}) == 1 + len(changes)


def test_looks_belong_to_a_claim_and_a_claim_without_them_is_written_as_ever() -> None:
    assert "looks" not in Claim(**NAMED).model_dump()
    assert Claim(**NAMED).alpha_of_look == 0.05
    looks = Claim(**NAMED, looks=(3, 5, 8, 12))
    assert looks.alpha_of_look == 0.0125
    assert Claim.model_validate(looks.model_dump(mode="json")) == looks


def test_what_is_no_number_has_no_hash() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        claim_hash({"smallest": float("nan")})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"smallest": 0.0, "direction": "equivalent"}, "no data shows that a difference is exactly 0"),
        ({"which": "count=20"}, "must be an arm that is compared with a control"),
        ({"smallest": -1.0}, "greater than or equal to 0"),
        ({"smallest": float("nan")}, "finite number"),
        ({"alpha": 0.0}, "greater than 0"),
        ({"metric": "accuracy"}, "'map'"),
        ({"split": "train"}, "val_seen"),
        ({"margin": 1.0}, "not permitted"),
        ({"looks": (3, 3)}, "must grow from look to look"),
        ({"looks": (3, 5), "split": "test"}, "each look would open it"),
    ],
)
def test_a_claim_that_data_cannot_decide_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Claim(**NAMED | change)


@pytest.mark.parametrize(
    ("split", "splits"),
    [("val", ("val_seen", "val_unseen")), ("test", ("test_seen", "test_unseen")), ("val_seen", ("val_seen",))],
)
def test_a_split_names_the_splits_that_it_averages(split: str, splits: tuple[str, ...]) -> None:
    assert Claim(**NAMED | {"split": split}).splits == splits


@pytest.mark.parametrize(("which", "claimed"), [("any", ("a", "b")), ("all", ("a", "b")), ("b", ("b",))])
def test_a_claim_is_about_the_arms_it_names(which: str, claimed: tuple[str, ...]) -> None:
    assert Claim(**NAMED | {"which": which}).claimed(("a", "count=20", "b")) == claimed
    assert Claim(**NAMED | {"which": which}).claimed(("a", "count=20", "b", "again"), {"again"}) == claimed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"split": "val", "over": "seeds"},
            "claim.split: must be `inference` for a claim about latency, but got 'val'",
        ),
        ({"over": "seeds_and_activities"}, "claim.over: must be `seeds` for a claim about latency"),
        ({"controls": {"b": "c"}}, "claim.within: must be left out for a claim about latency"),
        ({"metric": "map"}, "claim.split: must be a split of the data for a claim about map, but got 'inference'"),
    ],
)
def test_costs_have_a_split_and_seeds_of_their_own(changes: dict[str, Any], message: str) -> None:
    named = {"metric": "latency", "split": "inference", "over": "seeds", "control": "a", "which": "any"}
    assert Claim.model_validate(named | {"direction": "better", "smallest": 5}).splits == ("inference",)
    with pytest.raises(ValidationError, match=message):
        Claim.model_validate(named | {"direction": "better", "smallest": 5} | changes)


@pytest.mark.parametrize(
    ("metric", "direction", "lower"),
    [
        ("map", "better", False), ("map", "worse", True), ("map", "equivalent", False),
        ("latency", "better", True), ("peak_memory", "worse", False), ("latency", "equivalent", False),
    ],
)  # fmt: skip
def test_a_claim_knows_which_way_it_points(metric: str, direction: str, lower: bool) -> None:
    cost = {} if metric == "map" else {"split": "inference", "over": "seeds"}
    named = {"metric": metric, "control": "a", "which": "any", "direction": direction, "smallest": 5}
    assert Claim.model_validate(named | cost).says_lower == lower
