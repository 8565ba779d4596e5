"""Running a study: plan, declare the claim, train what is due, answer."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from rich.console import Console

from models.errors import UserError
from results.plan import PlanFile, is_tuning, plan_of, seeds_of
from results.state import OVER
from results.tuned import sum_up
from study import preflight, provenance
from study.alone import beside_others
from study.declaration import declare, refuse_other_clips
from study.display import Board, Lines, decoding, shown
from study.event import Event
from study.executor import local
from study.executor.turn import turn
from study.fitting import check_device
from study.leg import unstopped
from study.looking import plan_next, planned_so_far
from study.preparation import Prepared, Request, decode, prepare_store
from study.pruning import pruning_of
from study.reporting import Report, report_edition
from study.search import follow
from study.settings import workers_of
from study.worker import Orders


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        failed: label of a phase -> its error.
        blocked: labels of the phases that could not run.
    """

    edition: str
    notes: tuple[str, ...]
    failed: Mapping[str, str]
    blocked: tuple[str, ...]
    report: Report

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing failed, nothing is damaged, and every arm that is tuned can choose."""
        return not (self.failed or self.report.problems or self.report.untuned)


@dataclass(frozen=True)
class Declared:
    """A study whose clips are decoded and whose claim stands in the store: what is due of it can be trained.

    Attributes:
        command: what the user typed, for the provenance.
        workers: phases at once.
    """

    prepared: Prepared
    plan: PlanFile
    command: str
    workers: int


def run(request: Request, command: str, console: Console, workers: int | None = None) -> Outcome:
    """Run what is due of a study on this machine, then answer its question.

    Args:
        command: what the user typed, for the provenance.
        workers: phases at once; what the settings say if None.

    Raises:
        UserError: the request is wrong, or was interrupted; nothing that was measured is lost.
    """
    return train_due(make_ready(request, command, console, workers), console)


def run_all(
    requests: Iterable[Request], command: str, console: Console, workers: int | None = None
) -> Iterator[tuple[str, Outcome | UserError]]:
    """Run several studies; one that cannot be run does not keep the others from it.

    All claims are declared before anything is trained: studies share trainings, and what one of them trains would
    else be there already when another makes its claim.

    Yields:
        The name of a study, and how it ended.

    Raises:
        Interrupted: Ctrl-C.
    """
    ready: dict[str, Declared] = {}
    for request in requests:
        try:
            ready[request.name] = make_ready(request, command, console, workers)
        except UserError as error:
            yield request.name, error
    for name, declared in ready.items():
        console.print(f"== {name}")
        try:
            yield name, train_due(declared, console)
        except local.Interrupted:
            raise
        except UserError as error:
            yield name, error


def make_ready(request: Request, command: str, console: Console, workers: int | None = None) -> Declared:
    """Plan a study, refuse what would fail, decode its clips and declare its claim.

    Raises:
        UserError: the request is wrong.
    """
    prepared = prepare_store(request)
    preflight.check(prepared)
    refuse_other_clips(prepared)
    resources = prepared.plan.edition.settings.resources
    check_device(resources)
    crew = workers or workers_of(resources)
    with decoding(console) as progress, beside_others(unstopped, console.print):
        prepared = decode(prepared, crew, progress, skip_bad=request.skip_bad)
    with turn(prepared.store, prepared.plan.edition.name, console.print):
        return Declared(prepared, declare(prepared, command), command, crew)


def train_due(declared: Declared, console: Console) -> Outcome:
    """Train what is due of a study, then answer its question; where a look asks for more, go on with that.

    What fails is tried once, however many looks come after it.

    Raises:
        UserError: it was interrupted, or the store cannot be written; nothing that was measured is lost.
    """
    failed: dict[str, str] = {}
    edition, store = declared.prepared.plan.edition, declared.prepared.store
    if edition.search is not None:
        with turn(store, edition.name, console.print):
            follow(declared.prepared, declared.plan)
    while True:
        outcome = _train_planned(declared, console, failed)
        ahead = _plan_next(declared, outcome.report, console) if edition.grows else None
        if ahead is None:
            return outcome
        console.print(sum_up(ahead) if is_tuning(declared.plan) else str(outcome.report.answer))
        declared = replace(declared, plan=ahead)


def _plan_next(declared: Declared, report: Report, console: Console) -> PlanFile | None:
    """Plan what `report` asks for, one run at a time; where another one has gone on with the plan, take over its."""
    prepared, plan = declared.prepared, declared.plan
    with turn(prepared.store, plan["edition"], console.print):
        newest = plan_of(prepared.store, plan["edition"], plan["claim_hash"]) or plan
        if seeds_of(newest) != seeds_of(plan):
            return newest
        return plan_next(prepared, plan, report)


def _train_planned(declared: Declared, console: Console, failed: dict[str, str]) -> Outcome:
    """Train what is due of what is planned so far, and answer.

    Args:
        failed: key -> error of the phases that are not tried again; those that fail now are added.
    """
    prepared = declared.prepared
    plan, store = planned_so_far(prepared.plan, declared.plan), prepared.store
    claim, states = declared.plan["claim_hash"], plan.states(store, declared.plan["claim_hash"])
    done, pruned = ({key for key, state in states.items() if state.name == name} for name in OVER)
    board = Board(declared.plan, done, failed, declared.workers, pruned=pruned)
    lines = Lines(board)

    def tell(event: Event) -> None:
        board.note(event)
        if event.state == "failed":
            failed[event.key] = event.text
        if not console.is_terminal and (text := lines.line(event)):
            console.print(text)

    resources, code = plan.edition.settings.resources, provenance.code()
    pruning = pruning_of(prepared.plan, claim)
    orders = Orders(store.root, prepared.sources, resources, code, declared.command, prepared.weights, pruning)
    phases = {key: phase for key, phase in plan.phases.items() if key not in pruned}
    with shown(board, console):
        schedule = local.run(phases, done, orders, declared.workers, tell, frozenset(failed))
    report = report_edition(store, plan.edition.name)
    blocked = tuple(board.labels[key] for key in plan.phases if key in schedule.blocked)
    # A combination that failed is not chosen, and once others are, that is all there is to it.
    failures = {board.labels[key]: error for key, error in failed.items() if key in declared.plan["phases"]}
    return Outcome(plan.edition.name, plan.edition.notes, failures, blocked, report)
