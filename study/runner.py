"""Running a study: plan, declare the claim, train what is due, answer."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from results.answer import Answer
from study import preflight
from study.costs import report_plan
from study.declaration import declare
from study.display import Board, decoding, line, shown
from study.executor import local
from study.preparation import Request, prepare_decoded
from study.reporting import report
from study.worker import Event, Orders


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        failed: label of a phase -> its error.
        blocked: labels of the phases that could not run.
        answer: None if no arm has a result yet.
    """

    edition: str
    notes: tuple[str, ...]
    failed: Mapping[str, str]
    blocked: tuple[str, ...]
    answer: Answer | None
    page: Path | None


def run(request: Request, command: str, console: Console, workers: int | None = None) -> Outcome:
    """Run what is due of a study on this machine, then answer its question.

    Args:
        command: what the user typed, for the provenance.
        workers: phases at once; one a core if None.

    Raises:
        UserError: the request is wrong, or was interrupted; nothing that was measured is lost.
    """
    crew = workers or len(os.sched_getaffinity(0))
    with decoding(console) as progress:
        prepared = prepare_decoded(request, crew, progress)
    plan, store = prepared.plan, prepared.store
    preflight.sizes(plan.edition.arms, len(plan.labels))
    preflight.check_budget(plan, report_plan(prepared, measure=False).left_hours)
    declare(prepared, command)
    done = {key for key, state in plan.states(store).items() if state.name == "done"}
    board = Board(plan, done)
    failures: dict[str, str] = {}

    def tell(event: Event) -> None:
        board.note(event)
        if event.state == "failed":
            failures[board.labels[event.key]] = event.text
        if (text := line(board, event)) and not console.is_terminal:
            console.print(text)

    orders = Orders(store.root, prepared.source, plan.edition.settings.resources, command)
    with shown(board, console):
        schedule = local.run(plan.phases, done, orders, crew, tell)
    pages = report(store, plan.edition.name)
    answer, page = pages[0] if pages else (None, None)
    blocked = tuple(board.labels[key] for key in plan.phases if key in schedule.blocked)
    return Outcome(plan.edition.name, plan.edition.notes, failures, blocked, answer, page)
