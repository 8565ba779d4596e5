"""One measured number a line, in a file that only grows: a kill costs at most the line that was being written."""

import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from results.files import StoreError, writing


@dataclass(frozen=True, slots=True)
class Record:
    """One measured number.

    Attributes:
        metric: ``loss``, ``map``, ``ap.<label>``, ``seconds``, ``lr`` ...
        split: ``train``, ``val_seen`` ..., or empty where a number belongs to no split.
        step: the epoch, counted from 1.
        value: NaN and infinity are kept: a loss that diverged is a result.
        unit: ``points``, ``s`` ... or empty.
    """

    metric: str
    split: str
    step: int
    value: float
    unit: str = ""

    def line(self) -> str:
        """Write this record as one line of JSON; NaN and infinity, which JSON lacks, become text."""
        value = self.value if math.isfinite(self.value) else str(self.value)
        content = {"metric": self.metric, "split": self.split, "step": self.step, "value": value, "unit": self.unit}
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"

    @classmethod
    def of(cls, content: dict[str, Any]) -> Self:
        """Read what `line` wrote."""
        return cls(content["metric"], content["split"], int(content["step"]), float(content["value"]), content["unit"])


class RecordWriter:
    """Append records to a file; a call returns when they are on the disk.

    One process writes a file. A torn last line, left by a kill, was never acknowledged and is cut off on opening.

    Raises:
        StoreError: the disk is full or read-only; the file then holds what it held before the call.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with writing(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._end = _whole_bytes(path)
            os.ftruncate(self._descriptor, self._end)
            os.lseek(self._descriptor, self._end, os.SEEK_SET)

    def write(self, records: Iterable[Record]) -> None:
        """Append `records`, all or none of them."""
        block = "".join(record.line() for record in records).encode()
        with writing(self.path):
            try:
                self._append(block)
            except OSError:
                os.ftruncate(self._descriptor, self._end)
                os.lseek(self._descriptor, self._end, os.SEEK_SET)
                raise
        self._end += len(block)

    def close(self) -> None:
        """Close the file; closing twice is allowed."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        os.fsync(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_records(path: Path) -> Iterator[Record]:
    """Read the whole lines of a file of records; a torn last line is passed over (`torn` tells).

    Raises:
        FileNotFoundError: there is no such file.
        StoreError: a line other than a torn last one is no record.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield Record.of(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise StoreError(
                    f"{path}:{number}  is no record: {line[:80]!r}. Lines hold metric, split, step, value and unit. "
                    "The file was changed or the disk is damaged: restore it, or remove its run and train it again."
                ) from error


def read_new(path: Path, start: int) -> tuple[list[Record], int]:
    """Read the whole lines from byte `start` on; give also where they end, from where to read the next ones.

    Raises:
        StoreError: a line is no record.
    """
    try:
        with path.open("rb") as file:
            file.seek(start)
            block = file.read()
    except FileNotFoundError:
        return [], start
    whole = block[: block.rfind(b"\n") + 1]
    try:
        return [Record.of(json.loads(line)) for line in whole.splitlines()], start + len(whole)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: holds a line after byte {start} that is no record. `study verify` names it."
        ) from error


def torn(path: Path) -> bool:
    """Tell whether the last line was cut off in the middle of writing it."""
    return _whole_bytes(path) < path.stat().st_size


def count(path: Path) -> int:
    """Count the whole lines of a file of records."""
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def last_step(path: Path) -> int | None:
    """Read the step of the last whole line, from the end of the file; None if there is no record yet."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return None
    try:
        return int(json.loads(lines[-2])["step"])
    except (IndexError, ValueError, KeyError, TypeError):
        return None


def _whole_bytes(path: Path, block_bytes: int = 1 << 16) -> int:
    """Find where the last whole line ends, reading backwards."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - block_bytes)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0
