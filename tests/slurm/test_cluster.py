"""The cluster that the other tests run on: it accepts jobs, runs them, and keeps account of them."""

import subprocess
from pathlib import Path

import pytest
import submitit

pytestmark = pytest.mark.slow


def test_a_submitit_job_runs_and_returns(cluster: Path, tmp_path: Path) -> None:
    executor = submitit.AutoExecutor(folder=tmp_path / "jobs", cluster="slurm")
    executor.update_parameters(timeout_min=2, slurm_partition="low", slurm_mem="100MB")
    job = executor.submit(divmod, 17, 5)
    assert job.result() == (3, 2)
    assert len(subprocess.check_output(["sinfo", "-h", "-N", "-p", "low"], text=True).splitlines()) == 4


def test_it_hears_on_the_loopback_only(cluster: Path) -> None:
    daemons = [path.read_text().strip() for path in cluster.glob("*.pid")]
    assert len(daemons) == 8
    heard = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True).stdout
    own = [line.split()[3] for line in heard.splitlines() if any(f"pid={pid}," in line for pid in daemons)]
    assert own
    assert [address for address in own if not address.startswith("127.0.0.1:")] == []
