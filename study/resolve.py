"""A spec and the command line become an edition.

Settings lie in layers: profile, the spec's own settings, `--data`, `--set`, an arm's levels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from experiments.lines import Layer
from experiments.problem import Problem, SpecError
from experiments.read import Profile, read_profile
from experiments.spec import SEARCH_SEEDS, UNTIL_DECIDED, Spec
from experiments.tree import at, leaves
from models import catalog
from models.settings import key_content
from results.looks import LOOKS
from results.metric.facts import METRICS
from study.arms import cells, content, designed, merged, settled
from study.claim import claim_of
from study.design.search import Settings as Search
from study.edition import Arm, Edition
from study.layers import settle, stack
from study.levels import Factor, LevelReader, compact
from study.overrides import data_layer, data_name, edition_name, override_layers
from study.prune._read import read_pruner
from study.settings import DataSettings, Settings
from study.tries import clashes, refuse_untunable, tuning_of

__all__ = ["Arm", "Edition", "resolve"]

CONTROL_AGAIN = "control again"


def resolve(
    spec: Spec, profile: str | None = None, data: str | None = None, overrides: Mapping[str, Any] | None = None
) -> Edition:
    """Find every arm of `spec` with all its settings.

    Args:
        profile: instead of the spec's.
        data: instead of the profile's: a reader's name, or the path of a manifest.
        overrides: dotted path -> value.

    Raises:
        SpecError: every problem, with file and line or the option of the command line.
    """
    pruner = read_pruner(spec)
    _refuse_unsearchable(spec)
    refuse_untunable(spec)
    base = read_profile(profile or spec.profile, f"--profile {profile}" if profile else spec.layer.where("profile"))
    own = [*base.layers, spec.settings_layer]
    data_option = [data_layer(data)] if data else []
    options = override_layers(overrides or {})
    factors, control, tuned, notes = _read_levels(spec, own, [*data_option, *options.values()])
    design = designed(spec)
    combined = cells(spec, design, factors, control)
    searched = design if isinstance(design, Search) else None

    def arms_with(settings: Sequence[Layer]) -> list[Arm]:
        return settled(combined, factors, control, [*own, *data_option, *settings])

    every = arms_with(list(options.values()))
    metric, against = spec.claim.metric, searched.against if searched else None
    arms, merges = merged(every, metric, against)
    _refuse_unclear(spec, arms)
    changes = _changes(every, options, arms_with, lambda arm: content(arm, metric, against))
    looks = _looks(spec, base)
    compared = (*arms, *_control_again(spec, arms))
    own_data, its_data = _data_of(own), _data_of([*own, *data_option, *options.values()])
    return Edition(
        name=edition_name(
            spec.name,
            profile=None if base.name == spec.profile else base.name,
            data=None if its_data == own_data else its_data,
            overrides=changes,
        ),
        spec=spec,
        claim=claim_of(spec, arms, looks),
        profile=base.name,
        data=its_data,
        overrides=changes,
        factors={name: [level.value for level in factor.levels.values()] for name, factor in factors.items()},
        arms=compared,
        seeds=_seeds(spec, base, looks),
        notes=(*notes, *merges, *_seeds_cut(spec, base), *_picked(searched, arms)),
        pruner=pruner,
        search=searched,
        tuning=tuning_of(spec, tuned, compared, lambda levels: arms_with([*options.values(), *levels])),
    )


def _read_levels(
    spec: Spec, own: Sequence[Layer], options: Sequence[Layer]
) -> tuple[dict[str, Factor], dict[str, str], list[Factor], list[str]]:
    """Read factors, the control's levels, what is tuned and notes; refuse what is wrong before any arm is made."""
    below = [*own, *options]
    reader = LevelReader(spec, stack(below))
    factors = {factor.name: factor for factor in reader.factors()}
    control = reader.control(factors.values())
    tuned = reader.tuned()
    wrong = [*_clashes(spec, factors, options), *clashes(spec, tuned, factors, options)]
    problems = [*reader.problems, *wrong, *_unknown_charts(spec)]
    if not problems:
        return factors, control, tuned, reader.notes
    try:
        settle(Settings, below)
    except SpecError as error:
        problems += error.problems
    raise SpecError(problems)


def _clashes(spec: Spec, factors: Mapping[str, Factor], options: Sequence[Layer]) -> Iterator[Problem]:
    """Find settings that are varied, and also set in a way that could never show."""
    varied = {name: _always_set(factor) for name, factor in factors.items()}
    for layer in (spec.settings_layer, *options):
        paths = {path.removesuffix(".name") for path, _ in leaves(layer.tree)} | set(layer.lines)
        for name, path in ((name, path) for name, own in varied.items() for path in sorted(own & paths)):
            by = "this study" if name == path else f"the factor {name}"
            text = f"{path}: is varied by {by}, so it cannot be set for all arms. Remove one of the two."
            yield Problem(layer.where(path), text)
    names = sorted(factors)
    for name, other in ((name, other) for index, name in enumerate(names) for other in names[index + 1 :]):
        for path in sorted(_ever_set(factors[name]) & _ever_set(factors[other])):
            text = f"{path}: is varied by two factors, {name} and {other}. Let one of them vary it."
            yield Problem(spec.layer.where(f"factors.{other}"), text)


