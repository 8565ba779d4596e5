"""Which file a network starts from: known by its content, found by its path.

The content decides the numbers, so its digest is in the key of a phase; the path does not, and a file may be moved.
"""

import hashlib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from models.settings import Compact, outside
from models.weights import WeightsError, no_such_file

SHOWN_DIGITS = 12


class WeightsFile(Compact):
    """A file of weights; a training knows its digest alone, and is told apart from it where the file lies."""

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of its content."""
    path: Path | None = outside(None)

    def __str__(self) -> str:
        name = self.path.name if self.path else "weights"
        return f"{name}-{self.digest[:SHOWN_DIGITS]}"

    def found(self) -> Path:
        """Give the path of the file, which still holds what was hashed.

        Raises:
            WeightsError: it does not, or is gone, or its path is not known.
        """
        if self.path is None:
            raise WeightsError(
                f"weights of SHA-256 {self.digest}: no file is named: give its path instead of the digest."
            )
        now = digest_of(self.path)
        if now != self.digest:
            raise WeightsError(
                f"{self.path}: was changed since the study was planned: its SHA-256 began with "
                f"{self.digest[:SHOWN_DIGITS]} and now with {now[:SHOWN_DIGITS]}. "
                "Put the earlier file back, or run the study again to start from this one."
            )
        return self.path


def digest_of(path: Path) -> str:
    """Give the SHA-256 of a file's content, 64 hex digits.

    Raises:
        WeightsError: there is no such file, or it cannot be read.
    """
    try:
        state = path.stat()
        return _digest(path, state.st_size, state.st_mtime_ns)
    except FileNotFoundError:
        raise no_such_file(path) from None
    except OSError as error:
        raise WeightsError(f"{path}: no readable file of weights ({error.strerror}): give one that is.") from error


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, changed_ns: int) -> str:
    """Read the file, once as long as its size and time of change stay."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_path(value: Any) -> Any:
    """Turn a path (absolute, from the home folder `~`, or from the working directory) into settings."""
    if value is None or isinstance(value, WeightsFile) or (isinstance(value, Mapping) and "digest" in value):
        return value
    if not isinstance(value, str | Path):
        raise ValueError(f"must be the path of a file of weights, or null to start from scratch, but got {value!r}.")
    path = Path(os.path.abspath(Path(value).expanduser()))
    return WeightsFile(path=path, digest=digest_of(path))


Weights = Annotated[WeightsFile | None, BeforeValidator(_from_path, json_schema_input_type=str | None)]
"""A setting that names a file of weights by its path, or null to start from scratch."""
