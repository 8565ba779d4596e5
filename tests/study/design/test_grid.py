from study.design import grid


def test_every_combination_is_an_arm() -> None:
    made = grid.cells(grid.Settings(), {"b": ["1", "2"], "a": ["x", "y"]}, {"b": "1", "a": "x"})
    assert [cell.name for cell in made] == ["a=x, b=1", "a=y, b=1", "a=x, b=2", "a=y, b=2"]
    assert made[3].levels == {"a": "y", "b": "2"}
