from pathlib import Path

import pytest

from models.errors import UserError
from study.exporting import export_study
from tests.made_store import EDITION, make_store


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path))
    return tmp_path


def test_an_edition_has_a_folder_of_files_and_its_page(home: Path) -> None:
    (exported,) = export_study(make_store(home / "store"), EDITION, home / "paper")
    assert exported.folder == home / "paper" / EDITION
    assert sorted(exported.files) == sorted(path for path in exported.folder.rglob("*") if path.is_file())
    assert {"table.tex", "table.md", "methods.tex", "methods.md"} <= {path.name for path in exported.files}
    assert exported.problems == ()
    assert (home / "out" / f"{EDITION}.html").exists()


def test_without_a_folder_the_files_lie_beside_the_pages(home: Path) -> None:
    (exported,) = export_study(make_store(home / "store"), EDITION)
    assert exported.folder == home / "out" / "export" / EDITION


def test_a_study_that_is_not_there_is_a_mistake_that_names_what_is(home: Path) -> None:
    with pytest.raises(UserError, match=EDITION):
        export_study(make_store(home / "store"), "token_cuont_sweep")
