"""What `study doctor --on slurm` looks at: SLURM's programs, whether it answers, and what it says of our settings."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from study.executor import queue, slurm
from study.executor.cluster import Cluster, by_profile
from study.machine import Finding

PROGRAMS = ("sbatch", "squeue", "scontrol", "scancel", "srun")


def examine(cluster_name: str | None) -> list[Finding]:
    """Look at everything; submits nothing.

    Args:
        cluster_name: of settings in `study/clusters`, or their path; SLURM's own defaults if None.

    Raises:
        SpecError: there are no such settings, or something in them is wrong.
    """
    settings = by_profile(cluster_name)
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return [Finding("slurm", False, f"missing: {', '.join(missing)}", "log in where SLURM is, or load its module")]
    try:
        most = slurm.max_array_size()
    except queue.QueueError as error:
        return [Finding("slurm", False, str(error), "ask whoever runs the cluster")]
    return [Finding("slurm", True, f"answers; arrays of up to {most} phases"), *_tested(settings)]


def _tested(settings: Mapping[str, Cluster]) -> Iterator[Finding]:
    """Ask SLURM about every profile that has settings of its own."""
    for profile, cluster in settings.items():
        what = f"a phase of profile {profile}" if profile else "a phase"
        with tempfile.TemporaryDirectory(prefix="study-") as folder:
            try:
                said = slurm.would_take(Path(folder), cluster)
            except queue.QueueError as error:
                yield Finding(
                    what, False, str(error), "change the settings of the cluster (sinfo, sacctmgr show assoc)"
                )
            else:
                yield Finding(what, True, said.removeprefix("sbatch: "))
