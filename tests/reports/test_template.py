"""A page is written whole or not at all, and a disk that refuses is named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reports.template import write
from results.files import UnwritableError

FULL_DISK = """
import sys
from pathlib import Path
from reports.template import write
from results.files import UnwritableError
out = Path(sys.argv[1]) / "page.html"
write("old", out)
try:
    write("x" * 500_000, out)
except UnwritableError as error:
    print(error)
print(out.read_text(), [path.name for path in out.parent.iterdir()])
"""


def test_a_page_that_does_not_fit_leaves_the_one_before(run_on_small_disk: Callable[[str], str]) -> None:
    message, left = run_on_small_disk(FULL_DISK).splitlines()
    assert "page.html: cannot write: the disk is full (ENOSPC)" in message
    assert left == "old ['page.html']"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where a folder should be")
    with pytest.raises(UnwritableError, match=r"index\.html: cannot write: .*run again"):
        write("page", tmp_path / "out" / "index.html")
