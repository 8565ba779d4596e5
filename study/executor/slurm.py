"""Phases on a SLURM cluster, submitted through submitit: one array for all phases that wait for the same parents.

A phase waits for its parents by SLURM's own dependencies; what waits for one that failed is cancelled by SLURM.
"""

import os
import pickle
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from results.files import writing
from study.executor import queue, submission
from study.executor.cluster import Cluster
from study.executor.snapshot import Code
from study.executor.submission import Submission

if TYPE_CHECKING:
    from study.executor.task import LookTask
    from study.phase import Phase
    from study.worker import Orders

ALWAYS = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "SLURM_CONF")
"""Variables of the submitter that every job sees."""
NEVER_TIRED = 1_000_000
"""submitit is never to give up after time-outs: it takes preemptions of short jobs for such; `PhaseTask` counts."""
MAX_ARRAY_SIZE = 1001
"""What SLURM allows unless its configuration says otherwise."""


class SubmissionError(queue.SlurmError):
    """SLURM refuses what was to be submitted, or does not answer."""


class Group(NamedTuple):
    """Phases that are submitted as one array.

    Attributes:
        parents: keys of the phases that all of them wait for.
        is_alone: each needs a node for itself.
        is_divisible: several processes may train each.
    """

    parents: tuple[str, ...]
    is_alone: bool
    is_divisible: bool
    phases: "list[Phase]"


def groups(due: "Sequence[Phase]", pending: Mapping[str, Any], most: int) -> list[Group]:
    """Put the phases that are due together by what they wait for, parents before children.

    Args:
        due: parents before children.
        pending: by key, what SLURM holds already.
        most: phases of an array.
    """
    depth: dict[str, int] = dict.fromkeys(pending, 0)
    found: dict[tuple[int, tuple[str, ...], bool, bool], list[Phase]] = {}
    for phase in due:
        parents = tuple(sorted(key for key in phase.parents.values() if key in depth))
        depth[phase.key] = 1 + max((depth[key] for key in parents), default=0)
        found.setdefault((depth[phase.key], parents, phase.is_alone, phase.is_divisible), []).append(phase)
    return [
        Group(parents, is_alone, is_divisible, phases[start : start + most])
        for (_, parents, is_alone, is_divisible), phases in sorted(found.items(), key=lambda one: one[0][0])
        for start in range(0, len(phases), most)
    ]


def for_group(cluster: Cluster, group: Group) -> Cluster:
    """Give what is asked for the phases of `group`."""
    return cluster if group.is_divisible else cluster.undivided()


def max_array_size() -> int:
    """Ask SLURM how many tasks an array may have.

    Raises:
        QueueError: it does not answer.
    """
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", queue.asked(["scontrol", "show", "config"]), re.MULTILINE)
    return max(1, int(found[1]) if found else MAX_ARRAY_SIZE)


class Submitter:
    """Submits groups of phases, and keeps in `submission.json` what became which job.

    Args:
        folder: of the submission.
        planned: what `submission.json` says so far; its arrays are those of `groups`, the look's last.
        jobs: key -> SLURM's number of a job that holds it already.
        awaited: SLURM's numbers of jobs that the look waits for too.
    """

    def __init__(
        self,
        folder: Path,
        planned: Submission,
        cluster: Cluster,
        code: Code,
        jobs: Mapping[str, str],
        awaited: Sequence[str],
    ) -> None:
        self.folder = folder
        self.cluster = cluster
        self.code = code
        self._planned = planned
        self._jobs = dict(jobs)
        self._awaited = awaited
        submission.write(folder, planned)

    def submit(self, groups: "Sequence[Group]", orders: "Orders", look: "LookTask") -> Submission:
        """Submit everything, and a look after all of it and all that is awaited.

        SLURM's numbers are written down at the end: who is killed before has written the jobs' names.

        Raises:
            SubmissionError: SLURM refuses; what was submitted before is kept.
        """
        try:
            self._submit_all(groups, orders, look)
        finally:
            submission.write(self.folder, self._planned)
        return self._planned

    def _submit_all(self, groups: "Sequence[Group]", orders: "Orders", look: "LookTask") -> None:
        from study.executor.task import PhaseTask

        packed, limit_s = pickle.dumps(orders), 60.0 * self.cluster.timeout_min
        for number, group in enumerate(groups):
            tasks = [
                PhaseTask(
                    self.code.folder,
                    self.code.digest,
                    phase.content,
                    packed,
                    limit_s,
                    self.cluster.signal_delay_s,
                    self.cluster.max_timeouts,
                )
                for phase in group.phases
            ]
            after = self._after("afterok", [self._jobs[key] for key in group.parents])
            more = {"dependency": after, "exclusive": group.is_alone or None}
            self._submit(for_group(self.cluster, group), number, tasks, more, orders.resources.threads)
            array = self._planned["arrays"][number]
            self._jobs |= {key: submission.job_of(array, task) or "" for task, key in enumerate(array["keys"])}
        jobs = [array["job"] for array in self._planned["arrays"] if array["job"]] + list(self._awaited)
        self._submit(self.cluster.for_look(), len(groups), [look], {"dependency": self._after("afterany", jobs)}, 1)

    def _submit(
        self, cluster: Cluster, number: int, tasks: Sequence[Any], more: Mapping[str, Any], threads: int
    ) -> None:
        array = self._planned["arrays"][number]
        executor = executor_of(self.folder / "jobs", self.code.folder, cluster, array["name"], more)
        with only(environment(cluster, self.code.folder, threads)), refusals(self.folder, self._planned):
            jobs = executor.submit_array(list(tasks))
        array["job"] = jobs[0].job_id.partition("_")[0]

    def _after(self, how: str, jobs: Sequence[str]) -> str | None:
        return f"{how}:{':'.join(sorted(set(jobs)))}" if jobs else None


