"""One finished edition for all tests that only read it, a copy for those that damage it, and disks that refuse."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from results.attempt import Store
from tests.made_store import make_store

RunScript = Callable[..., str]


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("finished") / "store").root


@pytest.fixture
def made_store(_finished: Path, tmp_path: Path) -> Store:
    """Give a store of its own: three arms, two seeds, `rgb` shared by the arms, everything finished."""
    shutil.copytree(_finished, tmp_path / "store")
    return Store(tmp_path / "store")


@pytest.fixture
def run_on_small_disk(tmp_path: Path) -> RunScript:
    """Give a function that runs Python code with a disk of 256 kB at `sys.argv[1]`, and returns what it prints."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size=256k tmpfs {disk} && exec "$@"'
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk of their own (unshare --mount)")

    def run(code: str) -> str:
        command = [*alone, sys.executable, "-c", code, str(disk)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
