"""An edition of a study: its arms with all their settings, checked, named, and merged where they are equal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments.spec import Spec
from models.settings import Frozen
from results.claim import Claim
from study.design.search import Settings as Search
from study.levels import Value
from study.settings import Settings


@dataclass(frozen=True)
class Arm:
    """One level for every factor, and all the settings that follow.

    Attributes:
        levels: factor -> level, as the ledger records it.
        replicate: 1 for the control's repetition (A/A), else 0.
        tried: the combination of tuned levels that it is under, in words; empty where nothing is tuned.
    """

    name: str
    is_control: bool
    levels: Mapping[str, Value]
    settings: Settings = field(repr=False)
    replicate: int = 0
    tried: str = ""


@dataclass(frozen=True)
class Tuning:
    """What every arm tries before the comparison, so that each is compared at its own best.

    Attributes:
        levels: setting -> its levels, as the ledger records them.
        seeds: of every try, from 1,000 up.
        tries: arm -> it under every combination of levels, settings by name, levels as the spec lists them; each
            training once. An arm with one try has nothing to choose; the control's repetition tries nothing itself and
            takes the control's choice.
    """

    levels: Mapping[str, Sequence[Value]]
    seeds: tuple[int, ...]
    tries: Mapping[str, Sequence[Arm]] = field(repr=False)


@dataclass(frozen=True)
class Edition:
    """A study with one profile, data set and set of overrides.

    Attributes:
        name: ``token_count_sweep--small--exercise_clips--optim.lr=0.0003``.
        overrides: those that can change a number: dotted path -> value.
        factors: factor -> its levels, as the ledger records them.
        arms: in the design's order; exactly one is the control.
        seeds: of every arm; the most that an arm gets where seeds are added until the claim is decided.
        notes: what was merged or cut, in sentences.
        pruner: settings of what gives trainings up, or None.
        search: how arms are picked one after another, or None where all are trained.
        tuning: what each arm tries before the comparison, or None.
    """

    name: str
    spec: Spec = field(repr=False)
    claim: Claim
    profile: str
    data: str
    overrides: Mapping[str, Any]
    factors: Mapping[str, Sequence[Value]]
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    notes: tuple[str, ...]
    pruner: Frozen | None = None
    search: Search | None = None
    tuning: Tuning | None = None

    @property
    def control(self) -> Arm:
        """The arm that the others are compared with."""
        return next(arm for arm in self.arms if arm.is_control)

    @property
    def against(self) -> str | None:
        """The second objective of a search, if it has one."""
        return self.search.against if self.search else None

    @property
    def grows(self) -> bool:
        """Tell whether results decide what is planned further: levels, seeds until a claim is decided, or arms."""
        return bool(self.claim.looks) or self.search is not None or self.tuning is not None

    @property
    def asked_first(self) -> dict[str, int]:
        """How many seeds each arm has at first, where results decide what follows: of a search only the control.

        Where arms are tuned they are the first of the comparison.
        """
        if self.search is not None:
            return {self.control.name: len(self.seeds)}
        count = self.claim.looks[0] if self.claim.looks else len(self.seeds)
        return dict.fromkeys((arm.name for arm in self.arms), count)

    @property
    def asked_at_most(self) -> dict[str, int]:
        """How many seeds of which arms may be trained in the end; of a search any arms, as many as it picks."""
        others = [arm.name for arm in self.arms if not arm.is_control]
        names = [self.control.name, *others[: self.search.trials if self.search else None]]
        return dict.fromkeys(names, len(self.seeds))

    def tries_of(self, arm: Arm) -> Sequence[Arm]:
        """Give `arm` under every combination of tuned levels; itself, if nothing is tuned."""
        return self.tuning.tries[arm.name] if self.tuning else (arm,)

    @property
    def tuning_seeds(self) -> tuple[int, ...]:
        """The seeds by which arms choose their levels; none, if nothing is tuned."""
        return self.tuning.seeds if self.tuning else ()

    def tuned(self, arm: Arm) -> Sequence[Arm]:
        """Give what is trained for `arm` to choose by: all its tries; nothing for one try, or for a repetition."""
        tries = self.tries_of(arm)
        return tries if len(tries) > 1 and not arm.replicate else ()

    @property
    def settings(self) -> Settings:
        """The settings of the control."""
        return self.control.settings
