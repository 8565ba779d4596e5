"""Options of sbatch: those that a setting of the cluster stands for, those that are ours, and those users may add."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator

SET_BY = {
    "partition": "partition",
    "account": "account",
    "qos": "qos",
    "nodes": "nodes",
    "ntasks": "tasks_per_node",
    "ntasks-per-node": "tasks_per_node",
    "tasks-per-node": "tasks_per_node",
    "gpus-per-task": "gpus_per_task",
    "cpus-per-task": "cpus_per_task",
    "mem": "memory_gb",
    "time": "timeout_min",
    "time-min": "timeout_min",
    "signal": "signal_delay_s",
    "array": "array_parallelism",
    "export": "environment",
    "export-file": "environment",
    "get-user-env": "environment",
}
"""Options, and the settings of a cluster that stand for them."""
OURS = (
    *("chdir", "clusters", "dependency", "error", "exclusive", "hold", "input", "job-name", "kill-on-invalid-dep"),
    *("no-requeue", "open-mode", "output", "parsable", "requeue", "test-only", "wait", "wrap"),
)
"""Options by which a job is part of a study."""
_NAME = re.compile(r"[a-z][a-z0-9-]+")


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    for name, value in options.items():
        if name in SET_BY:
            raise ValueError(f"must not hold {name}: set {SET_BY[name]} beside sbatch instead.")
        if name in OURS:
            raise ValueError(f"must not hold {name}: study sets it; leave it out.")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name} is no long name of an option: write it as `sbatch --help` does, like mail-type.")
        if value is not True and (isinstance(value, bool) or not isinstance(value, str | int | float)):
            raise ValueError(f"{name} must be a word, a number or true, but got {value!r}. Change it.")
        if not str(value).isprintable():
            raise ValueError(f"{name} must be of one line, but got {value!r}. Change it.")
    return options


Options = Annotated[dict[str, Any], AfterValidator(_checked)]
"""Options by their long names; true stands for one without a value."""
