"""A spec and the command line become an edition.

Settings lie in layers: profile, the spec's own settings, `--data`, `--set`, an arm's levels.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from experiments.lines import Layer
from experiments.problem import Problem, SpecError, unknown
from experiments.read import Profile, read_profile
from experiments.spec import Spec
from experiments.tree import at, leaves
from models import catalog
from models.settings import key_content
from study.arms import cells, content, merged, settled
from study.edition import Arm, Edition
from study.layers import settle, stack
from study.levels import Factor, LevelReader
from study.overrides import data_layer, data_name, edition_name, override_layers
from study.settings import Settings

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
    base = read_profile(profile or spec.profile, f"--profile {profile}" if profile else spec.layer.where("profile"))
    own = [*base.layers, spec.settings_layer]
    options = data_layer(data) + override_layers(overrides or {})
    factors, control, notes = _factors(spec, own, options)
    combined = cells(spec, factors, control)

    def arms_over(above: Sequence[Layer]) -> list[Arm]:
        return settled(combined, factors, control, [*own, *above])

    every = arms_over(options)
    arms, merges = merged(every)
    _refuse_unclear(spec, arms)
    if spec.control_again:
        again = next(arm for arm in arms if arm.is_control)
        arms.append(replace(again, name=CONTROL_AGAIN, is_control=False, replicate=1))
    changed = {
        path: _held(every, path)
        for path in _paths(options)
        if not path.startswith("data.source.") or data is None
        if _changes(path, every, arms_over, options)
    }
    return Edition(
        name="",
        spec=spec,
        profile=base.name,
        data="",
        overrides=changed,
        factors={name: [level.value for level in factor.levels.values()] for name, factor in factors.items()},
        arms=tuple(arms),
        seeds=spec.seeds[: base.seeds],
        notes=(*notes, *merges),
    )
