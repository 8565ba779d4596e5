"""From the store to files for a paper: answer again, with the page, then write tables, methods and figures."""

from pathlib import Path
from typing import NamedTuple

from reports import export
from results.attempt import Store
from results.files import StoreError
from results.query import connect
from study.layout import pages_folder
from study.reporting import report_edition
from study.standing import editions


class Exported(NamedTuple):
    """An edition as files for a paper.

    Attributes:
        problems: what of the store could not be taken in, and so is missing from the files.
    """

    edition: str
    folder: Path
    files: list[Path]
    problems: tuple[str, ...]


def export_study(store: Store, name: str, folder: Path | None = None) -> list[Exported]:
    """Write a folder of files for every edition of a study (or the one edition) called `name`.

    Args:
        folder: where the editions' folders are made; `export` beside the pages, if None.

    Raises:
        UserError: the store holds no such study.
        StoreError: its files are damaged, or a file cannot be written.
    """
    plans = editions(store, name)
    if not plans.whole:
        raise StoreError(" ".join(plans.damaged.values()))
    exported = []
    for edition, plan in plans.whole.items():
        report = report_edition(store, edition)
        own = (folder or pages_folder() / "export") / edition
        with connect(store) as connection:
            files = export.write(connection, edition, report.answer, plan, own)
        exported.append(Exported(edition, own, files, report.problems))
    return exported
