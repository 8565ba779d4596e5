"""Arms: made by a design from factors, settled layer on layer, and merged where their settings are equal."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import SerializeAsAny

from experiments.lines import Layer
from experiments.problem import Problem, SpecError
from experiments.spec import Spec
from models import catalog
from models.settings import Frozen, Variant
from results.files import canonical
from study.design._cell import Cell, DesignError
from study.edition import Arm
from study.layers import settle
from study.levels import Factor, short_names
from study.phase import ClipSource, trial_phases
from study.settings import Settings


class _Designed(Frozen):
    """The part of a spec that names a design."""

    design: Annotated[SerializeAsAny[Frozen], *Variant.of("study.design")]


def designed(spec: Spec) -> Frozen:
    """Read the settings of the design that `spec` names.

    Raises:
        SpecError: there is no such design, or its settings are wrong.
    """
    return settle(_Designed, [Layer(spec.source, {"design": spec.design}, spec.lines)]).design


def cells(spec: Spec, settings: Frozen, factors: Mapping[str, Factor], control: Mapping[str, str]) -> list[Cell]:
    """Let the design of `spec` combine the factors; cells hold factors by their full names.

    Raises:
        SpecError: it cannot combine these factors.
    """
    design = catalog.load("study.design", spec.design["name"])
    short = short_names(factors)
    long = {name: factor for factor, name in short.items()}
    try:
        made: list[Cell] = design.cells(
            settings,
            {short[name]: list(factor.levels) for name, factor in factors.items()},
            {short[name]: level for name, level in control.items()},
        )
    except DesignError as error:
        raise SpecError([Problem(spec.layer.where("design"), f"design: {error}")]) from error
    return [Cell(cell.name, {long[name]: level for name, level in cell.levels.items()}) for cell in made]


def settled(
    cells: Sequence[Cell], factors: Mapping[str, Factor], control: Mapping[str, str], below: Sequence[Layer]
) -> list[Arm]:
    """Check the settings of every arm.

    Args:
        below: profile, spec and command line.

    Raises:
        SpecError: every problem of every arm.
    """
    arms: list[Arm] = []
    problems: list[Problem] = []
    for cell in cells:
        levels = {name: factors[name].levels[text] for name, text in cell.levels.items()}
        # sorted, so that the order of factors in a spec changes nothing; a name sorts before those inside it
        own = [levels[name].layer for name in sorted(levels)]
        try:
            settings = settle(Settings, [*below, *own])
        except SpecError as error:
            problems += error.problems
            continue
        values = {name: level.value for name, level in levels.items()}
        arms.append(Arm(cell.name, dict(cell.levels) == dict(control), values, settings))
    if problems:
        raise SpecError(problems)
    return arms


def merged(arms: Sequence[Arm], metric: str, against: str | None = None) -> tuple[list[Arm], list[str]]:
    """Keep one of the arms that are equal in all that counts, the control before others; say which were merged.

    Args:
        metric: of the claim; settings that cannot change it make no other arm.
        against: the second objective of a search; nor do those that cannot change that.
    """
    kept: dict[str, Arm] = {}
    notes: list[str] = []
    for arm in sorted(arms, key=lambda arm: not arm.is_control):
        same = kept.setdefault(content(arm, metric, against), arm)
        if same is not arm:
            notes.append(f"{arm.name}: the same settings as {same.name}; trained once, under that name.")
    alone = {id(arm) for arm in kept.values()}
    return [arm for arm in arms if id(arm) in alone], notes


def content(arm: Arm, metric: str, against: str | None = None) -> str:
    """Give what tells an arm from others: all that the keys of its phases hash, and where its clips come from.

    A path is in no key, because the clips' own content is; but it is all that is known of them here. Thresholds of
    signatures change no number, and what is said of them.
    """
    data, phases = arm.settings.data, deciding(arm, metric, against)
    source = [data.source.model_dump(mode="json"), data.limit]
    return canonical([phases, source, arm.settings.signatures.model_dump(), arm.replicate])


def deciding(arm: Arm, metric: str, against: str | None = None) -> dict[str, Any]:
    """Give all settings that can change `metric` or the second objective: what phases of a trial hash, by role."""
    labels = arm.settings.data.labels
    source = ClipSource("", labels.learned(0), None)
    phases = trial_phases(arm.settings, metric, 0, 0, source, against)
    return {role: phase.content | {"parents": {}} for role, phase in phases.items()}
