"""What can be wrong with one run's files, each named with what to do. Nothing is changed, and nothing is trusted.

Damage is what makes a published result incomplete or contradictory. The rest is left over: harmless, and named so that
nobody wonders.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from results import record
from results.attempt import PUBLISHED, TRAINED, Attempt, Store
from results.files import StoreError, read_json, sha256
from results.state import ENDINGS

KeyOf = Callable[[Mapping[str, Any]], str]

_KNOWN = {
    *PUBLISHED, *TRAINED, "sealed.jsonl", "reported.jsonl", "resume.safetensors", "claim.json", "heartbeat", "log.txt",
    *(f"{name}.json" for name in ENDINGS),
}  # fmt: skip
_COLUMNS = ["clip", "activity", "split", "seed", "motion", "scores", "labels"]
_REPAIR = "Restore it from a backup, or remove the folder runs/<key> and run the study again."
_HARMLESS = "Harmless: nothing reads it."


@dataclass(frozen=True)
class Problem:
    """Something in the store that is not as it should be.

    Attributes:
        where: path from the store's folder.
        text: what is wrong, what there is, what to do.
        is_damage: a published result is concerned; otherwise it is left over from a kill.
    """

    where: str
    text: str
    is_damage: bool

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


class Inspector:
    """Collects the problems of a store's runs."""

    def __init__(self, store: Store, key_of: KeyOf) -> None:
        self.store = store
        self.key_of = key_of
        self.problems: list[Problem] = []

    def damage(self, path: Path, text: str) -> None:
        """Note a problem of a published result."""
        self._add(path, text, is_damage=True)

    def leftover(self, path: Path, text: str) -> None:
        """Note what a kill left behind."""
        self._add(path, text, is_damage=False)

    def run(self, key: str) -> None:
        """Inspect one key's folder."""
        folder = self.store.runs / key
        attempts = self.store.attempts(key)
        self._names(folder, {"done.json", *(str(one.number) for one in attempts)})
        done = self._done(key)
        number = done["attempt"] if done else None
        for attempt in attempts:
            settings = self._settings(attempt)
            if done and attempt.number == number:
                self._names(attempt.folder, _KNOWN)
                self._published(attempt, done)
                self._parents(attempt, settings)
            elif not self.store.is_live(attempt):
                self._names(attempt.folder, _KNOWN)
                self._ended(attempt, number)
        if number is not None and number not in {one.number for one in attempts}:
            there = ", ".join(str(one.number) for one in attempts) or "none"
            self.damage(folder / "done.json", f"names attempt {number}, but the attempts are: {there}. {_REPAIR}")

    def _done(self, key: str) -> Mapping[str, Any] | None:
        path = self.store.runs / key / "done.json"
        try:
            return self.store.done(key)
        except StoreError as error:
            self.damage(path, str(error).removeprefix(f"{path}: "))
            return None

    def _published(self, attempt: Attempt, done: Mapping[str, Any]) -> None:
        names = {path.name for path in attempt.folder.iterdir()}
        for name in dict.fromkeys((*PUBLISHED, *done.get("size_bytes", {}))):
            if name not in names:
                self.damage(attempt.folder / name, f"is missing, but the run is done. {_REPAIR}")
        for name, size in done.get("size_bytes", {}).items():
            path = attempt.folder / name
            if name in names and path.stat().st_size != size:
                self.damage(path, f"holds {path.stat().st_size} bytes, but {size} were published. {_REPAIR}")
            elif name in names and sha256(path) != done.get("sha256", {}).get(name):
                self.damage(path, f"was changed after it was published: it has another SHA-256. {_REPAIR}")
        self._count(attempt.records, done.get("records"))
        self._count(attempt.sealed, done.get("sealed"))
        self._predictions(attempt.predictions)
        self._json(attempt.provenance, self.damage)
        self._tensors(attempt.checkpoint)
        if attempt.resume.exists():
            self.leftover(attempt.resume, "training state of a finished run. `study clean` frees it.")

    def _ended(self, attempt: Attempt, published: int | None) -> None:
        endings = [path for name in ENDINGS if (path := attempt.folder / f"{name}.json").exists()]
        for path in endings:
            self._json(path, self.leftover)
        if not endings:
            owner = "its process is gone" if (attempt.folder / "claim.json").exists() else "it has no owner"
            then = f"Attempt {published} finished it; `study clean` frees this one."
            what_to_do = "Run the study again: it goes on." if published is None else then
            self.leftover(attempt.folder, f"was begun and never ended: {owner}. {what_to_do}")
        for path in (attempt.records, attempt.sealed):
            self._records(path, self.leftover)
            if path.exists() and record.torn(path):
                self.leftover(path, "the last line is torn, by a kill. It is passed over; its epoch is measured again.")

    def _settings(self, attempt: Attempt) -> Mapping[str, Any]:
        """Recompute the key; give the settings, or nothing if they are not those of the key."""
        path = attempt.folder / "settings.json"
        content = self._json(path, self.damage)
        if content is None:
            return {}
        try:
            key = self.key_of(content)
        except (KeyError, TypeError, ValueError) as error:
            self.damage(path, f"no key can be computed from it: {type(error).__name__}: {error}. {_REPAIR}")
            return {}
        if key != attempt.key:
            self.damage(path, f"its content has the key {key}, not that of its folder: it was changed. {_REPAIR}")
            return {}
        settings: Mapping[str, Any] = content
        return settings

    def _parents(self, attempt: Attempt, settings: Mapping[str, Any]) -> None:
        for kind, parent in settings.get("parents", {}).items():
            if not (self.store.runs / parent / "done.json").exists():
                what = f"its {kind} phase {parent} is not in the store: it was removed. Run the study again."
                self.damage(attempt.folder / "settings.json", what)

    def _count(self, path: Path, published: int | None) -> None:
        there = self._records(path, self.damage)
        if published is not None and there is not None and there != published:
            self.damage(path, f"holds {there} records, but {published} were published. {_REPAIR}")
        if path.exists() and record.torn(path):
            self.damage(path, f"the last line is torn, but the run is done. {_REPAIR}")

    def _records(self, path: Path, note: Callable[[Path, str], None]) -> int | None:
        if not path.exists():
            return None
        try:
            seen = Counter((one.metric, one.split, one.step) for one in record.read_records(path))
        except StoreError as error:
            note(path, str(error).removeprefix(str(path)))
            return None
        for (metric, split, step), times in seen.items():
            if times > 1:
                self.damage(path, f"holds {metric} of {split or 'no split'}, step {step}, {times} times. {_REPAIR}")
        return seen.total()

    def _predictions(self, path: Path) -> None:
        import polars

        if not path.exists():
            return
        try:
            columns = polars.read_parquet(path).columns
        except (polars.exceptions.PolarsError, OSError) as error:
            self.damage(path, f"cannot be read as Parquet: {error}. {_REPAIR}")
            return
        if columns != _COLUMNS:
            self.damage(path, f"has columns {', '.join(columns)}, not {', '.join(_COLUMNS)}. {_REPAIR}")

    def _tensors(self, path: Path) -> None:
        if not path.exists():
            return
        try:
            with safe_open(path, "numpy"):
                pass  # opening it compares the header with the size of the file
        except (SafetensorError, OSError) as error:
            self.damage(path, f"cannot be read as safetensors: {error}. {_REPAIR}")

    def _json(self, path: Path, note: Callable[[Path, str], None]) -> Any:
        try:
            return read_json(path)
        except FileNotFoundError:
            return None
        except StoreError as error:
            note(path, str(error).removeprefix(f"{path}: "))
            return None

    def _names(self, folder: Path, known: set[str]) -> None:
        for path in sorted(folder.iterdir()):
            if path.name not in known:
                what = "a write that was cut off. `study clean` frees it." if path.suffix == ".tmp" else _HARMLESS
                self.leftover(path, f"does not belong to a run: {what}")

    def _add(self, path: Path, text: str, is_damage: bool) -> None:
        self.problems.append(Problem(str(path.relative_to(self.store.root)), text, is_damage))
