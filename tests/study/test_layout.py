from pathlib import Path

import pytest

from study import layout


def test_the_siblings_are_those_beside_study() -> None:
    layout.check_siblings()


def test_a_package_of_the_same_name_elsewhere_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "checkout", lambda: tmp_path)
    with pytest.raises(layout.LayoutError, match=r"models: Python would import .* but study needs"):
        layout.check_siblings()


def test_study_home_moves_store_and_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path))
    assert layout.store_folder() == tmp_path / "store"
    assert layout.pages_folder() == tmp_path / "out"


def test_without_it_they_lie_in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STUDY_HOME", raising=False)
    assert layout.store_folder() == layout.checkout() / "results" / "store"
    assert layout.pages_folder() == layout.checkout() / "reports" / "out"
