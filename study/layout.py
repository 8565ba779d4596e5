"""Where things lie: the checkout, its store and its pages.

The four sibling packages have plain names that another distribution may also use, so it is checked that the ones
Python would import are those beside `study/`.
"""

import os
from importlib.util import find_spec
from pathlib import Path

from models.errors import UserError

SIBLINGS = ("models", "experiments", "results", "reports")


class LayoutError(UserError):
    """A sibling package is missing, or another distribution's package hides it."""


def checkout() -> Path:
    """Give the folder that holds `study/` and its siblings."""
    return Path(__file__).resolve().parent.parent


def check_siblings() -> None:
    """See that `models`, `experiments`, `results` and `reports` are the ones of this checkout.

    Raises:
        LayoutError: one is not; the message says which file hides it and what to do.
    """
    root = checkout()
    for name in SIBLINGS:
        spec = find_spec(name)
        found = Path(spec.origin).resolve() if spec and spec.origin else None
        if found != root / name / "__init__.py":
            raise LayoutError(
                f"{name}: Python would import {found or 'nothing'}, but study needs {root / name}. "
                f"Another package of the same name is installed, or study was moved away from its checkout. "
                f"Run `pip uninstall` for the other package, or `pip install --editable {root}` again."
            )


def home() -> Path | None:
    """Give `$STUDY_HOME`, if it is set."""
    set_to = os.environ.get("STUDY_HOME")
    return Path(set_to).expanduser().absolute() if set_to else None


def store_folder() -> Path:
    """Give the folder of runs, cache and database: `results/store`, or `$STUDY_HOME/store`."""
    own = home()
    return own / "store" if own else checkout() / "results" / "store"


def pages_folder() -> Path:
    """Give the folder of pages: `reports/out`, or `$STUDY_HOME/out`."""
    own = home()
    return own / "out" if own else checkout() / "reports" / "out"
