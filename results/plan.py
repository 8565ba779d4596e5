"""What a study's newest plan (`plan.json`) says about its phases."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple, NotRequired

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from results.attempt import Attempt, Store
from results.files import StoreError
from results.state import with_blocked


class PlannedWeights(TypedDict):
    """A file that phases of an arm start from: the setting that names it, its name, and its SHA-256."""

    setting: str
    file: str
    digest: str


class PlannedArm(TypedDict):
    """One level for every factor; without `weights` all its phases start from scratch."""

    name: str
    is_control: bool
    levels: dict[str, Any]
    replicate: int
    weights: list[PlannedWeights]


class PlannedPhase(TypedDict):
    """One leg of training; `clips` are those of its training split, `parents` role -> key."""

    kind: str
    seed: int
    epochs: int
    clips: int
    parents: dict[str, str]


class PlannedTrial(TypedDict):
    """An arm with a seed; `phases` are role -> key, `final` is the key that holds its numbers."""

    arm: str
    seed: int
    replicate: int
    phases: dict[str, str]
    final: str


class PlannedTry(PlannedTrial):
    """An arm under one combination of tuned `levels`, with one seed of the tuning; `tried` says them in words."""

    tried: str
    levels: dict[str, Any]


class PlannedTuning(TypedDict):
    """What each arm tries before the comparison, and what it has chosen.

    `phases` are those of all `trials`, by key. Once arms have chosen, `chosen` and `failed` are a copy of `Choice`:
    arm -> the `tried` of its choice, and the keys of the `final` of trials that failed, which are not tried again.
    """

    levels: dict[str, list[Any]]
    seeds: list[int]
    phases: dict[str, PlannedPhase]
    trials: list[PlannedTry]
    chosen: NotRequired[dict[str, str]]
    failed: NotRequired[list[str]]


class PlanFile(TypedDict):
    """What `plan.json` holds: the newest plan of an edition, and all that reports need of it.

    `prune` are the pruner's settings, in a study that prunes, `search` those of a search, whose arms are those that
    were picked so far. With `tuning`, `trials` are those of the comparison, once arms have chosen their levels, and
    `phases` are theirs and those of the tuning; of the latter no longer those that failed, once it is over.
    """

    edition: str
    study: str
    profile: str
    data: str
    overrides: dict[str, Any]
    question: dict[str, Any]
    claim: dict[str, Any]
    claim_hash: str
    design: str
    factors: dict[str, list[Any]]
    charts: list[str] | None
    prune: NotRequired[dict[str, Any]]
    search: NotRequired[dict[str, Any]]
    tuning: NotRequired[PlannedTuning]
    labels: list[str]
    notes: list[str]
    settings: dict[str, Any]
    spec_settings: dict[str, Any]
    arms: list[PlannedArm]
    phases: dict[str, PlannedPhase]
    trials: list[PlannedTrial]
    caches: list[str]
    clips_from: str
    fingerprints: list[str]
    at: str
    command: str


_FORM = TypeAdapter(PlanFile)
_ANEW = "Run the study again: it writes the plan anew, and trains nothing that is done."


class Plans(NamedTuple):
    """The newest plans in a store.

    Attributes:
        whole: by edition.
        damaged: edition -> what is wrong with its plan; the others are not the worse for it.
    """

    whole: dict[str, PlanFile]
    damaged: dict[str, str]


def read_plan(path: Path) -> PlanFile:
    """Read a `plan.json`.

    Raises:
        StoreError: it is torn, or not what this version writes.
    """
    try:
        return _FORM.validate_python(json.loads(path.read_bytes()))
    except ValidationError as error:
        where = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:3])
        raise StoreError(
            f"{path}: is not a plan ({where}). It was changed, or another version wrote it. {_ANEW}"
        ) from error
    except ValueError as error:
        raise StoreError(f"{path}: is not JSON ({error}). {_ANEW}") from error


def read_plans(store: Store) -> Plans:
    """Read the newest plan of every edition, by name; a declared edition that has none is damaged."""
    plans = Plans({}, {})
    for folder in sorted(path for path in store.editions.glob("*") if path.is_dir()):
        path = folder / "plan.json"
        try:
            plans.whole[folder.name] = read_plan(path)
        except StoreError as error:
            plans.damaged[folder.name] = str(error)
        except FileNotFoundError:
            plans.damaged[folder.name] = f"{path}: is missing. Run the study again: it writes the plan anew."
    return plans


def plan_of(store: Store, edition: str, claim_hash: str) -> PlanFile | None:
    """Read the newest plan of an edition; None if there is none, if it is of another claim, or damaged."""
    try:
        plan = read_plan(store.editions / edition / "plan.json")
    except (FileNotFoundError, StoreError):  # `study verify` names what is damaged
        return None
    return plan if plan["claim_hash"] == claim_hash else None


def study_of(edition: str) -> str:
    """Give the study that an edition is of, by the edition's name."""
    return edition.partition("--")[0]


