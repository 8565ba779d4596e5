"""Running a study on SLURM: plan, decode, declare the claim, submit what is due, and return.

Everything is said by the files of the store and by SLURM's queue; nothing stays behind on the machine that submits.
The last job of a submission looks at the results and, where seeds are added until the claim is decided, submits what
the next look needs, as whoever gives the same command again does.
"""

import pickle
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from models.errors import UserError
from results.attempt import Store, now
from results.plan import PlanFile, is_tuning, labels, parents, plan_of, read_plan, read_plans
from results.state import FAILED, OVER, WAITING, with_blocked
from study import preflight, provenance
from study.alone import beside_others
from study.declaration import declare, refuse_other_clips
from study.display import decoding
from study.due import choose
from study.executor import queue, slurm, snapshot, submission
from study.executor.cluster import Cluster, read_cluster
from study.executor.queue import Alive, Row, own_job
from study.executor.snapshot import Code
from study.executor.submission import Asked, Job, Submission
from study.executor.task import LookTask
from study.executor.turn import turn
from study.layout import pages_folder
from study.leg import unstopped
from study.looking import plan_next, planned_so_far
from study.phase import Phase
from study.planner import Plan
from study.preparation import Prepared, Request, decode, prepare_store
from study.pruning import pruning_of
from study.reporting import Report, report_edition
from study.search import follow
from study.settings import workers_of
from study.worker import Orders

OPEN = (*WAITING, "running")
ENDING_S = 60.0
"""How long a job may take to end before it counts as gone: a phase of two jobs costs a wait, and no result."""
ENDING_POLL_S = 2.0


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


