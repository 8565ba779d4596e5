"""What a study's newest plan (`plan.json`) says about its phases."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from results.attempt import Store
from results.files import StoreError, read_json


class Plans(NamedTuple):
    """The newest plans in a store.

    Attributes:
        whole: edition -> what its `plan.json` holds.
        damaged: edition -> what is wrong with its plan; the others are not the worse for it.
    """

    whole: dict[str, dict[str, Any]]
    damaged: dict[str, str]


def read_plans(store: Store) -> Plans:
    """Read the newest plan of every edition, by name."""
    plans = Plans({}, {})
    for path in sorted(store.editions.glob("*/plan.json")):
        try:
            plans.whole[path.parent.name] = read_json(path)
        except StoreError as error:
            plans.damaged[path.parent.name] = str(error)
    return plans


def study_of(edition: str) -> str:
    """Give the study that an edition is of, by the edition's name."""
    return edition.partition("--")[0]


def label(plan: Mapping[str, Any], key: str) -> str:
    """Name a phase as people do: kind, the arm or how many arms share it, seed.

    Example:
        ``joint count=20 seed 0``, ``rgb of 5 arms (count=20 ...) seed 0``

    Raises:
        KeyError: the plan has no such phase.
    """
    phase = plan["phases"][key]
    arms = [trial["arm"] for trial in plan["trials"] if key in trial["phases"].values()]
    who = arms[0] if len(arms) == 1 else f"of {len(arms)} arms ({arms[0]} ...)"
    return f"{phase['kind']} {who} seed {phase['seed']}"


def parents(plan: Mapping[str, Any]) -> dict[str, list[str]]:
    """List the phases that each phase starts from, by key."""
    return {key: list(phase["parents"].values()) for key, phase in plan["phases"].items()}
