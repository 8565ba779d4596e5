"""Templates filled in and written: text is escaped wherever it comes from, a missing value is an error."""

import os
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from results.files import writing

FOLDER = Path(__file__).parent


def own(name: str) -> Markup:
    """Read a file of this folder that goes into pages as it is: the style sheet, the script."""
    return Markup((FOLDER / name).read_text(encoding="utf-8"))


def fill(name: str, **content: Any) -> str:
    """Fill in the template `name`; only `Markup` goes in unescaped."""
    loader = FileSystemLoader(FOLDER)
    templates = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return templates.get_template(name).render(style=own("page.css"), **content)


def write(text: str, out: Path) -> Path:
    """Write a page whole or not at all, so that a reader never opens half of one.

    Raises:
        UnwritableError: the operating system refuses to write there.
    """
    half = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            half.write_text(text, encoding="utf-8")
            half.replace(out)
        finally:
            half.unlink(missing_ok=True)
    return out
