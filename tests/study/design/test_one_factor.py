from study.design import one_factor


def test_each_arm_differs_from_the_control_in_one_factor() -> None:
    control = {"a": "x", "b": "1"}
    made = one_factor.cells(one_factor.Settings(), {"a": ["x", "y", "z"], "b": ["1", "2"]}, control)
    assert [cell.name for cell in made] == ["control", "a=y", "a=z", "b=2"]
    assert made[0].levels == control
    assert made[3].levels == {"a": "x", "b": "2"}
