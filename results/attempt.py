"""The store's runs: who works on a key, and how a result comes to be published exactly once.

`runs/<key>/<number>/` is one attempt at a phase. Making the folder of the next number is the claim (`mkdir` is atomic,
on NFS too), and the highest number holds it. `runs/<key>/done.json` is linked into place, once per key, after
everything it stands for is on the disk. An attempt that was taken over can therefore not publish a second result.
"""

import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from results import record, state
from results.files import StoreError, link_json, put_json, read_json, replace_json, sha256, sync_files, writing
from results.owner import Owner, alive_here
from results.state import State

FORMAT = 1
PUBLISHED = ("settings.json", "records.jsonl", "provenance.json")
"""What every result holds."""
PREDICTIONS, CHECKPOINT = "predictions.parquet", "checkpoint.safetensors"
TRAINED = (PREDICTIONS, CHECKPOINT)
"""What that of a training holds beside it."""
PRUNED = "pruned.json"
_UNCLAIMED_S = 30.0  # between making an attempt's folder and naming its owner


def now() -> str:
    """Give the time as ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


_DONE = ("attempt", "at", "records", "sealed", "seconds", "size_bytes", "sha256")
"""What `done.json` holds."""


@dataclass(frozen=True)
class Attempt:
    """One try at a run: a folder that one process writes to.

    Of several that train together that is the first, but for an error, which the process that has it keeps.
    """

    folder: Path
    key: str
    number: int

    @property
    def records(self) -> Path:
        """One record a line: training and validation."""
        return self.folder / "records.jsonl"

    @property
    def reported(self) -> Path:
        """What a pruner was told after each epoch, in a study that prunes."""
        return self.folder / "reported.jsonl"

    @property
    def sealed(self) -> Path:
        """Records of the test splits, not shown before `study reveal`."""
        return self.folder / "sealed.jsonl"

    @property
    def predictions(self) -> Path:
        """Scores and labels of every clip of every split that is evaluated."""
        return self.folder / PREDICTIONS

    @property
    def resume(self) -> Path:
        """The newest epoch's whole training state."""
        return self.folder / "resume.safetensors"

    @property
    def checkpoint(self) -> Path:
        """The final weights."""
        return self.folder / CHECKPOINT

    @property
    def provenance(self) -> Path:
        """What ran, where, and what it took."""
        return self.folder / "provenance.json"

    @property
    def log(self) -> Path:
        """What the run printed."""
        return self.folder / "log.txt"

    @property
    def done(self) -> Path:
        """The published result of this key, whichever attempt made it."""
        return self.folder.parent / "done.json"

    def heartbeat(self) -> None:
        """Show other machines that this attempt lives; call it more often than the store's limit (120 s)."""
        path = self.folder / "heartbeat"
        with writing(path):
            path.touch()

    def superseded(self) -> bool:
        """Tell whether the key is done or another attempt has taken over: then stop and write nothing more."""
        return self.done.exists() or (self.folder.parent / str(self.number + 1)).exists()

    def previous(self) -> "Attempt | None":
        """Give the newest earlier attempt that left a training state to go on from."""
        for number in range(self.number - 1, 0, -1):
            earlier = replace(self, folder=self.folder.with_name(str(number)), number=number)
            if earlier.resume.exists():
                return earlier
        return None

    def inherit(self, earlier: "Attempt", step: int) -> None:
        """Copy the records of `earlier`, and its reports, up to and with `step`, from where this attempt goes on.

        What `earlier` measured later is measured again here: so no number is lost and none is there twice.
        """
        for source, target in (
            (earlier.records, self.records),
            (earlier.reported, self.reported),
            (earlier.sealed, self.sealed),
        ):
            if source.exists():
                with record.RecordWriter(target) as writer:
                    writer.write(one for one in record.read_records(source) if one.step <= step)

    def failure(self) -> dict[str, Any] | None:
        """Read what ended this attempt (error, traceback, at); None if nothing did."""
        try:
            content: dict[str, Any] = read_json(self.folder / "failed.json")
        except FileNotFoundError:
            return None
        return content

    def fail(self, error: BaseException) -> None:
        """Record that `error` ended this attempt: a failure is data too. What was recorded first stays."""
        lines = traceback.format_exception(error)
        text = f"{type(error).__name__}: {error}"
        link_json(self.folder / "failed.json", {"error": text, "traceback": "".join(lines), "at": now()})

    def stop(self, reason: str) -> None:
        """Record that this attempt was interrupted (Ctrl-C, time-out, preemption) and may be resumed."""
        replace_json(self.folder / "stopped.json", {"reason": reason, "at": now()})

    def prune(self, edition: str, claim: str, step: int, reason: str) -> None:
        """Record that `edition` gave this attempt up after `step`; another claim may finish the key.

        Args:
            claim: the hash of the claim that is not to train it again.
        """
        content = {"edition": edition, "claim": claim, "step": step, "reason": reason, "at": now()}
        replace_json(self.folder / PRUNED, content)

    def pruned(self) -> dict[str, Any] | None:
        """Read who gave this attempt up and when (edition, claim, step, reason, at); None if nobody did."""
        try:
            content: dict[str, Any] = read_json(self.folder / PRUNED)
        except FileNotFoundError:
            return None
        return content

    def publish(self, seconds: float, files: Sequence[str] = TRAINED) -> bool:
        """Make this attempt the result of its key; False if another attempt was first.

        All its files and their names are on the disk before `done.json` says so, whoever wrote them and however.

        Args:
            files: what the result holds beside `PUBLISHED`.

        Raises:
            StoreError: a file that belongs to a result is missing or torn, or the disk refuses.
        """
        names = (*PUBLISHED, *files)
        self._check_whole(names)
        sealed = self.sealed.exists()
        paths = [self.folder / name for name in names] + ([self.sealed] if sealed else [])
        with writing(self.folder):
            sync_files(self.folder, paths)
        content = {
            "attempt": self.number,
            "at": now(),
            "records": record.count(self.records),
            "sealed": record.count(self.sealed) if sealed else 0,
            "seconds": seconds,
            "size_bytes": {path.name: path.stat().st_size for path in paths},
            "sha256": {path.name: sha256(path) for path in paths},
        }
        if not link_json(self.done, content, self.folder / "done.json.tmp"):
            return False
        self.resume.unlink(missing_ok=True)
        return True

    def _check_whole(self, names: Sequence[str]) -> None:
        there = {path.name for path in self.folder.iterdir()}
        missing = [name for name in names if name not in there]
        if missing:
            raise StoreError(
                f"{self.folder}: cannot publish this attempt: {', '.join(missing)} missing. "
                f"There are: {', '.join(sorted(there)) or 'no files'}. Write every file of a result, then publish."
            )
        for path in (self.records, self.sealed):
            if path.name in there and record.torn(path):
                raise StoreError(
                    f"{path}: cannot publish this attempt: the last line is torn, after {record.count(path)} whole "
                    "ones. Open the file with RecordWriter, which cuts it off, and measure the last epoch again."
                )


