"""What every design promises, for every file in `study/design`."""

import pytest

from models import catalog
from study.design._cell import Cell, Factors, Levels

DESIGNS = catalog.names("study.design")
FACTORS = {"fusion": ["with", "without"], "tokens": ["all", "one"]}
CONTROL = {"fusion": "with", "tokens": "all"}


def cells(design: str, factors: Factors, control: Levels) -> list[Cell]:
    module = catalog.load("study.design", design)
    own = dict(list(factors.items())[:1]) if design == "sweep" else factors
    made: list[Cell] = module.cells(module.Settings(), own, {name: control[name] for name in own})
    return made


@pytest.mark.parametrize("design", DESIGNS)
def test_its_file_name_is_its_name(design: str) -> None:
    assert catalog.load("study.design", design).Settings().name == design


@pytest.mark.parametrize("design", DESIGNS)
def test_exactly_one_cell_is_the_control(design: str) -> None:
    made = cells(design, FACTORS, CONTROL)
    assert sum(all(CONTROL[name] == level for name, level in cell.levels.items()) for cell in made) == 1


@pytest.mark.parametrize("design", DESIGNS)
def test_no_two_cells_are_alike(design: str) -> None:
    made = cells(design, FACTORS, CONTROL)
    assert len({cell.name for cell in made}) == len(made)
    assert len({tuple(sorted(cell.levels.items())) for cell in made}) == len(made)


@pytest.mark.parametrize("design", DESIGNS)
def test_the_order_of_factors_and_levels_changes_no_cell(design: str) -> None:
    def as_set(made: list[Cell]) -> set[tuple[object, ...]]:
        return {(cell.name, *sorted(cell.levels.items())) for cell in made}

    one = {"fusion": ["with", "without"]} if design == "sweep" else FACTORS
    turned = {name: list(reversed(levels)) for name, levels in reversed(one.items())}
    assert as_set(cells(design, one, CONTROL)) == as_set(cells(design, turned, CONTROL))
