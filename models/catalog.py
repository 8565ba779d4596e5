"""What a folder offers: one variant is one file, and its file name is its name in YAML.

Names are listed without importing anything; only the file that is named is imported.
"""

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from models.errors import UserError


class UnknownName(UserError, LookupError):
    """A name that its folder does not hold; the message offers the nearest one and lists the others."""


NOUNS = {"prune": "pruner", "distill": "distillation", "temporal": "module over time", "data": "data set"}
"""What messages call the variants in a folder, where that is not the folder's name."""


def names(package: str) -> list[str]:
    """List the variants in `package` (``"models.fusion"``) by file name."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UnknownName(f"{package}: no such folder of variants.")
    folder = Path(spec.submodule_search_locations[0])
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def load(package: str, name: str) -> ModuleType:
    """Import the one file `name` of `package`.

    Raises:
        UnknownName: there is no such file.
    """
    loaded = sys.modules.get(f"{package}.{name}")
    if loaded is not None and name.isidentifier() and not name.startswith("_"):
        return loaded  # a plan asks for thousands, and to list the folder each time would be most of its work
    there = names(package)
    if name not in there:
        folder = package.rpartition(".")[2]
        raise UnknownName(unknown(name, NOUNS.get(folder, folder), there))
    return importlib.import_module(f"{package}.{name}")


def _nearest(name: str, known: list[str]) -> str | None:
    """Find the nearest of numbers by their difference, the nearest of other names by their letters."""
    try:
        wanted = float(name)
        return min(known, key=lambda one: abs(float(one) - wanted), default=None)
    except ValueError:
        return next(iter(difflib.get_close_matches(name, known, n=1)), None)


def unknown(name: str, what: str, there: Iterable[str]) -> str:
    """Word the message for a `name` that is not among those `there`.

    Example:
        ``cuont: no such setting. Did you mean 'count'? There are: count, dropout.``
    """
    known = list(there)
    near = _nearest(name, known)
    guess = f" Did you mean {near!r}?" if near else ""
    return f"{name}: no such {what}.{guess} There are: {', '.join(known) or 'none'}."
