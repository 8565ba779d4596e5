"""The claim of a spec, which names settings, becomes the claim of the statistics, which knows arms."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from experiments.problem import Problem, SpecError
from experiments.spec import Spec
from models import catalog
from results.claim import ALL, ANY, Claim
from results.metric.facts import COST_SPLIT, METRICS
from study.edition import Arm


def claim_of(spec: Spec, arms: Sequence[Arm]) -> Claim:
    """Translate the claim of `spec`.

    Raises:
        SpecError: it names an arm that there is not, or cannot be decided.
    """
    others = [arm.name for arm in arms if not arm.is_control]
    asked = spec.claim
    if asked.says.which not in (ANY, ALL, *others):
        text = f"claim.says.which: {catalog.unknown(asked.says.which, 'arm', [ANY, ALL, *others])}"
        raise SpecError([Problem(spec.layer.where("claim.says.which"), text)])
    claim: dict[str, Any] = {
        **asked.model_dump(exclude={"says"}),
        **asked.says.model_dump(),
        "control": next(arm.name for arm in arms if arm.is_control),
        "over": asked.over.replace(" ", "_"),
    }
    if METRICS[asked.metric].is_cost:  # neither clips nor activities play a part in it: what is written must say so
        written = asked.model_fields_set
        claim |= {"split": asked.split if "split" in written else COST_SPLIT}
        claim |= {} if "over" in written else {"over": "seeds"}
    try:
        return Claim(**claim)
    except ValidationError as error:
        raise SpecError([_problem(spec, details) for details in error.errors()]) from error


def _problem(spec: Spec, details: ErrorDetails) -> Problem:
    """Place what is wrong with several parts together; each part was checked when the spec was read."""
    text = str(details["ctx"]["error"])  # begins with the path it is about
    return Problem(spec.layer.where(text.partition(":")[0]), text)
