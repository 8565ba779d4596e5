import pytest

from study.design import sweep
from study.design._cell import DesignError


def test_every_level_is_an_arm_named_by_it() -> None:
    made = sweep.cells(sweep.Settings(), {"count": ["1", "20"]}, {"count": "20"})
    assert made == [("count=1", {"count": "1"}), ("count=20", {"count": "20"})]


def test_two_factors_are_refused_with_what_to_use() -> None:
    with pytest.raises(DesignError, match=r"a sweep varies one factor, but there are 2: a, b. Use grid"):
        sweep.cells(sweep.Settings(), {"a": ["1"], "b": ["1"]}, {"a": "1", "b": "1"})
