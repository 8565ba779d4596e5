"""What a study's newest plan (`plan.json`) says about its phases."""

from collections.abc import Mapping
from typing import Any


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