class Store:
    """The folder that holds every result.

    Args:
        root: ``results/store``, or ``$STUDY_HOME/store``. Nothing is made before the first claim.
        alive: tells whether a claim's owner lives, None where it cannot; then its heartbeat decides.
        heartbeat_limit_s: age of a heartbeat from which an owner on another machine counts as dead. The clocks of
            the machines must agree better than this; if they do not, work is done twice but never published twice.
    """

    def __init__(
        self, root: Path, alive: Callable[[Owner], bool | None] = alive_here, heartbeat_limit_s: float = 120.0
    ) -> None:
        self.root = root
        self.alive = alive
        self.heartbeat_limit_s = heartbeat_limit_s

    @property
    def runs(self) -> Path:
        """One folder a key."""
        return self.root / "runs"

    @property
    def editions(self) -> Path:
        """One folder an edition: its claims, its plan, what was revealed."""
        return self.root / "editions"

    @property
    def cache(self) -> Path:
        """Decoded clips; may be deleted at any time."""
        return self.root / "cache"

    @property
    def database(self) -> Path:
        """What people query; made from the files by `sync`."""
        return self.root / "study.duckdb"

    def check_version(self) -> None:
        """Refuse a store that a newer version of this code wrote.

        Raises:
            StoreError: it is newer, or its VERSION is no number.
        """
        path = self.root / "VERSION"
        try:
            text = path.read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return
        if not text.isdecimal():
            raise StoreError(
                f"{path}: is no store version: it holds {text[:40]!r}, and a number up to {FORMAT} is known. "
                "Restore the file, or point $STUDY_HOME at another store."
            )
        if int(text) > FORMAT:
            raise StoreError(
                f"{path}: a newer version of this code wrote this store: its format is {text}, this code knows "
                f"formats up to {FORMAT}. Update the checkout (git pull), or point $STUDY_HOME at another store."
            )

    def prepare(self) -> None:
        """Make the folders and the VERSION of a new store; check those of an old one."""
        self.check_version()
        with writing(self.root):
            for folder in (self.runs, self.editions):
                folder.mkdir(parents=True, exist_ok=True)
        version = self.root / "VERSION"
        if not version.exists():
            link_json(version, FORMAT)

    def attempt(self, key: str, number: int) -> Attempt:
        """Give the attempt `number` at `key`, whether or not it was made."""
        return Attempt(self.runs / key / str(number), key, number)

    def attempts(self, key: str) -> list[Attempt]:
        """List the attempts at `key`, oldest first."""
        return [self.attempt(key, number) for number in state.numbers(self.runs / key)]

    def claim(self, key: str, settings: dict[str, Any], owner: Owner) -> Attempt | None:
        """Take `key` to work on it; None if it is done or a living process holds it.

        Raises:
            StoreError: the store is newer than this code, or cannot be written.
        """
        self.prepare()
        if self.done(key) is not None:
            return None
        attempts = self.attempts(key)
        if attempts and self.is_live(attempts[-1]):
            return None
        number = attempts[-1].number + 1 if attempts else 1
        attempt = self.attempt(key, number)
        with writing(attempt.folder):
            attempt.folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                attempt.folder.mkdir()
            except FileExistsError:
                return None
            if attempt.done.exists():  # the attempt that seemed dead has published meanwhile
                attempt.folder.rmdir()
                return None
        put_json(attempt.folder / "settings.json", settings)
        attempt.heartbeat()  # before the claim, which says that there is one, and whose sync of the folder serves all
        replace_json(attempt.folder / "claim.json", owner.content() | {"claimed_at": now()})
        return attempt

    def done(self, key: str) -> dict[str, Any] | None:
        """Read what was published for `key`; None if nothing was.

        Raises:
            StoreError: it cannot be read.
        """
        path = self.runs / key / "done.json"
        try:
            content: dict[str, Any] = read_json(path)
        except FileNotFoundError:
            return None
        if not isinstance(content, dict) or set(_DONE) - set(content) or not isinstance(content["attempt"], int):
            raise StoreError(
                f"{path}: does not say what was published: {', '.join(_DONE)} are expected. It was changed. "
                f"Restore it from a backup, or remove {path.parent} and run the study again."
            )
        return content

    def result(self, key: str) -> Attempt | None:
        """Give the attempt that was published for `key`."""
        done = self.done(key)
        return None if done is None else self.attempt(key, done["attempt"])

    def checkpoint(self, key: str) -> Path:
        """Find the final weights of `key`.

        Raises:
            StoreError: the key is not done, or its weights are gone.
        """
        result = self.result(key)
        if result is None:
            raise StoreError(
                f"{self.runs / key}: has no final weights: this phase is {self.state(key)}. "
                "Run the study that plans it; `study status` shows what is due."
            )
        if not result.checkpoint.exists():
            raise StoreError(
                f"{result.checkpoint}: the weights of a finished phase are gone; its numbers are still there. "
                f"Restore the file, or remove {result.folder.parent} and run the study again."
            )
        return result.checkpoint

    def state(self, key: str) -> str:
        """Name the state of `key`: done, running, failed, stopped, pruned or absent."""
        return self.states([key])[key].name

    def states(self, keys: Iterable[str]) -> dict[str, State]:
        """Read the states of many keys from their files (a few system calls each); nothing is written."""
        runs = str(self.runs)
        return {key: state.read(f"{runs}/{key}", self._live_in) for key in keys}

    def pruned(self, claim: str, keys: Iterable[str]) -> dict[str, Attempt]:
        """Give those of `keys` that the claim with this hash gave up, whatever became of them since: key -> attempt."""
        given_up: dict[str, Attempt] = {}
        for key in keys:
            for attempt in self.attempts(key):
                if (said := attempt.pruned()) and said.get("claim") == claim:
                    given_up[key] = attempt
        return given_up

    def is_live(self, attempt: Attempt) -> bool:
        """Tell whether a process works on `attempt` now."""
        return state.read_attempt(attempt.folder, self._live_in).name == "running"

    def _live_in(self, folder: Path) -> bool:
        """Tell whether the process that claimed `folder` still works on it."""
        try:
            owner = Owner.of(read_json(folder / "claim.json"))
        except FileNotFoundError:
            return _age_s(folder) < _UNCLAIMED_S
        alive = self.alive(owner)
        return _age_s(folder / "heartbeat") < self.heartbeat_limit_s if alive is None else alive


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
