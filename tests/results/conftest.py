"""One finished edition for all tests that only read it, and a copy for those that damage it."""

import shutil
from pathlib import Path

import pytest

from results.attempt import Store
from tests.made_store import make_store


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("finished") / "store").root


@pytest.fixture
def made_store(_finished: Path, tmp_path: Path) -> Store:
    """Give a store of its own: three arms, two seeds, `rgb` shared by the arms, everything finished."""
    shutil.copytree(_finished, tmp_path / "store")
    return Store(tmp_path / "store")
