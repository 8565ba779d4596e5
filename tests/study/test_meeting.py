"""How the processes of a job meet, and how they tell that one of them is lost."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import torch.distributed

from study.distributed import ALONE, NotMet, ProcessGroup, joined, own_device

GLOO = "[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:4711"


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (RuntimeError(GLOO), True),
        (torch.distributed.DistNetworkError("the client socket has timed out"), True),
        (torch.distributed.DistStoreError("wait timeout after 600000ms"), True),
        (torch.distributed.DistBackendError("ncclRemoteError: a remote process exited prematurely"), True),
        (torch.distributed.DistBackendError("ncclInvalidUsage: two ranks on one GPU"), False),
        (RuntimeError("[Errno 2] no such file: '/data/gloo/transport/clip.mp4'"), False),
        (FileNotFoundError("/data/gloo/clip.mp4"), False),
        (ArithmeticError(GLOO), False),
    ],
)
def test_only_what_the_network_says_of_another_process_counts_as_its_loss(error: Exception, lost: bool) -> None:
    assert ProcessGroup(0, 2).has_lost_one(error) == lost
    assert not ALONE.has_lost_one(error)


def test_processes_that_do_not_find_each_other_say_so_and_what_to_do(tmp_path: Path) -> None:
    soon = timedelta(seconds=1)
    for rank, why in ((1, "did not announce itself"), (0, "wait timeout")):
        with (
            pytest.raises(NotMet, match=rf"process {rank} of the 2.*{why}.*Run the study again"),
            joined(rank, 2, "localhost", tmp_path / "meeting.json", "cpu", soon),
        ):
            pytest.fail("nobody else was there")


TASK = """\
from study.distributed import of_job
with of_job("cpu") as (group, device):
    print(group.gathered((group.rank, device)))
"""


@pytest.mark.slow
def test_the_tasks_of_a_job_meet_in_the_folder_of_their_submission(tmp_path: Path) -> None:
    job = {"SUBMITIT_EXECUTOR": "slurm", "SUBMITIT_FOLDER": str(tmp_path), "SLURM_RESTART_COUNT": "1"}
    job |= {"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}
    job |= {"SLURM_JOB_NODELIST": "localhost", "SLURM_NTASKS": "2", "SLURM_JOB_NUM_NODES": "1"}
    tasks = [
        subprocess.Popen(
            [sys.executable, "-c", TASK],
            env=os.environ | job | {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (1, 0)
    ]
    assert [task.communicate(timeout=120)[0] for task in tasks] == ["[(0, 'cpu'), (1, 'cpu')]\n"] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["7_3_1_meeting.json"]


@pytest.mark.parametrize(
    ("device", "rank", "visible", "own"),
    [("cpu", 1, 0, "cpu"), ("cuda", 1, 2, "cuda:1"), ("cuda", 1, 1, "cuda:0"), ("cuda", 0, 2, "cuda:0")],
)
def test_a_task_takes_its_own_gpu_whether_or_not_it_sees_those_of_others(
    device: str, rank: int, visible: int, own: str
) -> None:
    assert own_device(device, rank, 2, visible) == own
