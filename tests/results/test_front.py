from results.front import front


def test_arms_are_kept_that_no_other_one_beats_in_both_objectives() -> None:
    objectives = {"a": (60.0, -3.0), "b": (50.0, -1.0), "c": (55.0, -3.0), "d": (60.0, -3.0), "e": (50.0, -2.0)}
    assert front(objectives) == ["a", "b", "d"]
