"""Running a study on SLURM: plan, decode, declare the claim, submit what is due, and return.

Everything is said by the files of the store and by SLURM's queue; nothing stays behind on the machine that submits.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from results.attempt import Store, now
from results.plan import PlanFile, label, parents
from results.state import with_blocked
from study import preflight, provenance
from study.alone import beside_others
from study.declaration import declare, refuse_other_clips
from study.display import decoding
from study.executor import slurm, snapshot, submission
from study.executor.cluster import Cluster, read_cluster
from study.executor.queue import Alive
from study.executor.submission import Asked, Submission
from study.executor.task import ReportTask
from study.fitting import PlanError
from study.layout import pages_folder
from study.leg import unstopped
from study.phase import Phase
from study.planner import Plan
from study.preparation import Prepared, Request, decode, prepare_store
from study.reporting import Report, report_edition
from study.settings import Resources, workers_of
from study.worker import Orders


@dataclass(frozen=True)
class Submitted:
    """What became of a plan.

    Attributes:
        submission: what was submitted now; None if nothing was due.
        queued: phases that SLURM held already.
        elsewhere: labels of phases that run outside of SLURM, and of those that wait for them: none was submitted.
        report: the answer, if nothing is left to run.
    """

    edition: str
    notes: tuple[str, ...]
    folder: Path | None
    submission: Submission | None
    done: int
    queued: int
    elsewhere: tuple[str, ...]
    report: Report | None

    @property
    def phases(self) -> int:
        """Count the phases that were submitted now."""
        arrays = self.submission["arrays"] if self.submission else []
        return sum(len(array["keys"]) for array in arrays)


def submit(
    request: Request,
    cluster_name: str | None,
    command: str,
    user: str,
    console: Console,
    only: Collection[str] | None = None,
) -> Submitted:
    """Submit what is due of a study: what is neither done, nor running, nor in SLURM's queue.

    Args:
        cluster_name: of settings in `study/clusters`, or their path; SLURM's own defaults if None.
        command: what was typed.
        only: names of states: submit nothing that is in another one.

    Raises:
        UserError: the request is wrong, or SLURM does not take it; nothing that was measured or submitted is lost.
    """
    prepared = prepare_store(request)
    cluster = read_cluster(cluster_name, prepared.plan.edition.profile)
    resources = prepared.plan.edition.settings.resources
    refuse_other_device(resources, cluster)
    preflight.check(prepared)
    refuse_other_clips(prepared)
    most = slurm.max_array_size()
    with decoding(console) as progress, beside_others(unstopped, console.print):
        prepared = decode(prepared, workers_of(resources), progress, skip_bad=request.skip_bad)
    declared = declare(prepared, command)
    plan, store = prepared.plan, Store(prepared.store.root, alive=Alive())
    names = {key: state.name for key, state in plan.states(store).items()}
    held = {key: row for key, row in submission.queued(submission.read_all(store)).items() if key in names}
    due, elsewhere = _due(plan, names, held)
    if only is not None:
        states = with_blocked(names, parents(declared))
        due = [phase for phase in due if states[phase.key] in only]
    refuse_idle_processes(due, cluster)
    done = sum(name == "done" for name in names.values())
    folder, planned = None, None
    if due:
        orders = Orders(store.root, prepared.sources, resources, provenance.code(), command, prepared.weights)
        groups = slurm.groups(due, held, most)
        folder = submission.make_folder(store)
        planned = _planned(folder, prepared, _asked(request, cluster_name), command, user, groups)
        code = slurm.Code(folder / "code", planned["code"])
        jobs = {key: row.job for key, row in held.items()}
        report = ReportTask(code.folder, code.digest, store.root, plan.edition.name, pages_folder())
        planned = slurm.Submitter(folder, planned, cluster, code, jobs).submit(groups, orders, report)
    is_over = done == len(names)
    answered = report_edition(store, plan.edition.name) if is_over else None
    labels = _labels(declared, elsewhere)
    return Submitted(plan.edition.name, plan.edition.notes, folder, planned, done, len(held), labels, answered)


def refuse_other_device(resources: Resources, cluster: Cluster) -> None:
    """See that phases get the device that they are told to use.

    Raises:
        PlanError: they do not.
    """
    kind = resources.device.partition(":")[0]
    if kind == "mps" or ":" in resources.device or (kind == "cuda" and not cluster.gpus_per_task):
        raise PlanError(
            f"resources.device: {resources.device} with gpus_per_task {cluster.gpus_per_task}: SLURM gives phases "
            f"processors (cpu), or GPUs of their own (cuda, with gpus_per_task: 1). Change one of the two."
        )


def refuse_idle_processes(due: Sequence[Phase], cluster: Cluster) -> None:
    """See that every process has something to train.

    Raises:
        PlanError: a batch has fewer clips than a phase has processes.
    """
    batches = [phase.training.optim.batch for phase in due if phase.is_divisible]
    if batches and min(batches) < cluster.processes:
        raise PlanError(
            f"optim.batch: {min(batches)} clips for {cluster.processes} processes (nodes {cluster.nodes} x "
            f"tasks_per_node {cluster.tasks_per_node} of the cluster): some would have nothing to do. "
            f"Ask for fewer processes, or raise the batch, which is another training."
        )


def _due(plan: Plan, names: Mapping[str, str], held: Collection[str]) -> tuple[list[Phase], list[str]]:
    """Split what is left into phases to be submitted and keys that wait for, or are at work in, another run."""
    due: list[Phase] = []
    elsewhere: list[str] = []
    for key, phase in plan.phases.items():
        if names[key] == "done" or key in held:
            continue
        if names[key] == "running" or any(parent in elsewhere for parent in phase.parents.values()):
            elsewhere.append(key)
        else:
            due.append(phase)
    return due, elsewhere


def _planned(
    folder: Path,
    prepared: Prepared,
    asked: Asked,
    command: str,
    user: str,
    groups: Collection[slurm.Group],
) -> Submission:
    """Copy the code, and say what is about to be submitted."""
    keys = [[phase.key for phase in group.phases] for group in groups]
    return {
        "token": folder.name,
        "edition": prepared.plan.edition.name,
        "asked": asked,
        "code": snapshot.take(folder / "code"),
        "command": command,
        "user": user,
        "at": now(),
        "arrays": [
            {"name": submission.name_of(folder.name, number), "job": None, "keys": own}
            for number, own in enumerate([*keys, []])
        ],
    }


def _asked(request: Request, cluster: str | None) -> Asked:
    """Keep what was asked for, so that it can be asked again from any folder."""
    return {
        "name": _absolute(request.name),
        "profile": request.profile,
        "data": request.data if request.data is None else _absolute(request.data),
        "overrides": dict(request.overrides),
        "skip_bad": request.skip_bad,
        "cluster": cluster if cluster is None else _absolute(cluster),
    }


def _absolute(name_or_path: str) -> str:
    return str(Path(name_or_path).expanduser().absolute()) if Path(name_or_path).suffix else name_or_path


def _labels(plan: PlanFile, keys: Collection[str]) -> tuple[str, ...]:
    return tuple(label(plan, key) for key in keys)
