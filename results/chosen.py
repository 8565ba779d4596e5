"""What the arms of a tuned edition have chosen: `chosen/HASH.json`, written once for each claim, and then for ever."""

import math
from pathlib import Path
from statistics import fmean

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from results.attempt import Store
from results.files import StoreError, link_json, read_json, writing
from results.plan import PlanFile
from results.validation import last_measured


class Choice(TypedDict):
    """What was chosen: arm -> the `tried` of its choice; and the tries that could not be, by the key of their final."""

    chosen: dict[str, str]
    failed: list[str]


_FORM = TypeAdapter(Choice)


def read_choice(store: Store, edition: str, claim_hash: str) -> Choice | None:
    """Read what the arms of a claim have chosen; None if they have not yet.

    Raises:
        StoreError: the file is damaged.
    """
    try:
        return read_chosen(store.editions / edition / "chosen" / f"{claim_hash}.json")
    except FileNotFoundError:
        return None


def read_chosen(path: Path) -> Choice:
    """Read a file of `chosen/`.

    Raises:
        FileNotFoundError: there is none.
        StoreError: it is torn, or lacks a part.
    """
    try:
        return _FORM.validate_python(read_json(path))
    except ValidationError as error:
        raise StoreError(
            f"{path}: does not say what arms have chosen ({error.error_count()} parts are wrong). It is written once. "
            "Restore it from a backup."
        ) from error


def fix_choice(store: Store, edition: str, claim_hash: str, choice: Choice) -> Choice:
    """Write what the arms of a claim have chosen, unless it stands there already; return what stands there."""
    path = store.editions / edition / "chosen" / f"{claim_hash}.json"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    link_json(path, choice)
    return read_chosen(path)


def list_misled(store: Store, plan: PlanFile) -> list[str]:
    """Name the arms whose choice does not follow from the trainings that it was made by: one of them was changed.

    An arm of which a training is no longer there cannot be judged.

    Raises:
        StoreError: the records of a training are damaged.
    """
    tuning = plan["tuning"]
    finals: dict[str, dict[str, list[str]]] = {}
    for trial in tuning["trials"]:
        finals.setdefault(trial["arm"], {}).setdefault(trial["tried"], []).append(trial["final"])
    failed, misled = set(tuning.get("failed", ())), []
    for arm, tries in finals.items():
        results = {tried: [*map(store.result, keys)] for tried, keys in tries.items() if failed.isdisjoint(keys)}
        scores = {tried: fmean(map(last_measured, own)) for tried, own in results.items()}
        able = {tried: score for tried, score in scores.items() if math.isfinite(score)}
        is_known = all(result and result.records.exists() for own in results.values() for result in own)
        if is_known and (not able or tuning["chosen"].get(arm) != max(able, key=able.__getitem__)):
            misled.append(arm)
    return misled
