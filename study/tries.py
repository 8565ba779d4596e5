"""What each arm tries before the comparison: every combination of the levels that `tune` of a spec lists.

The rule is part of the claim: what may be chosen, by which seeds, and the settings that each choice leads to.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

from experiments.lines import Layer
from experiments.problem import Problem, SpecError
from experiments.spec import SEARCH_SEEDS, Spec
from experiments.tree import leaves
from models.build import streams_of
from results.metric.facts import METRICS
from study.arms import content
from study.edition import Arm, Tuning
from study.levels import Factor, Level, short_names

MOST_TRIES = 64
"""Combinations of levels: more of them are a search."""
TUNABLE = ("model", "optim")
"""Groups of settings that may be tuned: what is learned from and measured, and for how long, is the same for all."""


def clashes(
    spec: Spec, tuned: Sequence[Factor], factors: Mapping[str, Factor], options: Sequence[Layer]
) -> Iterator[Problem]:
    """Find what cannot be tuned: what an arm sets itself, what all arms set, and what would compare something else.

    Args:
        options: layers of the command line.
    """
    for name in (factor.name for factor in tuned):
        where = spec.layer.where(f"tune.{name}")
        if name.partition(".")[0] not in TUNABLE:
            text = (
                f"{name}: cannot be tuned, for it changes what is compared, or no number. "
                f"There are the settings of {' and '.join(TUNABLE)}. Tune one of these."
            )
            yield Problem(where, text)
        for other, factor in factors.items():
            if any(_overlap(name, path) for level in factor.levels.values() for path in level.layer.lines):
                by = "this study" if other == name else f"the factor {other}"
                text = f"{name}: is varied by {by}, so it cannot be tuned for each arm. Remove one of the two."
                yield Problem(where, text)
        for layer in (spec.settings_layer, *options):
            paths = {path.removesuffix(".name") for path, _ in leaves(layer.tree)}
            for path in sorted(path for path in paths if _overlap(name, path)):
                text = f"{path}: is tuned for each arm, so it cannot be set for all arms. Remove one of the two."
                yield Problem(layer.where(path), text)
    yield from _too_few_or_many(spec, tuned)


def _too_few_or_many(spec: Spec, tuned: Sequence[Factor]) -> Iterator[Problem]:
    count = math.prod(len(factor.levels) for factor in tuned)
    where = spec.layer.where("tune")
    if tuned and count == 1:
        text = "lists one combination of levels, so there is nothing to choose. Add a level, or write it in `settings`."
        yield Problem(where, f"tune: {text}")
    if count > MOST_TRIES:
        text = f"lists {count:,} combinations of levels, but an arm tries up to {MOST_TRIES}. Use fewer levels."
        yield Problem(where, f"tune: {text}")


def _overlap(one: str, other: str) -> bool:
    """Tell whether two dotted paths name the same setting, or one a part of the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def refuse_untunable(spec: Spec) -> None:
    """See that what is tuned is a comparison of trainings, which are all brought to their end.

    Raises:
        SpecError: it is not.
    """
    if spec.tune is None:
        return
    reasons = {
        "a search picks arms by itself: list these levels among its factors, or take another design.": (
            spec.design["name"] == "search"
        ),
        "cannot be used with `prune`: what is given up is never tuned to its end. Remove one of the two.": (
            spec.prune is not None
        ),
        f"a claim about {spec.claim.metric} trains nothing that could be tuned. Remove it.": (
            METRICS[spec.claim.metric].is_cost
        ),
    }
    where = spec.layer.where("tune")
    problems = [Problem(where, f"tune: {text}") for text, holds in reasons.items() if holds]
    if problems:
        raise SpecError(problems)


def tuning_of(
    spec: Spec, tuned: Sequence[Factor], arms: Sequence[Arm], arms_with: Callable[[Sequence[Layer]], list[Arm]]
) -> Tuning | None:
    """Put every arm under every combination of the tuned levels; None if nothing is tuned.

    Args:
        arms: those of the edition.
        arms_with: makes all arms with more layers of settings.

    Raises:
        SpecError: a level is no valid setting, or changes what arms read, or no number of any arm.
    """
    if spec.tune is None:
        return None
    short, metric = short_names(factor.name for factor in tuned), spec.claim.metric
    control = next(arm.name for arm in arms if arm.is_control)
    kept: dict[str, dict[str, Arm]] = {arm.name: {} for arm in arms}
    problems: list[Problem] = []
    for levels in _combinations(tuned):
        words = ", ".join(f"{short[name]}={level.text}" for name, level in levels.items())
        try:
            made = {arm.name: arm for arm in arms_with([level.layer for level in levels.values()])}
        except SpecError as error:
            problems += error.problems
            continue
        values = {name: level.value for name, level in levels.items()}
        for arm in arms:
            source = made[control if arm.replicate else arm.name]
            one = replace(arm, settings=source.settings, levels={**arm.levels, **values}, tried=words)
            kept[arm.name].setdefault(content(one, metric), one)
    problems = problems or [
        *_without_effect(spec, tuned, kept),
        *_other_streams(spec, arms, kept),
        *_arms_that_become_one(spec, kept),
    ]
    if problems:
        raise SpecError(problems)
    return Tuning(
        levels={factor.name: [level.value for level in factor.levels.values()] for factor in tuned},
        seeds=tuple(range(SEARCH_SEEDS, SEARCH_SEEDS + spec.tune.seeds)),
        tries={arm: tuple(own.values()) for arm, own in kept.items()},
    )


def _combinations(tuned: Sequence[Factor]) -> Iterator[dict[str, Level]]:
    # sorted, so that the order of settings in a spec makes no other claim; a name sorts before those inside it
    own = sorted(tuned, key=lambda factor: factor.name)
    for levels in product(*(factor.levels.values() for factor in own)):
        yield dict(zip((factor.name for factor in own), levels, strict=True))


def _without_effect(spec: Spec, tuned: Sequence[Factor], kept: Mapping[str, Mapping[str, Arm]]) -> Iterator[Problem]:
    """Find tuned settings of several levels of which all but the first make the same trainings as the first."""
    for factor in (factor for factor in tuned if len(factor.levels) > 1):
        first = next(iter(factor.levels.values())).value
        if all(one.levels[factor.name] == first for own in kept.values() for one in own.values()):
            text = f"{factor.name}: changes no number of any arm, so there is nothing to choose. Remove it."
            yield Problem(spec.layer.where(f"tune.{factor.name}"), text)


def _other_streams(spec: Spec, arms: Sequence[Arm], kept: Mapping[str, Mapping[str, Arm]]) -> Iterator[Problem]:
    for arm in arms:
        there = set(streams_of(arm.settings.model))
        for one in kept[arm.name].values():
            if set(streams_of(one.settings.model)) != there:
                text = f"{one.tried}: arm {arm.name} would read something else of its clips. Vary it as a factor."
                yield Problem(spec.layer.where("tune"), f"tune: {text}")


def _arms_that_become_one(spec: Spec, kept: Mapping[str, Mapping[str, Arm]]) -> Iterator[Problem]:
    """Find levels under which two arms are the same training: what tells them apart does not count any more."""
    first: dict[str, Arm] = {}
    for same, one in (item for own in kept.values() for item in own.items()):
        other = first.setdefault(same, one)
        if other.name != one.name:
            text = (
                f"{one.tried}: arms {other.name} and {one.name} would be one training, so that nothing could be "
                "compared. Leave this level out, or vary it as a factor."
            )
            yield Problem(spec.layer.where("tune"), f"tune: {text}")
