"""The spec of a study: the frozen, checked content of one YAML file.

Only the form is checked here. Whether the settings it names exist is checked by `study.resolve`, which knows them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from experiments.lines import Layer
from experiments.tree import Tree, nest
from models.settings import Frozen

SEARCH_SEEDS = 1000
"""Seeds from here up belong to search and tuning; claims never use them."""


UNTIL_DECIDED: Final = "until decided"
"""Seeds that are added, at fixed looks, to what is undecided."""


def _seeds(written: Any) -> tuple[int, ...] | Literal["until decided"]:
    if written == UNTIL_DECIDED:
        return UNTIL_DECIDED
    if isinstance(written, list | tuple):
        return _listed(written)
    if not _is_number(written):
        raise ValueError(f"must be a number of seeds, a list of them, or {UNTIL_DECIDED!r}, but got {written!r}.")
    if not 1 <= written <= SEARCH_SEEDS:
        raise ValueError(f"must be 1 to {SEARCH_SEEDS} seeds, but got {written}.")
    return tuple(range(written))


def _listed(seeds: Sequence[Any]) -> tuple[int, ...]:
    if not seeds:
        raise ValueError("must have at least 1 seed, but got [].")
    for seed in seeds:
        if not _is_number(seed) or not 0 <= seed < SEARCH_SEEDS:
            raise ValueError(f"a seed must be a number from 0 to {SEARCH_SEEDS - 1}, but got {seed!r}.")
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"a seed is given twice in {list(seeds)}. Keep one.")
    return tuple(seeds)


def _is_number(written: Any) -> bool:
    return isinstance(written, int) and not isinstance(written, bool)


def _levels(written: Any) -> Any:
    if isinstance(written, list) and written:
        return written
    if isinstance(written, dict) and written and all(isinstance(level, dict) for level in written.values()):
        return written
    raise ValueError("must be a list of levels, or names with the settings that each stands for.")


def _design(written: Any) -> Any:
    design = {"name": written} if isinstance(written, str) else written
    if not isinstance(design, dict) or not isinstance(design.get("name"), str):
        raise ValueError(f"must be a name or a mapping with a name, but got {written!r}.")
    return design


def _prune(written: Any) -> Any:
    prune = {"pruner": written} if isinstance(written, str) else written
    if not isinstance(prune, dict) or not isinstance(prune.get("pruner"), str):
        raise ValueError(f"must be a mapping with a pruner, but got {written!r}.")
    return prune


Seeds = Annotated[
    tuple[int, ...] | Literal["until decided"],
    PlainValidator(_seeds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "array", "items": {"type": "integer"}, "minItems": 1},
                {"const": UNTIL_DECIDED},
            ]
        }
    ),
]
Levels = Annotated[list[Any] | dict[str, Tree], BeforeValidator(_levels)]


class Question(Frozen):
    """What is asked, and who asks it."""

    ask: str = Field(min_length=1)
    """One sentence that ends in a question mark."""
    source: str = ""
    """The paper or discussion that leaves it open."""


class Says(Frozen):
    """The statement that the answer supports or refutes."""

    which: str
    """An arm's name, `any` or `all`."""
    direction: Literal["better", "worse", "equivalent"]


class ClaimFile(Frozen):
    """What would be said, and when, as a spec writes it: `results.claim.Claim` once the arms are known."""

    metric: Literal["map", "latency", "peak_memory"] = "map"
    """Mean average precision, in points; or what inference costs: the median latency of a clip, the peak memory."""
    split: Literal["val", "val_seen", "val_unseen", "test", "test_seen", "test_unseen", "inference"] = "val"
    """`val` is the mean of `val_seen` and `val_unseen`, `test` that of the test splits.

    What inference costs is of the split `inference` and no other; where nothing is written it is meant.
    """
    says: Says
    smallest: float = Field(ge=0)
    """The smallest difference that matters, in points; of costs in percent of the control's."""
    alpha: float = Field(0.05, gt=0, lt=0.5)
    """How often the study may claim what is not so."""
    over: Literal["seeds", "seeds and activities"] = "seeds and activities"
    """What the claim holds for: other seeds on these clips, or other seeds and other activities.

    Costs are about other seeds, which are other measurements.
    """
    within: list[str] = Field(default_factory=list)
    """Factors of which an arm keeps its own level in the arm that it is compared with: each group has its control."""
    of: Literal["difference", "change"] = "difference"
    """Of the differences within each group, or of how they differ from those in the control's group."""


class Tune(Frozen):
    """The same small search for each arm before the comparison: dotted settings with lists of levels, and how."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[list[Any], Field(min_length=1)]]

    per: Literal["arm"] = "arm"
    """Each arm is given the levels that are best for it; nothing else can be asked for."""
    seeds: int = Field(1, ge=1, le=100)
    """Trainings of each arm with each combination of levels: seeds from 1,000 up, which claims never use."""

    @model_validator(mode="after")
    def _names_a_setting(self) -> Self:
        if not self.levels:
            raise ValueError("must name a setting with its levels (`optim.lr: [1e-4, 1e-3]`), but there is none.")
        return self

    @property
    def levels(self) -> dict[str, list[Any]]:
        """What is tuned: a setting's dotted path with its levels."""
        return self.__pydantic_extra__


class Budget(Frozen):
    """What a plan may cost; one that costs more is refused."""

    gpu_hours: float | None = Field(None, ge=0)
    epochs: int | None = Field(None, ge=0)


class SpecFile(Frozen):
    """The keys of a spec."""

    question: Question
    claim: ClaimFile
    profile: str = "tiny"
    """The file in `experiments/profiles` that gives every setting not named here."""
    design: Annotated[dict[str, Any], BeforeValidator(_design)]
    """How factors make arms."""
    control: dict[str, Any]
    """One level of every factor: the arm that the others are compared with."""
    factors: dict[str, Levels] = Field(min_length=1)
    """What is varied: a setting's dotted path with its levels, or a name with named groups of settings."""
    seeds: Seeds = (0, 1, 2)
    """How many seeds (from 0), or which; or `until decided`: 3, then 5, 8 and 12 of what is still undecided."""
    settings: Tree = Field(default_factory=dict)
    """What all arms change in the profile, dotted or nested."""
    control_again: bool = False
    """Whether the control is trained once more (replicate 1), to see how large no effect looks."""
    leave_out_missing: bool = False
    """Whether arms are left out, with a note, that need what the data do not have (skeletons, depth)."""
    prune: Annotated[dict[str, Any], BeforeValidator(_prune)] | None = None
    """Who gives trainings up before their last epoch; nobody, if not given. The control is never given up."""
    tune: Tune | None = None
    """What is chosen for each arm, by its own small search, before arms are compared; nothing, if not given."""
    charts: list[str] | None = None
    """The charts of the page; those that fit the design, if not given."""
    budget: Budget = Budget()


class Spec(SpecFile):
    """A spec that was read from a file."""

    name: str
    """The study's name: the file's name without `.yaml`."""
    path: Path
    source: str
    """What messages call the file."""
    lines: Mapping[str, int] = Field(repr=False)
    """Dotted path -> line."""

    @property
    def layer(self) -> Layer:
        """The whole file, to find lines in."""
        return Layer(self.source, {}, self.lines)

    @property
    def settings_layer(self) -> Layer:
        """The settings that all arms change in the profile."""
        return self.layer.part("settings", nest(self.settings))