def labels(plan: PlanFile) -> dict[str, str]:
    """Name every phase as people do, by key: its role, the arm or how many arms share it, seed.

    Those of a tuning are among them that failed and are planned no more.

    Example:
        ``joint count=20 seed 0``, ``rgb of 5 arms (count=20 ...) seed 0``, ``joint count=20, lr=0.001 seed 1000``
    """
    uses: dict[str, list[tuple[str, str, str]]] = {}
    named = [(trial, f"{trial['arm']}, {trial['tried']}", "tries") for trial in tries_of(plan)]
    for trial, who, what in [*named, *((trial, trial["arm"], "arms") for trial in plan["trials"])]:
        for role, key in trial["phases"].items():
            uses.setdefault(key, []).append((who, role, what))
    phases = {**(plan["tuning"]["phases"] if "tuning" in plan else {}), **plan["phases"]}
    return {key: _label(own, phases[key]["seed"]) for key, own in uses.items()}


def _label(uses: list[tuple[str, str, str]], seed: int) -> str:
    arm, role, what = uses[0]
    who = arm if len(uses) == 1 else f"of {len(uses)} {what} ({arm} ...)"
    return f"{role} {who} seed {seed}"


def pruned_of(store: Store, plan: PlanFile) -> dict[str, Attempt]:
    """Give the trainings that the plan's claim gave up: key -> attempt."""
    if "prune" not in plan:
        return {}
    return store.pruned(plan["claim_hash"], (trial["final"] for trial in plan["trials"]))


def grows(plan: PlanFile) -> bool:
    """Tell whether results decide what is planned further: levels, seeds until the claim is decided, or arms."""
    return bool(plan["claim"].get("looks")) or "search" in plan or is_tuning(plan)


def is_tuning(plan: PlanFile) -> bool:
    """Tell whether arms are still to choose their levels."""
    return "tuning" in plan and "chosen" not in plan["tuning"]


def tries_of(plan: PlanFile) -> list[PlannedTry]:
    """Give the trainings that arms choose their levels by; none, if nothing is tuned."""
    return plan["tuning"]["trials"] if "tuning" in plan else []


def standing_of(store: Store, plan: PlanFile) -> dict[str, str]:
    """Name the state of every phase by key, `results.state.with_blocked`."""
    return with_blocked({key: state.name for key, state in store.states(plan["phases"]).items()}, parents(plan))


def chosen_of(plan: PlanFile) -> dict[str, str] | None:
    """Give the levels that each arm has chosen, in words; None if nothing is tuned, or not yet."""
    return plan["tuning"].get("chosen") if "tuning" in plan else None


def chosen_levels(plan: PlanFile) -> dict[str, dict[str, Any]]:
    """Give the levels that arms have chosen: arm -> setting -> level; none of an arm that had nothing to choose."""
    chosen = chosen_of(plan) or {}
    control = next(arm["name"] for arm in plan["arms"] if arm["is_control"])
    tried = {(trial["arm"], trial["tried"]): trial["levels"] for trial in plan["tuning"]["trials"]} if chosen else {}
    names = {arm["name"]: control if arm["replicate"] else arm["name"] for arm in plan["arms"]}
    own = {arm: tried.get((names[arm], chosen[arm])) for arm in names if arm in chosen}
    return {arm: levels for arm, levels in own.items() if levels is not None}


def seeds_of(plan: PlanFile) -> dict[str, int]:
    """Count the seeds that are planned of each arm."""
    return dict(Counter(trial["arm"] for trial in plan["trials"]))


def parents(plan: PlanFile) -> dict[str, list[str]]:
    """List the phases that each phase starts from, by key."""
    return {key: list(phase["parents"].values()) for key, phase in plan["phases"].items()}
