"""An owner lives if its process does: the same machine, the same number, the same start."""

import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from results.owner import Owner, alive_here

HERE = Owner.current("study run")
IN_A_JOB = {"SLURM_JOB_ID": "7", "SUBMITIT_EXECUTOR": "slurm"}


def test_the_process_that_asks_is_alive() -> None:
    assert alive_here(HERE) is True


def test_a_later_process_with_the_same_number_is_another_one() -> None:
    assert alive_here(replace(HERE, started_at=HERE.started_at - 60)) is False


def test_of_a_process_on_another_machine_nothing_is_known() -> None:
    assert alive_here(replace(HERE, machine="another boot")) is None


def test_a_process_that_ended_is_dead_even_before_its_parent_looks() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = replace(HERE, pid=child.pid, started_at=psutil.Process(child.pid).create_time())
    assert alive_here(owner) is True
    child.kill()
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert alive_here(owner) is False
    child.communicate()
    assert alive_here(owner) is False


def test_a_claim_of_a_newer_version_is_understood() -> None:
    assert Owner.of(HERE.content() | {"cluster": "new"}) == HERE


@pytest.mark.parametrize(
    ("said", "gpus", "processors"),
    [
        ({}, 1, 2),
        (IN_A_JOB, 1, 2),
        (IN_A_JOB | {"SLURM_JOB_CPUS_PER_NODE": "4", "SLURM_CPUS_ON_NODE": "1"}, 1, 4),
        (IN_A_JOB | {"SLURM_JOB_CPUS_PER_NODE": "4(x2),3", "SLURM_JOB_NUM_NODES": "3"}, 1, 11),
        (IN_A_JOB | {"SLURM_JOB_GPUS": "0,2,3", "SLURM_JOB_NUM_NODES": "2"}, 6, 2),
    ],
)
def test_a_job_holds_all_that_slurm_gave_it_whatever_its_step_uses(
    said: dict[str, str], gpus: int, processors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    owner = Owner.current(gpus=1, processors=2)
    assert (owner.gpus, owner.processors) == (gpus, processors)


def test_what_runs_inside_an_allocation_is_not_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_JOB_ID": "7", "SLURM_JOB_CPUS_PER_NODE": "64", "SLURM_JOB_GPUS": "0,1"}.items():
        monkeypatch.setenv(name, value)
    owner = Owner.current(gpus=1, processors=2)
    assert (owner.slurm_job, owner.gpus, owner.processors) == ("", 1, 2)
