from typing import Any

import pytest
from pydantic import ValidationError

from results.claim import Claim

NAMED: dict[str, Any] = {"control": "count=20", "which": "any", "direction": "better", "smallest": 1.0}


def test_the_hash_of_a_claim_is_pinned() -> None:
    # A changed hash makes every claim that was ever declared a new one: change it only if that is meant.
    assert Claim(**NAMED).hash == "510eab1ead10ff2101149047dfd7746e42f01b79852f28483343ffc96b2f5614"


def test_equal_claims_have_equal_hashes_and_any_change_has_another() -> None:
    original = Claim(**NAMED)
    assert original.hash == Claim(**dict(reversed(NAMED.items())), alpha=0.05, split="val").hash
    changes: list[dict[str, Any]] = [
        {"split": "val_seen"}, {"control": "count=5"}, {"which": "all"}, {"direction": "worse"},
        {"smallest": 1.5}, {"alpha": 0.01}, {"over": "seeds"},
    ]  # fmt: skip
    assert len({original.hash, *(Claim(**NAMED | change).hash for change in changes)}) == 1 + len(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"smallest": 0.0, "direction": "equivalent"}, "no data shows that a difference is exactly 0"),
        ({"which": "count=20"}, "must be another arm than the control"),
        ({"smallest": -1.0}, "greater than or equal to 0"),
        ({"smallest": float("nan")}, "finite number"),
        ({"alpha": 0.0}, "greater than 0"),
        ({"metric": "accuracy"}, "'map'"),
        ({"split": "train"}, "val_seen"),
        ({"margin": 1.0}, "not permitted"),
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
