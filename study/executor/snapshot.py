"""A copy of the code, made when phases are submitted: they run that code, whatever becomes of the checkout."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from models.errors import UserError
from results.files import writing
from study.layout import SIBLINGS, checkout

PACKAGES = ("study", *SIBLINGS)


class ChangedCode(UserError):
    """A snapshot is no longer what was submitted."""


class Code(NamedTuple):
    """A copy of the code, and its digest."""

    folder: Path
    digest: str


def take(folder: Path) -> Code:
    """Copy the five packages into the new `folder`, as they lie in the checkout.

    Files that git ignores stay behind, uncommitted ones do not.
    """
    with writing(folder):
        for source in _files():
            target = folder / source.relative_to(checkout())
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return Code(folder, digest(folder))


def take_again(code: Code, folder: Path) -> Code:
    """Copy a copy into the new `folder`.

    Raises:
        ChangedCode: it is not what was submitted.
    """
    with writing(folder):
        shutil.copytree(code.folder, folder)
    refuse_changed(folder, code.digest)
    return Code(folder, code.digest)


def digest(folder: Path) -> str:
    """Hash the names and contents of all files in `folder`."""
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        whole.update(f"{path.relative_to(folder)} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def refuse_changed(folder: Path, submitted: str) -> None:
    """See that `folder` holds what was submitted.

    Raises:
        ChangedCode: it does not.
    """
    found = digest(folder)
    if found != submitted:
        raise ChangedCode(
            f"{folder}: this copy of the code was changed after it was submitted: its digest is {found[:12]}, and "
            f"{submitted[:12]} was submitted. Run the study again: it submits what is due with the code of then."
        )


def _files() -> list[Path]:
    """List the files of the five packages: what git knows or would add; without git all but compiled ones."""
    root = checkout()
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PACKAGES]
    try:
        listed = subprocess.run(words, cwd=root, capture_output=True, timeout=60, check=True).stdout
        found = [root / name for name in listed.decode().split("\0") if name]
    except (OSError, subprocess.SubprocessError):
        found = [path for package in PACKAGES for path in (root / package).rglob("*")]
    return sorted({path for path in found if path.is_file() and "__pycache__" not in path.parts})
