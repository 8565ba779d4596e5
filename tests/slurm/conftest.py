"""One cluster for all tests here, and a small study to be submitted to it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import made_cluster
from tests.made_slurm import LAB, Asked, in_queue, release, wait
from tests.made_spec import SPEC


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """Start a cluster, point SLURM's programs at it, and give its folder."""
    if missing := made_cluster.missing():
        pytest.skip(f"no SLURM to test on, {', '.join(missing)} not installed: .ci/run installs them (apt-get)")
    with made_cluster.started() as folder:
        yield folder


@pytest.fixture
def asked(cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """Give a small study to be submitted from a store of its own; what is left of it is cancelled afterwards."""
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(SPEC)
    (tmp_path / "lab.yaml").write_text(LAB)
    yield Asked(tmp_path)
    release()
    subprocess.run(["scancel", "--quiet", "--user", str(os.getuid())])
    wait(lambda: not in_queue(), 60)
