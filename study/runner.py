"""Running a study: plan, declare the claim, train what is due, answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console

from study import preflight, provenance
from study.declaration import declare, refuse_other_clips
from study.display import Board, Lines, decoding, shown
from study.executor import local
from study.preparation import Request, decode, prepare_store
from study.reporting import Report, report_edition
from study.settings import workers_of
from study.worker import Event, Orders


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
        """Tell whether nothing failed and nothing is damaged."""
        return not (self.failed or self.report.problems)


def run(request: Request, command: str, console: Console, workers: int | None = None) -> Outcome:
    """Run what is due of a study on this machine, then answer its question.

    Args:
        command: what the user typed, for the provenance.
        workers: phases at once; what the settings say if None.

    Raises:
        UserError: the request is wrong, or was interrupted; nothing that was measured is lost.
    """
    prepared = prepare_store(request)
    preflight.check(prepared)
    refuse_other_clips(prepared)
    resources = prepared.plan.edition.settings.resources
    preflight.check_device(resources)
    crew = workers or workers_of(resources)
    with decoding(console) as progress:
        prepared = decode(prepared, crew, progress, skip_bad=request.skip_bad)
    plan, store = prepared.plan, prepared.store
    declared = declare(prepared, command)
    done = {key for key, state in plan.states(store).items() if state.name == "done"}
    board = Board(declared, done, crew)
    lines = Lines(board)
    failures: dict[str, str] = {}

    def tell(event: Event) -> None:
        board.note(event)
        if event.state == "failed":
            failures[board.labels[event.key]] = event.text
        if not console.is_terminal and (text := lines.line(event)):
            console.print(text)

    orders = Orders(store.root, prepared.sources, resources, provenance.code(), command, prepared.weights)
    with shown(board, console):
        schedule = local.run(plan.phases, done, orders, crew, tell)
    report = report_edition(store, plan.edition.name)
    blocked = tuple(board.labels[key] for key in plan.phases if key in schedule.blocked)
    return Outcome(plan.edition.name, plan.edition.notes, failures, blocked, report)
