"""What the files of a key say, as rows of the table `runs`, and which attempt's numbers count."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results import state
from results.attempt import Attempt, Store
from results.files import StoreError, read_json
from results.state import ENDINGS

Row = dict[str, Any]

DAMAGED = "damaged "


@dataclass(frozen=True)
class Run:
    """A key as the ledger takes it in.

    Attributes:
        rows: its attempts, for the table `runs`.
        measured: the attempt whose numbers count: the published one, else the newest that ended; None if none did.
        done: what was published, if anything was.
    """

    key: str
    rows: list[Row]
    measured: Attempt | None = None
    done: Row | None = None


def digest(folder: Path) -> str:
    """Name the state of a key's folder, so that an equal name means that nothing new can be read there."""
    try:
        published = (folder / "done.json").stat()
    except FileNotFoundError:
        parts = [_attempt_digest(folder / str(number)) for number in state.numbers(folder)]
        return "; ".join(parts)
    return f"done {published.st_mtime_ns} {published.st_size}"


def damage_digest(folder: Path) -> str:
    """Name the state of every file of a damaged key, so that a repair is noticed."""
    parts = []
    for path in sorted(folder.rglob("*")):
        status = path.stat()
        parts.append(f"{path.relative_to(folder)} {status.st_mtime_ns} {status.st_size}")
    return DAMAGED + "; ".join(parts)


def read_run(store: Store, key: str) -> Run:
    """Read a key's attempts from their files; what cannot be read becomes a row that says so."""
    try:
        done = store.done(key)
        return _open_run(store, key) if done is None else _done_run(store, key, done)
    except StoreError as error:
        return damaged(key, str(error))


def damaged(key: str, text: str) -> Run:
    """Describe a key whose files contradict each other: nothing of it is loaded but `text`."""
    return Run(key, [{"key": key, "attempt": 0, "state": "damaged", "error": text, "sealed_loaded": False}])


def check_sizes(attempt: Attempt, done: Row, names: tuple[str, ...]) -> None:
    """Compare the files of a published attempt with the sizes that were published.

    Raises:
        StoreError: one is missing, or another size.
    """
    for name in names:
        expected = done.get("size_bytes", {}).get(name)
        path = attempt.folder / name
        there = path.stat().st_size if path.exists() else None
        if expected is not None and there != expected:
            what = "is missing" if there is None else f"holds {there} bytes"
            raise StoreError(
                f"{path}: {what}, but {expected} bytes were published. The other files of this run may be whole. "
                f"Restore it from a backup, or remove {attempt.folder.parent} and run the study again."
            )


def _done_run(store: Store, key: str, done: Row) -> Run:
    attempt = store.attempt(key, done["attempt"])
    check_sizes(attempt, done, ("records.jsonl", "predictions.parquet"))
    row = _row(store, attempt) | {"state": "done", "finished_at": done["at"]}
    row |= _provenance(attempt) | {"seconds": done["seconds"]}
    # An attempt that was taken over may end after the result was published: that is no news of this run.
    earlier = [
        _row(store, other) | _ending(other, name)
        for other in store.attempts(key)
        for name in ("failed", "pruned")
        if other.number != attempt.number and _ended_before(other, name, done["at"])
    ]
    return Run(key, [*earlier, row], attempt, done)


def _open_run(store: Store, key: str) -> Run:
    rows, measured = [], None
    for attempt in store.attempts(key):
        row = _row(store, attempt)
        ending = next((name for name in ENDINGS if (attempt.folder / f"{name}.json").exists()), None)
        if ending is None:
            row["state"] = "unfinished"
        else:
            row |= _ending(attempt, ending)
            measured = attempt if attempt.records.exists() else measured
        rows.append(row)
    return Run(key, rows, measured)


def _row(store: Store, attempt: Attempt) -> Row:
    settings = _optional(attempt.folder / "settings.json")
    claim = _optional(attempt.folder / "claim.json")
    return {
        "key": attempt.key,
        "attempt": attempt.number,
        "phase": settings.get("kind"),
        "seed": settings.get("seed"),
        "replicate": settings.get("replicate"),
        "settings": settings.get("settings"),
        "parents": settings.get("parents"),
        "data_fingerprint": settings.get("data"),
        "numerics": settings.get("numerics"),
        "host": claim.get("host"),
        "command": claim.get("command"),
        "started_at": claim.get("claimed_at"),
        "log": str(attempt.log.relative_to(store.root)),
        "sealed_loaded": False,
    }


def _provenance(attempt: Attempt) -> Row:
    names = ("commit", "diff", "device", "threads", "world_size", "versions", "peak_memory_bytes", "parameters")
    provenance = _optional(attempt.provenance)
    return {name: provenance.get(name) for name in names}


def _ending(attempt: Attempt, name: str) -> Row:
    content = read_json(attempt.folder / f"{name}.json")
    return {
        "state": name,
        "finished_at": content.get("at"),
        "error": content.get("error", content.get("reason")),
        "traceback": content.get("traceback"),
        "pruned_by": content.get("edition"),
        "pruned_claim": content.get("claim"),
        "pruned_step": content.get("step"),
    }


def _ended_before(attempt: Attempt, name: str, at: str) -> bool:
    return bool(_optional(attempt.folder / f"{name}.json").get("at", "~") < at)


def _optional(path: Path) -> Row:
    try:
        content = read_json(path)
    except FileNotFoundError:
        return {}
    return content if isinstance(content, dict) else {}


def _attempt_digest(folder: Path) -> str:
    names = ("settings.json", "claim.json", *(f"{name}.json" for name in ENDINGS))
    times = [f"{name} {(folder / name).stat().st_mtime_ns}" for name in names if (folder / name).exists()]
    return f"{folder.name}: {', '.join(times)}"
