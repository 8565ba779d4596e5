"""The pruner that a spec names."""

from typing import Annotated

from pydantic import SerializeAsAny

from experiments.lines import Layer
from experiments.problem import Problem, SpecError
from experiments.spec import UNTIL_DECIDED, Spec
from models.settings import Frozen, Variant
from results.metric.facts import METRICS
from study.layers import settle


class _Pruned(Frozen):
    """The part of a spec that names a pruner."""

    prune: Annotated[SerializeAsAny[Frozen], *Variant.of("study.prune", key="pruner")]


def read_pruner(spec: Spec) -> Frozen | None:
    """Read the settings of the pruner that a spec names, or None.

    Raises:
        SpecError: there is no such pruner, its settings are wrong, or there is nothing that it could give up.
    """
    if spec.prune is None:
        return None
    where = spec.layer.where("prune")
    if METRICS[spec.claim.metric].is_cost:
        text = f"prune: a claim about {spec.claim.metric} trains nothing that could be given up. Remove it."
        raise SpecError([Problem(where, text)])
    if spec.seeds == UNTIL_DECIDED:
        text = (
            f"prune: cannot be used with `seeds: {UNTIL_DECIDED}`, whose looks stop arms by whole trainings only. "
            "Give a number of seeds, or remove it."
        )
        raise SpecError([Problem(where, text)])
    return settle(_Pruned, [Layer(spec.source, {"prune": spec.prune}, spec.lines)]).prune
