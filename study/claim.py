"""The claim of a spec, which names settings, becomes the claim of the statistics, which knows arms."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from experiments.problem import Problem, SpecError
from experiments.spec import Spec
from models import catalog
from results.claim import ALL, ANY, Claim
from results.metric.facts import COST_SPLIT, METRICS
from study.edition import Arm
from study.levels import Value, short_names


def claim_of(spec: Spec, arms: Sequence[Arm], looks: tuple[int, ...] = ()) -> Claim:
    """Translate the claim of `spec`.

    Args:
        looks: seeds at each look; empty where the seeds are fixed.

    Raises:
        SpecError: it names an arm or a factor that there is not, or cannot be decided.
    """
    asked = spec.claim
    problems = [*_unknown_factors(spec)]
    if problems:
        raise SpecError(problems)
    groups = _groups(spec, arms) if asked.within else {}
    control = next(arm.name for arm in arms if arm.is_control)
    asks_of_any = Claim(control=control, which=ANY, direction="better", smallest=1.0, **groups)
    compared = [arm.name for arm in arms if asks_of_any.compares(arm.name)]
    if asked.says.which not in (ANY, ALL, *compared):
        text = f"claim.says.which: {catalog.unknown(asked.says.which, 'arm', [ANY, ALL, *compared])}"
        raise SpecError([Problem(spec.layer.where("claim.says.which"), text)])
    claim: dict[str, Any] = {
        **asked.model_dump(exclude={"says", "within", "of"}),
        **asked.says.model_dump(),
        "control": control,
        "over": asked.over.replace(" ", "_"),
        "looks": looks,
        **groups,
    }
    if METRICS[asked.metric].is_cost:  # neither clips nor activities play a part in it: what is written must say so
        written = asked.model_fields_set
        claim |= {"split": asked.split if "split" in written else COST_SPLIT}
        claim |= {} if "over" in written else {"over": "seeds"}
    try:
        return Claim(**claim)
    except ValidationError as error:
        raise SpecError([_problem(spec, details) for details in error.errors()]) from error


def _unknown_factors(spec: Spec) -> Iterator[Problem]:
    claim, where = spec.claim, spec.layer.where("claim.within")
    for name in claim.within:
        if name not in spec.factors:
            yield Problem(where, f"claim.within: {catalog.unknown(name, 'factor', spec.factors)}")
    if set(claim.within) >= set(spec.factors):
        there = ", ".join(spec.factors)
        text = f"claim.within: holds every factor ({there}), so no arm differs from its control. Leave one out."
        yield Problem(where, text)
    if claim.of == "change" and not claim.within:
        text = "claim.of: a change is one between groups, but claim.within names no factor that makes them. Name one."
        yield Problem(spec.layer.where("claim.of"), text)


def _groups(spec: Spec, arms: Sequence[Arm]) -> dict[str, Any]:
    """Find the control of every arm's group and, for a claim of a change, its counterpart in the control's group."""
    control = next(arm for arm in arms if arm.is_control)
    within = set(spec.claim.within)

    def arm_with(levels: Mapping[str, Value], of: Arm) -> Arm:
        for arm in arms:
            if arm.levels == levels:
                return arm
        names = _named(levels)
        text = f"claim.within: {of.name} would be compared with {names}, but there is no such arm. Use design: grid."
        raise SpecError([Problem(spec.layer.where("claim.within"), text)])

    controls: dict[str, str] = {}
    counterparts: dict[str, str] = {}
    for arm in arms:
        in_group = {name: (arm if name in within else control).levels[name] for name in arm.levels}
        matching = {name: (control if name in within else arm).levels[name] for name in arm.levels}
        own = arm_with(in_group, arm)
        if own is not control:
            controls[arm.name] = own.name
        if spec.claim.of == "change" and own is not control and own is not arm:
            counterparts[arm.name] = arm_with(matching, arm).name
    short = short_names(control.levels)
    return {
        "controls": controls,
        "counterparts": counterparts,
        "held": _named({name: level for name, level in control.levels.items() if name not in within}),
        "within": " and ".join(short[name] for name in sorted(within)),
        "here": _named({name: level for name, level in control.levels.items() if name in within}),
    }


def _named(levels: Mapping[str, Value]) -> str:
    short = short_names(levels)
    return ", ".join(f"{short[name]}={levels[name]}" for name in sorted(levels))


def _problem(spec: Spec, details: ErrorDetails) -> Problem:
    """Place what is wrong with several parts together; each part was checked when the spec was read."""
    text = str(details["ctx"]["error"])  # begins with the path it is about
    return Problem(spec.layer.where(text.partition(":")[0]), text)
