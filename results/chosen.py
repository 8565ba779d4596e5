"""What the arms of a tuned edition have chosen: `chosen/HASH.json`, written once for each claim, and then for ever."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from results.attempt import Store
from results.files import StoreError, link_json, read_json, writing


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
