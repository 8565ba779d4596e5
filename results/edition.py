"""What the files of an edition say, as rows of the ledger, and how its test splits are opened."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from models import catalog
from models.errors import UserError
from results.attempt import Store, now
from results.claim import Claim, claim_hash
from results.files import StoreError, link_json, read_json
from results.plan import (
    PlanFile,
    PlannedArm,
    PlannedPhase,
    PlannedTrial,
    chosen_levels,
    chosen_of,
    read_plan,
    tries_of,
)

Row = dict[str, Any]
Tables = dict[str, list[Row]]

TABLES = ("editions", "claims", "arms", "comparisons", "trials", "phases", "tuning")


class UnknownEdition(UserError):
    """No edition of this name was ever run in this store."""


@dataclass(frozen=True)
class Revealed:
    """What `reveal` opened.

    Attributes:
        at: when, ISO 8601; the first time counts.
        again: it had been opened before, and nothing changed.
        finished: trials whose test numbers can be read now.
        planned: all trials of the edition; those that finish later are open from the start.
    """

    edition: str
    at: str
    by: str
    again: bool
    finished: int
    planned: int

    def __str__(self) -> str:
        opened = f"opened already, by {self.by} at {self.at}" if self.again else "opened"
        return (
            f"{self.edition}: the test splits of all its arms are {opened}: {self.finished} of {self.planned} trials "
            "have numbers; those that finish later are open from the start."
        )


def names(store: Store) -> list[str]:
    """List the editions that have a plan."""
    return sorted(path.parent.name for path in store.editions.glob("*/plan.json"))


def digest(folder: Path) -> str:
    """Hash those files of an edition that the ledger takes in."""
    paths = [folder / name for name in ("plan.json", "revealed.json", "skipped.json")]
    content = hashlib.sha256()
    for path in [*paths, *sorted(folder.glob("claims/*.json")), *sorted(folder.glob("chosen/*.json"))]:
        text = path.read_bytes() if path.exists() else b""
        content.update(f"{path.name} {len(text)}\n".encode() + text)
    return content.hexdigest()


def reveal(store: Store, edition: str, by: str, command: str) -> Revealed:
    """Open the test splits of `edition`, for all its arms at once and for ever.

    Raises:
        UnknownEdition: there is no such edition.
        StoreError: the store cannot be written.
    """
    store.check_version()
    folder = store.editions / edition
    if edition not in names(store):
        raise UnknownEdition(f"{store.editions}: {catalog.unknown(edition, 'edition', names(store))}")
    opened = link_json(folder / "revealed.json", {"at": now(), "by": by, "command": command})
    said = read_json(folder / "revealed.json")
    trials = read_plan(folder / "plan.json")["trials"]
    finished = sum((store.runs / trial["final"] / "done.json").exists() for trial in trials)
    return Revealed(edition, said["at"], said["by"], not opened, finished, len(trials))


def read_edition(folder: Path) -> Tables:
    """Read an edition's files as rows of the `TABLES`.

    Raises:
        StoreError: a file is no JSON, or lacks a part.
    """
    plan = read_plan(folder / "plan.json")
    plan["edition"] = folder.name
    try:
        claims = [_claim(read_json(path), plan) for path in sorted(folder.glob("claims/*.json"))]
        row = _edition(folder, plan, claims)
        comparisons = _comparisons(plan)
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise StoreError(
            f"{folder}: a claim, revealed.json or skipped.json lacks a part: {type(error).__name__}: {error}. "
            "Each is written once: restore the folder from a backup."
        ) from error
    levels = chosen_levels(plan)
    return {
        "editions": [row],
        "claims": claims,
        "arms": [_arm(plan["edition"], place, arm, levels) for place, arm in enumerate(plan["arms"])],
        "comparisons": comparisons,
        "trials": [_trial(plan["edition"], trial) for trial in plan["trials"]],
        "phases": [
            *(
                row
                for trial in tries_of(plan)
                for row in _phases(plan, plan["tuning"]["phases"], trial, trial["tried"])
            ),
            *(row for trial in plan["trials"] for row in _phases(plan, plan["phases"], trial)),
        ],
        "tuning": _tuning(plan),
    }


def changed_claim(folder: Path, plan: PlanFile) -> str:
    """Say how the claim that was declared differs from that of the plan in `folder`; empty if it does not.

    Raises:
        StoreError: the declared claim is no JSON.
    """
    path = folder / "claims" / f"{plan['claim_hash']}.json"
    if not path.exists():
        return "the claim that the plan names is missing. Restore it: a claim is made only once."
    fixed = read_json(path)["fixed"]
    if fixed["claim"] == plan["claim"] and claim_hash(fixed) == plan["claim_hash"]:
        return ""
    return (
        "differs from the plan's claim: one of them was changed. Run the study again: it writes the plan anew. If this "
        "stays, restore the claim from a backup."
    )


def _tuning(plan: PlanFile) -> list[Row]:
    """Give the trainings that arms choose their levels by; a position is that of these levels in the spec."""
    combinations = dict.fromkeys(trial["tried"] for trial in tries_of(plan))
    places, chosen = {tried: place for place, tried in enumerate(combinations)}, chosen_of(plan)
    return [
        {
            "edition": plan["edition"],
            "arm": trial["arm"],
            "tried": trial["tried"],
            "position": places[trial["tried"]],
            "levels": trial["levels"],
            "seed": trial["seed"],
            "final": trial["final"],
            "chosen": None if chosen is None else chosen.get(trial["arm"]) == trial["tried"],
        }
        for trial in tries_of(plan)
    ]


def _edition(folder: Path, plan: PlanFile, claims: list[Row]) -> Row:
    question = plan["question"]
    declared = next((claim for claim in claims if claim["is_current"]), {})
    revealed = _optional(folder / "revealed.json", {})
    return {
        "edition": plan["edition"],
        "study": plan["study"],
        "profile": plan["profile"],
        "data": plan["data"],
        "design": plan["design"],
        "question": question.get("ask"),
        "source": question.get("source"),
        "overrides": plan["overrides"],
        "factors": plan["factors"],
        "labels": plan["labels"],
        "looks": plan["claim"].get("looks", []),
        "settings": plan["settings"],
        "claim_hash": plan["claim_hash"],
        "declared_at": declared.get("declared_at"),
        "results_before": declared.get("results_before"),
        "planned_at": plan["at"],
        "command": plan["command"],
        "revealed_at": revealed.get("at"),
        "revealed_by": revealed.get("by"),
        "skipped_clips": [skipped["clip"] for skipped in _optional(folder / "skipped.json", [])],
    }


def _claim(content: Row, plan: PlanFile) -> Row:
    return {
        "edition": plan["edition"],
        "hash": content["hash"],
        "is_current": content["hash"] == plan["claim_hash"],
        "declared_at": content["declared_at"],
        "results_before": content["results_before"],
        "claim": content["fixed"]["claim"],
        "question": content["fixed"]["question"],
        "numerics": content["fixed"].get("numerics"),
        "finals": content.get("finals", []),
    }


def _arm(edition: str, position: int, arm: PlannedArm, chosen: Mapping[str, Mapping[str, Any]]) -> Row:
    return {
        "edition": edition,
        "arm": arm["name"],
        "position": position,
        "is_control": arm["is_control"],
        "replicate": arm["replicate"],
        "levels": {**arm["levels"], **chosen.get(arm["name"], {})},
    }


def _comparisons(plan: PlanFile) -> list[Row]:
    """Say what the difference of each arm adds up, arm by arm."""
    claim = Claim.model_validate(plan["claim"])
    compared = [arm["name"] for arm in plan["arms"] if claim.compares(arm["name"]) or arm["replicate"]]
    return [
        {"edition": plan["edition"], "arm": arm, "term": term, "sign": sign}
        for arm in compared
        for term, sign in claim.terms(arm).items()
    ]


def _trial(edition: str, trial: PlannedTrial) -> Row:
    return {
        "edition": edition,
        "arm": trial["arm"],
        "seed": trial["seed"],
        "replicate": trial["replicate"],
        "final": trial["final"],
    }


def _phases(
    plan: PlanFile, phases: Mapping[str, PlannedPhase], trial: PlannedTrial, tuning: str | None = None
) -> list[Row]:
    return [
        {
            "edition": plan["edition"],
            "arm": trial["arm"],
            "seed": trial["seed"],
            "replicate": trial["replicate"],
            "phase": phases[key]["kind"],
            "position": position,
            "epochs": phases[key]["epochs"],
            "key": key,
            "tuning": tuning,
        }
        for position, key in enumerate(trial["phases"].values())
    ]


def _optional(path: Path, otherwise: Any) -> Any:
    try:
        return read_json(path)
    except FileNotFoundError:
        return otherwise