def executor_of(folder: Path, code: Path, cluster: Cluster, name: str, more: Mapping[str, Any]) -> Any:
    """Give submitit's executor with everything that `cluster` asks for; what is None is not said to SLURM."""
    import submitit

    launch = [sys.executable, "-I", "-S", str(code / "study" / "executor" / "launch.py"), sys.executable]
    executor = submitit.SlurmExecutor(folder, max_num_timeout=NEVER_TIRED, python=shlex.join(launch))
    asked = {
        "job_name": name,
        "partition": cluster.partition,
        "account": cluster.account,
        "qos": cluster.qos,
        "nodes": cluster.nodes,
        "ntasks_per_node": cluster.tasks_per_node,
        "gpus_per_task": cluster.gpus_per_task or None,
        "cpus_per_task": cluster.cpus_per_task,
        "mem": None if cluster.memory_gb is None else f"{round(cluster.memory_gb * 1024)}MB",
        "time": cluster.timeout_min,
        "signal_delay_s": cluster.signal_delay_s,
        "array_parallelism": cluster.array_parallelism,
        "setup": [f"eval {shlex.quote(line)} || exit 1" for line in cluster.setup] or None,
        "stderr_to_stdout": True,
        "additional_parameters": cluster.sbatch | {"kill-on-invalid-dep": "yes", "requeue": True},
        # One task that fails ends the others, which would wait for it; srun does not take over sbatch's processors.
        "srun_args": ["--kill-on-bad-exit=1", f"--cpus-per-task={cluster.cpus_per_task}"],
    }
    kept = {name: value for name, value in (asked | dict(more)).items() if value is not None}
    executor.update_parameters(**kept, wckey=None)  # submitit's own, which sites that check it do not know
    return executor


def environment(cluster: Cluster, code: Path, threads: int) -> dict[str, str]:
    """Give all variables that a job sees: a few of the submitter's, and those that make it import from `code`."""
    passed = {name: os.environ[name] for name in (*ALWAYS, *cluster.environment) if name in os.environ}
    own = {"PYTHONPATH": str(code), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    own |= {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE", "KINETO_LOG_LEVEL": "99"}
    return passed | own


def would_take(folder: Path, cluster: Cluster, more: Mapping[str, Any]) -> str:
    """Ask SLURM whether it would take a job, submitting nothing; give what it says.

    Args:
        more: what is asked for besides.

    Raises:
        QueueError: it would not.
    """
    script = folder / "test_only.sh"
    executor = executor_of(folder, folder, cluster, "study-doctor", more)
    with writing(script):
        script.write_text(executor._make_submission_file_text("true", "doctor"))
    with only(environment(cluster, folder, 1)):
        return queue.asked(["sbatch", "--test-only", str(script)]).strip()


@contextmanager
def only(variables: Mapping[str, str]) -> Iterator[None]:
    """Have no environment but `variables` meanwhile: sbatch hands on what it sees, secrets too."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def refusals(folder: Path, planned: Submission) -> Iterator[None]:
    """Say what SLURM said.

    Args:
        planned: what was to be submitted; arrays with a job were.

    Raises:
        SubmissionError: SLURM refused.
    """
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    try:
        yield
    except (FailedJobError, FailedSubmissionError, FileNotFoundError) as error:
        phases = sum(len(array["keys"]) for array in planned["arrays"])
        raise SubmissionError(
            f"{folder}: SLURM refuses what was to be submitted: {error}. {len(submission.submitted([planned]))} of "
            f"{phases} phases were submitted before, and stay. `study doctor --on slurm --cluster NAME` checks the "
            f"settings; then run the study again: it submits the others.",
            said=str(error),
        ) from error
