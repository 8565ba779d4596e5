import pytest

from study.levels import short_names, worded


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["model.tokens.count", "optim.lr"], ["count", "lr"]),
        (["model.tokens.dropout", "model.head.dropout"], ["tokens.dropout", "head.dropout"]),
        (["a.b.c", "b.c"], ["a.b.c", "b.c"]),
        (["tokens"], ["tokens"]),
    ],
)
def test_a_short_name_is_the_shortest_that_no_other_ends_in(names: list[str], short: list[str]) -> None:
    assert list(short_names(names).values()) == short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (20, "20"),
        (3e-4, "0.0003"),
        (True, "true"),
        (None, "null"),
        ("mctf", "mctf"),
        ([1, 3], "[1,3]"),
        ({"name": "mctf"}, "mctf"),
        ({"name": "mctf", "drop_path": 0.2}, "mctf(drop_path=0.2)"),
        ({"drop_path": 0.2}, "(drop_path=0.2)"),
    ],
)
def test_values_are_worded_as_names_show_them(value: object, text: str) -> None:
    assert worded(value) == text