def _paths_of(factor: Factor) -> list[set[str]]:
    return [set(level.layer.lines) for level in factor.levels.values()]


def _always_set(factor: Factor) -> set[str]:
    return set.intersection(*_paths_of(factor))


def _ever_set(factor: Factor) -> set[str]:
    return set.union(*_paths_of(factor))


def _unknown_charts(spec: Spec) -> Iterator[Problem]:
    there = catalog.names("reports.chart")
    for index, name in enumerate(spec.charts or []):
        if name not in there:
            yield Problem(spec.layer.where(f"charts.{index}"), f"charts: {catalog.unknown(name, 'chart', there)}")


def _refuse_unclear(spec: Spec, arms: Sequence[Arm]) -> None:
    """See that arms can be told apart, and that there is one to compare with the control."""
    names = [arm.name for arm in arms]
    others = [arm.name for arm in arms if not arm.is_control]
    problems = [
        Problem(spec.layer.where("factors"), f"{name}: several arms have this name. Rename their levels.")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if not others and not spec.control_again:
        text = f"factors: there is no arm beside the control, {names[0]}. Add a level."
        problems.append(Problem(spec.layer.where("factors"), text))
    if problems:
        raise SpecError(problems)


def _changes(
    every: Sequence[Arm],
    options: Mapping[str, Layer],
    arms_with: Callable[[Sequence[Layer]], list[Arm]],
    content_of: Callable[[Arm], str],
) -> dict[str, Any]:
    """Keep the overrides without which some arm would have another key: not what is so anyway, nor the device."""
    with_all = [content_of(arm) for arm in every] if options else []
    control = key_content(next(arm for arm in every if arm.is_control).settings)
    changes: dict[str, Any] = {}
    for path, layer in options.items():
        try:
            others = arms_with([other for other in options.values() if other is not layer])
            without = [content_of(arm) for arm in others]
        except SpecError:  # another override needs this one
            without = []
        if without != with_all:
            held = at(control, path)
            is_one = isinstance(held, bool | int | float | str)
            changes[path] = held if is_one else compact(path, at(layer.tree, path), control)
    return changes


def _data_of(layers: Sequence[Layer]) -> str:
    source = at(stack(layers), "data.source")
    return data_name(DataSettings.model_fields["source"].default if source is None else source)


def _control_again(spec: Spec, arms: Sequence[Arm]) -> list[Arm]:
    control = next(arm for arm in arms if arm.is_control)
    return [replace(control, name=CONTROL_AGAIN, is_control=False, replicate=1)] if spec.control_again else []


def _looks(spec: Spec, profile: Profile) -> tuple[int, ...]:
    """Give the seeds at each look, no more than the profile allows; none where the seeds are fixed."""
    if spec.seeds != UNTIL_DECIDED:
        return ()
    most = profile.seeds or LOOKS[-1]
    return tuple(sorted({min(seeds, most) for seeds in LOOKS}))


def _seeds(spec: Spec, profile: Profile, looks: tuple[int, ...]) -> tuple[int, ...]:
    if spec.seeds == UNTIL_DECIDED:
        return tuple(range(looks[-1]))
    first = SEARCH_SEEDS if spec.design["name"] == "search" else 0
    return tuple(first + seed for seed in spec.seeds[: profile.seeds])


def _picked(search: Search | None, arms: Sequence[Arm]) -> list[str]:
    if search is None:
        return []
    most = min(search.trials, len(arms) - 1)
    return [
        f"A search: {search.sampler} picks {most} of the {len(arms) - 1} arms beside the control, and decides no claim."
    ]


def _refuse_unsearchable(spec: Spec) -> None:
    """See that a search is of trainings whose number is known, and compared with one control.

    Raises:
        SpecError: it is not.
    """
    if spec.design["name"] != "search":
        return
    fixes = {
        "seeds": "a number of seeds" if spec.seeds == UNTIL_DECIDED else "",
        "claim.metric": "mAP (`against` names a second objective)" if METRICS[spec.claim.metric].is_cost else "",
        "claim.split": "a validation split" if spec.claim.split.startswith("test") else "",
        "claim.within": "no groups of arms" if spec.claim.within else "",
        "control_again": "each arm once" if spec.control_again else "",
        "prune": "no pruner, which judges by one objective" if spec.prune and spec.design.get("against") else "",
    }
    problems = [
        Problem(spec.layer.where(path), f"{path}: a search has {what}. Change it, or take another design.")
        for path, what in fixes.items()
        if what
    ]
    if problems:
        raise SpecError(problems)


def _seeds_cut(spec: Spec, profile: Profile) -> list[str]:
    asked = LOOKS[-1] if spec.seeds == UNTIL_DECIDED else len(spec.seeds)
    if profile.seeds is None or asked <= profile.seeds:
        return []
    looks = _looks(spec, profile)
    where = f", at {len(looks)} of {len(LOOKS)} looks ({', '.join(map(str, looks))} seeds)" if looks else ""
    return [f"profile {profile.name} trains {profile.seeds} of the {asked} seeds{where}."]
