"""What a phase sees of the world, made worse; on PYTHONPATH of a job, and told by variables what to do.

- `WORSE_MACHINES`: every node is a machine of its own, whose processes no other sees, and a claimant whose heartbeat is
  so many seconds old may be dead.
- `WORSE_GIVE_WAY`: a job waits so many seconds for another one that trains its phase.
- `WORSE_STORE`: renames, links and new folders take their time, and some are done twice, as a network file system does
  it whose first reply was lost: the second time they are refused. The file of that name notes each.
"""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

OFTEN = 0.3
WAIT_S = 0.05


def each_node_a_machine(limit_s: float) -> None:
    from results import attempt, owner

    here, own_store = owner.this_machine(), attempt.Store.__init__
    owner.this_machine = lambda: f"{here}/{os.environ['SLURMD_NODENAME']}"
    own_store.__defaults__ = (*own_store.__defaults__[:-1], limit_s)


def give_way(seconds: float) -> None:
    from study.executor import task

    task.GIVE_WAY_S = seconds


def noted(file: str) -> list[str]:
    return Path(file).read_text().split() if Path(file).exists() else []


def lose_replies(file: str) -> None:
    def losing(name: str, error: type[OSError]) -> None:
        do: Callable[..., Any] = getattr(os, name)

        def done(*paths: Any, **more: Any) -> Any:
            concerned = "/runs/" in str(paths[0])
            if concerned:
                time.sleep(random.random() * WAIT_S)
            found = do(*paths, **more)
            if concerned and (random.random() < OFTEN or name not in noted(file)):
                with open(file, "a") as note:
                    note.write(f"{name}\n")
                raise error(f"the first reply of {name} was lost")
            return found

        setattr(os, name, done)

    losing("link", FileExistsError)
    losing("replace", FileNotFoundError)
    losing("mkdir", FileExistsError)


if "SLURM_PROCID" in os.environ:
    if "WORSE_MACHINES" in os.environ:
        each_node_a_machine(float(os.environ["WORSE_MACHINES"]))
    if "WORSE_GIVE_WAY" in os.environ:
        give_way(float(os.environ["WORSE_GIVE_WAY"]))
    if "WORSE_STORE" in os.environ:
        lose_replies(os.environ["WORSE_STORE"])
