"""Keys are pinned: a change of one of these digests re-labels every result, and must be meant."""

import pytest

from study.key import key_of

CONTENT = {
    "numerics": 1,
    "kind": "rgb",
    "settings": {"epochs": 2, "optim": {"lr": 0.001}},
    "seed": 0,
    "replicate": 0,
    "data": "abc",
    "parents": {},
}
GOLDEN = "f988bdf9100a042acce110b1cfab0ef142dbe845168babb9df841775844b33d7"


def test_a_key_is_the_digest_that_was_pinned() -> None:
    assert key_of(CONTENT) == GOLDEN


def test_the_order_of_fields_does_not_change_a_key() -> None:
    assert key_of(dict(reversed(CONTENT.items()))) == GOLDEN


@pytest.mark.parametrize("field", ["kind", "settings", "seed", "replicate", "data", "numerics", "parents"])
def test_every_hashed_field_changes_the_key(field: str) -> None:
    assert key_of(CONTENT | {field: 7}) != GOLDEN


def test_what_is_not_hashed_does_not_change_the_key() -> None:
    assert key_of(CONTENT | {"key": "something", "host": "elsewhere"}) == GOLDEN


def test_a_content_without_a_hashed_field_is_refused() -> None:
    with pytest.raises(KeyError, match="seed"):
        key_of({name: value for name, value in CONTENT.items() if name != "seed"})
