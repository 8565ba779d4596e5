"""What `study doctor --on slurm` looks at: SLURM's programs, whether it answers, and what it says of our settings."""

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

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
        preemption = list(_preemption([*settings.values(), *(one.for_look() for one in settings.values())]))
    except queue.QueueError as error:
        return [Finding("slurm", False, str(error), "ask whoever runs the cluster")]
    return [Finding("slurm", True, f"answers; arrays of up to {most} phases"), *preemption, *_tested(settings)]


def _preemption(settings: Iterable[Cluster]) -> Iterator[Finding]:
    """Say what becomes of phases that SLURM preempts, in each of the partitions where they may run.

    Raises:
        QueueError: SLURM does not answer.
    """
    names = {name for cluster in settings for name in (cluster.partition or "").split(",")}
    by_qos = "preempt/qos" in queue.asked(["scontrol", "show", "config"])
    for line in queue.asked(["scontrol", "--oneliner", "show", "partition"]).splitlines():
        shown = dict(re.findall(r"(\w+)=(\S+)", line))
        name, mode, grace_s = (shown.get(word, "?") for word in ("PartitionName", "PreemptMode", "GraceTime"))
        if name in names or ("" in names and shown.get("Default") == "YES"):
            found = f"PreemptMode={mode}, GraceTime={grace_s} s"
            if by_qos:
                found = "as the quality of service says: sacctmgr show qos format=name,preempt,preemptmode,gracetime"
            elif mode == "CANCEL" and grace_s == "0":
                found += ": what is preempted is cancelled at once, and nothing puts it back; the same command goes on"
            yield Finding(f"preemption in {name}", True, found)


def _tested(settings: Mapping[str, Cluster]) -> Iterator[Finding]:
    """Ask SLURM about every kind of job, for every profile that has settings of its own."""
    for profile, cluster in settings.items():
        of_profile = f" of profile {profile}" if profile else ""
        for what, asked, more in _kinds(cluster):
            with tempfile.TemporaryDirectory(prefix="study-") as folder:
                try:
                    said = slurm.would_take(Path(folder), asked, more)
                except queue.QueueError as error:
                    cure = "change the settings of the cluster (sinfo, sacctmgr show assoc)"
                    yield Finding(f"{what}{of_profile}", False, str(error), cure)
                else:
                    yield Finding(f"{what}{of_profile}", True, said.removeprefix("sbatch: "))


def _kinds(cluster: Cluster) -> Iterator[tuple[str, Cluster, Mapping[str, Any]]]:
    """Go through the kinds of jobs: what they are called, and what is asked for."""
    yield "a phase", cluster, {}
    if cluster.processes > 1:
        yield "a phase of one process", cluster.undivided(), {}
    yield "a measurement alone on its node", cluster.undivided(), {"exclusive": True}
    yield "a look", cluster.for_look(), {}
