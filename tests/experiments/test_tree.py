from typing import Any

import pytest

from experiments.tree import at, given_twice, leaves, merge, nest


def test_dotted_and_nested_names_make_one_tree() -> None:
    written = {"optim.lr": 1, "optim": {"batch": 2}, "model.tokens": {"count": 3}}
    assert nest(written) == {"optim": {"lr": 1, "batch": 2}, "model": {"tokens": {"count": 3}}}


@pytest.mark.parametrize(
    ("below", "above", "together"),
    [
        ({"a": 1, "b": 2}, {"b": 3}, {"a": 1, "b": 3}),
        ({"name": "mctf", "drop": 1}, {"name": "none"}, {"name": "none"}),
        ({"name": "mctf", "drop": 1}, {"name": "mctf"}, {"name": "mctf", "drop": 1}),
        ({"name": "mctf", "drop": 1}, "none", {"name": "none"}),
        ({"name": "mctf", "drop": 1}, "mctf", {"name": "mctf", "drop": 1}),
        ("mctf", {"drop": 1}, {"name": "mctf", "drop": 1}),
        ({"drop": 1}, "mctf", {"name": "mctf", "drop": 1}),
        ("mctf", "none", "none"),
        ([1, 2], [3], [3]),
        ({"a": 1}, None, None),
    ],
)
def test_above_changes_what_it_names_and_another_variant_replaces_the_whole(
    below: Any, above: Any, together: Any
) -> None:
    assert merge(below, above) == together


def test_merging_changes_neither_side() -> None:
    below, above = {"a": {"b": 1}}, {"a": {"c": 2}}
    merge(below, above)
    assert (below, above) == ({"a": {"b": 1}}, {"a": {"c": 2}})


def test_a_variant_and_its_setting_may_be_written_in_either_order() -> None:
    one = {"model.fusion": "mctf", "model.fusion.drop_path": 0.1}
    assert nest(one) == nest(dict(reversed(one.items()))) == {"model": {"fusion": {"name": "mctf", "drop_path": 0.1}}}


def test_a_setting_in_two_spellings_is_found() -> None:
    assert given_twice({"optim.lr": 1, "optim": {"lr": 2, "batch": 3}}) == ["optim.lr"]
    assert given_twice({"fusion": "mctf", "fusion.name": "none"}) == ["fusion"]
    assert given_twice({"optim.lr": 1, "optim": {"batch": 3}}) == []


def test_leaves_are_all_values_by_dotted_path() -> None:
    assert dict(leaves({"a": {"b": [1]}, "c.d": {}})) == {"a.b": [1], "c.d": {}}


def test_what_a_tree_does_not_hold_is_none() -> None:
    assert at({"a": {"b": 1}}, "a.b") == 1
    assert at({"a": {"b": 1}}, "a.b.c") is None
    assert at({"a": "x"}, "a.name") is None
