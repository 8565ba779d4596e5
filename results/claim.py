"""What would be said, and when: fixed and hashed before the first result."""

import hashlib
from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from models.settings import Frozen
from results.files import canonical
from results.metric.facts import COST_SPLIT, METRICS, Facts

ANY, ALL = "any", "all"


class Claim(Frozen):
    """A statement about arms and their control that data can support or refute."""

    metric: Literal["map", "latency", "peak_memory"] = "map"
    """Mean average precision, in points; or what inference costs: the median latency of a clip, the peak memory."""
    split: Literal["val", "val_seen", "val_unseen", "test", "test_seen", "test_unseen", "inference"] = "val"
    """`val` is the mean of `val_seen` and `val_unseen`, `test` that of the test splits.

    What inference costs is of the split `inference` and no other; where nothing is written it is meant.
    """
    control: str
    """Name of the arm that the others are compared with."""
    which: str
    """Name of an arm, `any` or `all`."""
    direction: Literal["better", "worse", "equivalent"]
    smallest: float = Field(ge=0)
    """The smallest difference that matters, in points; of costs in percent of the control's."""
    alpha: float = Field(0.05, gt=0, lt=0.5)
    """How often the study may claim what is not so."""
    over: Literal["seeds", "seeds_and_activities"] = "seeds_and_activities"
    """What the claim holds for: other seeds on these clips, or other seeds and other activities."""
    controls: Mapping[str, str] = {}
    """Arm -> the arm that it is compared with, where that is not the control but the control of its own group."""
    counterparts: Mapping[str, str] = {}
    """Arm -> the arm of the control's group that it matches: the claim is about how their differences differ."""
    held: str = ""
    """With groups, the levels that every group's control has, and the control: ``count=20``; empty without."""
    within: str = ""
    """What makes the groups: ``seen``."""
    here: str = ""
    """What the control's own group has of it: ``seen=all``."""
    looks: tuple[Annotated[int, Field(ge=1)], ...] = Field((), exclude_if=lambda looks: not looks)
    """How many seeds there are at each look, where seeds are added until the claim is decided; else empty."""

    @model_validator(mode="after")
    def _looks_can_be_taken(self) -> Self:
        if any(fewer >= more for fewer, more in pairwise(self.looks)):
            raise ValueError(f"claim.looks: must grow from look to look, but got looks={list(self.looks)}.")
        if self.looks and self.is_sealed:
            raise ValueError(
                f"claim.split: must not be sealed where seeds are added until the claim is decided, but got "
                f"{self.split!r}: each look would open it. Claim a validation split, or give a number of seeds."
            )
        return self

    @model_validator(mode="after")
    def _can_be_decided(self) -> Self:
        if self.direction == "equivalent" and self.smallest == 0:
            raise ValueError(
                "claim.smallest: must be above 0 for a claim of equivalence, but got smallest=0.0; "
                "no data shows that a difference is exactly 0. Give the smallest difference that matters, in points."
            )
        if self.is_about_cost != (self.split == COST_SPLIT):
            rule = f"`{COST_SPLIT}`" if self.is_about_cost else "a split of the data"
            raise ValueError(
                f"claim.split: must be {rule} for a claim about {self.metric}, but got {self.split!r}. "
                "What inference costs is measured on clips that are made up. Leave the split out, or change the metric."
            )
        if self.is_about_cost and self.over != "seeds":
            raise ValueError(
                f"claim.over: must be `seeds` for a claim about {self.metric}, which no activity plays a part in, "
                f"but got {self.over.replace('_', ' ')!r}. Write `over: seeds`, or leave it out."
            )
        if self.is_about_cost and self.controls:
            raise ValueError(
                f"claim.within: must be left out for a claim about {self.metric}: "
                "costs are compared in percent of one control's."
            )
        if self.which not in (ANY, ALL) and not self.compares(self.which):
            raise ValueError(
                f"claim.which: must be an arm that is compared with a control, but got which={self.which!r}. "
                f"Name another one, `{ANY}` or `{ALL}`."
            )
        return self

    @property
    def facts(self) -> Facts:
        """What its metric is."""
        return METRICS[self.metric]

    @property
    def alpha_of_look(self) -> float:
        """The share of `alpha` that one look may use up; all of it for a claim about a fixed number of seeds."""
        return self.alpha / max(1, len(self.looks))

    @property
    def is_about_cost(self) -> bool:
        """Tell whether it is about what inference costs, and not about scores of clips."""
        return self.facts.is_cost

    @property
    def says_lower(self) -> bool:
        """Tell whether it says that arms have less of the metric than the control."""
        return self.direction == ("better" if self.facts.is_lower_better else "worse")

    @property
    def is_sealed(self) -> bool:
        """Tell whether its split is shown only after `study reveal`."""
        return self.split.startswith("test")

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits of the data that the claim's split averages."""
        if self.split in ("val", "test"):
            return (f"{self.split}_seen", f"{self.split}_unseen")
        return (self.split,)

    def compares(self, arm: str) -> bool:
        """Tell whether `arm` has a difference: it is no control, and for a change it has a counterpart."""
        is_control = arm in (self.control, *self.controls.values())
        return not is_control and (not self.counterparts or arm in self.counterparts)

    def terms(self, arm: str) -> dict[str, int]:
        """Give what the difference of `arm` adds up: arm -> 1 or -1.

        Example:
            ``{"count=5": 1, "count=20": -1}``; of a change ``{"few, 5": 1, "few, 20": -1, "all, 5": -1, "all, 20": 1}``
        """
        terms = {arm: 1, self.controls.get(arm, self.control): -1}
        return terms | {self.counterparts[arm]: -1, self.control: 1} if arm in self.counterparts else terms

    def claimed(self, arms: tuple[str, ...], repeated: Collection[str] = ()) -> tuple[str, ...]:
        """Name the arms of `arms` that the claim is about.

        Args:
            repeated: arms that train the control once more: a claim about any or all arms is not about them.
        """
        if self.which in (ANY, ALL):
            return tuple(arm for arm in arms if self.compares(arm) and arm not in repeated)
        return tuple(arm for arm in arms if arm == self.which)


def claim_hash(fixed: Mapping[str, Any]) -> str:
    """Hash what a claim fixes (edition, question, claim, arms, data): SHA-256 of canonical JSON.

    Raises:
        ValueError: a number in it is none.
    """
    return hashlib.sha256(canonical(fixed).encode()).hexdigest()
