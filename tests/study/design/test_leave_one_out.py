import pytest

from study.design import leave_one_out
from study.design._cell import DesignError
from study.design.leave_one_out import Settings

FACTORS = {"fusion": ["mctf", "none"], "distill": ["none", "dense"]}
WHOLE = {"fusion": "mctf", "distill": "dense"}


def test_each_arm_lacks_one_component() -> None:
    made = leave_one_out.cells(Settings(), FACTORS, WHOLE)
    assert made == [
        ("whole", WHOLE),
        ("without fusion", {"fusion": "none", "distill": "dense"}),
        ("without distill", {"fusion": "mctf", "distill": "none"}),
    ]


def test_the_bare_arm_lacks_all() -> None:
    made = leave_one_out.cells(Settings(bare=True), FACTORS, WHOLE)
    assert made[-1] == ("bare", {"fusion": "none", "distill": "none"})


@pytest.mark.parametrize("levels", [["mctf"], ["mctf", "none", "average"]])
def test_a_component_without_exactly_one_alternative_is_refused(levels: list[str]) -> None:
    with pytest.raises(DesignError, match="fusion: leave_one_out needs two levels of each factor"):
        leave_one_out.cells(Settings(), {"fusion": levels}, {"fusion": "mctf"})


def test_a_bare_arm_of_one_component_is_refused() -> None:
    with pytest.raises(DesignError, match="Remove `bare`"):
        leave_one_out.cells(Settings(bare=True), {"fusion": ["mctf", "none"]}, {"fusion": "mctf"})