@dataclass(frozen=True)
class Ready:
    """A study whose clips are decoded and whose claim is declared: what it needs can be submitted, by a job too.

    Attributes:
        claim_hash: of the claim.
        most: phases of an array.
        asked: what was asked for, so that it can be asked again.
        command: what was typed.
        commit: and difference of the checkout when it was typed.
        pages: where they are written to.
    """

    prepared: Prepared
    claim_hash: str
    cluster: Cluster
    most: int
    asked: Asked
    command: str
    user: str
    commit: Mapping[str, str | None]
    pages: Path

    @property
    def store(self) -> Store:
        """The store, whose claimants SLURM is asked about."""
        return Store(self.prepared.store.root, alive=Alive())


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
        only: names of states: submit nothing that is in another one, but for what a phase in one of these starts from.

    Raises:
        UserError: the request is wrong, or SLURM does not take it; nothing that was measured or submitted is lost.
    """
    return _submit_planned(*make_ready(request, cluster_name, command, user, console), console.print, only=only)


def submit_all(
    requests: Iterable[Request], cluster_name: str | None, command: str, user: str, console: Console
) -> Iterator[tuple[str, Submitted | UserError]]:
    """Submit what is due of several studies; one that cannot be submitted does not keep the others from it.

    All claims are declared before anything is submitted. Phases that studies share are submitted for the first of them;
    the others find them in the queue, and their own phases and looks wait for those.

    Yields:
        The name of a study, and what became of it.
    """
    ready: dict[str, tuple[Ready, PlanFile]] = {}
    for request in requests:
        try:
            ready[request.name] = make_ready(request, cluster_name, command, user, console)
        except UserError as error:
            yield request.name, error
    for name, (one, declared) in ready.items():
        console.print(f"== {name}")
        try:
            yield name, _submit_planned(one, declared, console.print)
        except UserError as error:
            yield name, error


def make_ready(
    request: Request, cluster_name: str | None, command: str, user: str, console: Console
) -> tuple[Ready, PlanFile]:
    """Plan a study, refuse what would fail, decode its clips and declare its claim.

    Raises:
        UserError: the request is wrong, or SLURM does not answer.
    """
    prepared = prepare_store(request)
    cluster = read_cluster(cluster_name, prepared.plan.edition.profile)
    preflight.check_cluster(prepared, cluster)
    preflight.check(prepared)
    refuse_other_clips(prepared)
    most, crew = slurm.max_array_size(), workers_of(prepared.plan.edition.settings.resources)
    with decoding(console) as progress, beside_others(unstopped, console.print):
        prepared = decode(prepared, crew, progress, skip_bad=request.skip_bad)
    with turn(prepared.store, prepared.plan.edition.name, console.print):
        declared = declare(prepared, command)
    asked = _asked(request, cluster_name)
    code, pages = provenance.code(), pages_folder()
    ready = Ready(prepared, declared["claim_hash"], cluster, most, asked, command, user, code, pages)
    return ready, declared


def look(ready: Ready, code: Code) -> str:
    """Answer a study, and submit what its next look needs, with the `code` that ran so far; say what was done.

    What was submitted for this edition before is not submitted again, however it ended, nor what failed; nor anything
    for a claim that is another now.

    Raises:
        UserError: SLURM does not take it, or the store cannot be read.
    """
    store, edition = ready.store, ready.prepared.plan.edition
    report = report_edition(store, edition.name, ready.pages)
    declared = read_plan(store.editions / edition.name / "plan.json")
    goes_on = report.asked is not None or "search" in declared or is_tuning(declared)
    if not goes_on or declared["claim_hash"] != ready.claim_hash:
        return str(report.answer)
    own = [one for one in submission.read_all(store) if one["edition"] == edition.name]
    then = _submit_planned(ready, declared, print, code, only=WAITING, but=submission.submitted(own))
    if then.report:
        return str(then.report.answer)
    if then.submission:
        return f"{report.answer}\n{then.phases} phases submitted for a look"
    return (
        f"{report.answer}\nThis look waits for trainings that have no result: `study status {edition.name}` says why."
    )


def _submit_planned(
    ready: Ready,
    declared: PlanFile,
    say: Callable[[str], None],
    code: Code | None = None,
    only: Collection[str] | None = None,
    but: Collection[str] = (),
) -> Submitted:
    """Submit what is due of what is planned so far, or of the first look after it that anything is due of.

    Args:
        say: told of a wait for another submitter.
        code: a copy of the code to go on with; the checkout's if None.
        only, but: as in `study.due.choose`.
    """
    store, edition = ready.store, ready.prepared.plan.edition
    with turn(store, edition.name, say):
        # Who had the turn before may have gone on with the plan.
        declared = plan_of(store, edition.name, declared["claim_hash"]) or declared
        while True:
            plan, starts_from = planned_so_far(ready.prepared.plan, declared), parents(declared)
            jobs = _jobs(store, plan, ready.claim_hash, say)
            states = plan.states(store, ready.claim_hash)  # what has left the queue has ended
            names = {key: state.name for key, state in states.items()}
            held = _held(store, edition.name, jobs, names, starts_from)
            if edition.search is not None:
                follow(ready.prepared, declared, held)
            due = choose(with_blocked(names, starts_from), starts_from, held, only, but)
            done = sum(name == "done" for name in names.values())
            if not due.is_over:
                folder, planned = _submit_due(ready, [plan.phases[key] for key in due.keys], jobs, held, code)
                words = tuple(map(labels(declared).__getitem__, due.elsewhere))
                return Submitted(edition.name, edition.notes, folder, planned, done, len(held), words, None)
            report = report_edition(store, edition.name, ready.pages)
            ahead = plan_next(ready.prepared, declared, report)
            if ahead is None:
                return Submitted(edition.name, edition.notes, None, None, done, 0, (), report)
            declared = ahead


def _jobs(store: Store, plan: Plan, claim_hash: str, say: Callable[[str], None]) -> list[Job]:
    """Ask what SLURM holds, once those jobs of open phases that end wait again, or are gone: nobody knows before."""
    until, is_told = time.monotonic() + ENDING_S, False
    while True:
        jobs = submission.jobs(submission.read_all(store))
        ending = [job.key for job in jobs if job.row.is_ending and job.key in plan.phases]
        states = plan.states(store, claim_hash) if ending else {}
        still_open = [key for key in ending if key and states[key].name in OPEN]
        if not still_open or time.monotonic() > until:
            return submission.at_work(jobs)
        if not is_told:
            say(f"waits for {len(still_open)} jobs that end")
        is_told = True
        time.sleep(ENDING_POLL_S)


def _held(
    store: Store,
    edition: str,
    jobs: Sequence[Job],
    names: Mapping[str, str],
    starts_from: Mapping[str, Collection[str]],
) -> dict[str, Row]:
    """Give what SLURM holds of phases that are not over, and will bring to their end.

    Not what waits for a phase that failed, nor what another edition may give up.
    """
    given_up = _may_be_given_up(store, {job.edition for job in jobs} - {edition})
    rows = submission.rows_of(job for job in jobs if job.edition == edition or job.key not in given_up)
    held = {key: row for key, row in rows.items() if names.get(key, "done") not in OVER and row.reason != queue.NEVER}
    again = {key: "absent" if key in held and name in FAILED else name for key, name in names.items()}
    blocked = {key for key, name in with_blocked(again, starts_from).items() if name == "blocked"}
    return {key: row for key, row in held.items() if key not in blocked or row.state != "PENDING"}


def _may_be_given_up(store: Store, editions: Collection[str]) -> set[str]:
    """List the phases that the pruners of `editions` may give up."""
    plans = read_plans(store).whole if editions else {}
    pruning = [plans[name] for name in editions if name in plans and "prune" in plans[name]]
    return {trial["final"] for plan in pruning for trial in plan["trials"]}


def _submit_due(
    ready: Ready, due: Sequence[Phase], jobs: Sequence[Job], held: Mapping[str, Row], code: Code | None
) -> tuple[Path | None, Submission | None]:
    """Submit phases and a look after them; it alone, if what is left of the study is queued without one."""
    looks = {job.row.job for job in jobs if job.key is None and job.edition == ready.prepared.plan.edition.name}
    if due or (held and not looks - {own_job()}):
        return _submit(ready, due, held, submission.numbers(jobs, held), code)
    return None, None


def _submit(
    ready: Ready, due: Sequence[Phase], held: Mapping[str, Row], awaited: Sequence[str], code: Code | None
) -> tuple[Path, Submission]:
    store, prepared = ready.store, ready.prepared
    resources = prepared.plan.edition.settings.resources
    pruning = pruning_of(prepared.plan, ready.claim_hash)
    orders = Orders(store.root, prepared.sources, resources, ready.commit, ready.command, prepared.weights, pruning)
    groups = slurm.groups(due, held, ready.most)
    folder = submission.make_folder(store)
    copied = snapshot.take_again(code, folder / "code") if code else snapshot.take(folder / "code")
    jobs = {key: row.job for key, row in held.items()}
    task = LookTask(copied.folder, copied.digest, pickle.dumps(ready))
    submitter = slurm.Submitter(folder, _planned(folder, ready, copied, groups), ready.cluster, copied, jobs, awaited)
    return folder, submitter.submit(groups, orders, task)


def _planned(folder: Path, ready: Ready, code: Code, groups: Collection[slurm.Group]) -> Submission:
    """Say what is about to be submitted."""
    keys = [[phase.key for phase in group.phases] for group in groups]
    return {
        "token": folder.name,
        "edition": ready.prepared.plan.edition.name,
        "asked": ready.asked,
        "code": code.digest,
        "command": ready.command,
        "user": ready.user,
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
