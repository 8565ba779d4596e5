"""What `study` can do, as functions: the command line and Python call the same ones.

Each raises `UserError` for what its caller can mend. Modules that import torch are imported inside the verbs that need
them, so that the others answer at once.
"""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from study.layout import store_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars
    from rich.console import Console

    from models.errors import UserError
    from results.attempt import Store
    from results.clean import Item
    from results.edition import Revealed
    from results.ledger import Synced
    from results.soundness import Problem
    from study.benching import Ratio
    from study.campaign import Campaign
    from study.costs import PlanReport
    from study.exporting import Exported
    from study.following import Cancelled, Log
    from study.machine import Finding
    from study.preflight import Size
    from study.preparation import Request
    from study.reporting import Report
    from study.runner import Outcome
    from study.standing import Standing
    from study.submitting import Submitted


@dataclass(frozen=True)
class Listed:
    """A study that can be run, and the edition that was answered last, if any; `ask` says so if its spec is broken."""

    name: str
    ask: str
    edition: str
    answer: str


def list_studies() -> list[Listed]:
    """List the studies in `experiments/`."""
    from experiments.read import names
    from study.standing import newest_answers

    answers = newest_answers(_store())
    return [Listed(name, _question(name), *answers.get(name, ("", ""))) for name in names()]


def new(name: str) -> Path:
    """Write a commented spec `experiments/NAME.yaml`."""
    from study.template import write

    return write(name)


def plan(request: Request, spread: float | None = None) -> PlanReport:
    """Plan a study and say what it costs, by the times of earlier runs, and what it can detect; nothing is changed.

    Args:
        spread: assumed standard deviation of a difference from seed to seed.
    """
    from study.costs import report_plan
    from study.preparation import prepare

    return report_plan(prepare(request), spread=spread)


def plan_timed(request: Request, spread: float | None = None) -> PlanReport:
    """Do as `plan`, but by timing a few steps of every kind of phase."""
    from study.costs import report_plan
    from study.preparation import prepare

    return report_plan(prepare(request), measure=True, spread=spread)


def plan_all(request: Request) -> Campaign:
    """Plan every study as `request` asks for one, whatever its name, and say what they share; nothing is changed."""
    from study.campaign import plan_all as plan_every

    return plan_every(request)


def check(request: Request) -> list[Size]:
    """Build every arm on the meta device and measure it."""
    from study.preflight import sizes
    from study.preparation import prepare

    prepared = prepare(request)
    return sizes(prepared, prepared.ways)


def run(request: Request, command: str = "", console: Console | None = None, workers: int | None = None) -> Outcome:
    """Train what is due of a study on this machine, and answer; shows nothing without a `console`."""
    from rich.console import Console

    from study.runner import run as run_study

    return run_study(request, command, console or Console(quiet=True), workers)


def submit(
    request: Request, cluster: str | None = None, command: str = "", console: Console | None = None
) -> Submitted:
    """Submit what is due of a study to SLURM, with the settings called `cluster`, and return."""
    from rich.console import Console

    from study.submitting import submit as submit_study

    return submit_study(request, cluster, command, _user(), console or Console(quiet=True))


def submit_all(
    request: Request, cluster: str | None = None, command: str = "", console: Console | None = None
) -> Iterator[tuple[str, Submitted | UserError]]:
    """Declare the claims of all studies, then submit what is due of each; give their names and what became of them."""
    from rich.console import Console

    from study.campaign import requests
    from study.submitting import submit_all as submit_every

    return submit_every(requests(request), cluster, command, _user(), console or Console(quiet=True))


def retry(name: str, command: str = "", console: Console | None = None) -> list[Submitted]:
    """Submit again what failed of a study, and what waits for it, as it was submitted last.

    Raises:
        UserError: an edition could not be submitted; the others were.
    """
    from rich.console import Console

    from models.errors import UserError
    from results.state import FAILED
    from study.following import submissions_of
    from study.preparation import Request
    from study.submitting import submit as submit_study

    newest = {one["edition"]: one["asked"] for one in submissions_of(_store(), name)}
    out = console or Console(quiet=True)
    submitted: list[Submitted] = []
    refused: dict[str, UserError] = {}
    for edition, asked in newest.items():
        given = Request(asked["name"], asked["profile"], asked["data"], asked["overrides"], asked["skip_bad"])
        try:
            submitted.append(submit_study(given, asked["cluster"], command, _user(), out, FAILED))
        except UserError as error:
            refused[edition] = error
    if refused:
        again = [f"submitted again: {', '.join(one.edition for one in submitted)}"] if submitted else []
        whole = UserError("\n".join([*(f"{edition}: {error}" for edition, error in refused.items()), *again]))
        whole.exit_code = min(error.exit_code for error in refused.values())
        raise whole
    return submitted


def cancel(name: str) -> Cancelled:
    """Cancel the jobs of a study in SLURM's queue, and those that run, but for those that another study waits for."""
    from study.following import cancel as cancel_jobs

    return cancel_jobs(_store(), name)


def logs(key: str) -> Log:
    """Read the traceback of a phase that failed, or the end of what it printed."""
    from study.following import logs as read_logs

    return read_logs(_store(), key)


def run_all(
    request: Request, command: str = "", console: Console | None = None, workers: int | None = None
) -> Iterator[tuple[str, Outcome | UserError]]:
    """Declare the claims of all studies, then run one after another; give each one's name and how it ended."""
    from rich.console import Console

    from study.campaign import requests
    from study.runner import run_all as run_every

    return run_every(requests(request), command, console or Console(quiet=True), workers)


def status(name: str | None = None) -> list[Standing]:
    """Say where one study, or every study in the store, stands; reads files and writes nothing."""
    from study.standing import standings

    return standings(_store(), name)


def watch(name: str | None = None, console: Console | None = None) -> bool:
    """Show what becomes of one study, or of every one in the store, until it has ended; tell whether it is done."""
    from rich.console import Console

    from study.watch_screen import follow
    from study.watching import Watch

    return follow(Watch(_store(), name), console or Console(quiet=True))


def report(name: str) -> list[Report]:
    """Answer every edition of a study from the store, and write their pages and the index."""
    from study.reporting import report_study

    return report_study(_store(), name)


def export(name: str, to: Path | None = None) -> list[Exported]:
    """Write tables, methods and figures of every edition of a study as files for a paper, into folders in `to`."""
    from study.exporting import export_study

    return export_study(_store(), name, to)


def reveal(name: str, command: str = "") -> Revealed:
    """Open the sealed test splits of an edition, for all its arms; the ledger keeps who and when."""
    from results.edition import reveal as open_splits

    return open_splits(_store(), name, _user(), command)


def sql(query: str) -> polars.DataFrame:
    """Query the database, after bringing it up to date; a query that writes is refused."""
    rows, _ = asked(query)
    return rows


def asked(query: str) -> tuple[polars.DataFrame, tuple[str, ...]]:
    """Do as `sql`, and say also what of the store could not be taken in."""
    from results.ledger import sync as synchronise
    from results.query import query as ask

    store = _store()
    problems = synchronise(store).problems
    return ask(store, query), problems


def sync() -> Synced:
    """Bring the database up to date with the files."""
    from results.ledger import sync as synchronise

    return synchronise(_store())


def verify() -> list[Problem]:
    """Prove the store and name everything that is torn, orphaned or missing."""
    from results.verify import verify as prove
    from study.key import key_of

    return prove(_store(), key_of)


def clean(*, dry_run: bool) -> tuple[list[Item], str]:
    """Free what is no longer needed, or list it; never a result. Say also why submissions to SLURM stay, if they do."""
    from results.clean import clean as free
    from study.executor.ended import ended
    from study.standing import editions

    store = _store()
    plans = editions(store)
    in_use = {name for plan in plans.whole.values() for name in plan["caches"]}
    submissions, why = ended(store)
    return free(store, dry_run=dry_run, caches_in_use=None if plans.damaged else in_use, others=submissions), why


def schema() -> Path:
    """Write the JSON Schema of specs."""
    from study.json_schema import write

    return write()


def bench(profile: str = "full", device: str = "cpu", batch: int = 1, repeats: int = 5) -> Iterator[Ratio]:
    """Measure training and inference of a profile's network beside torchvision's own, one ratio after another.

    Raises:
        UserError: there is no such profile or device, or its clips are none that torchvision's network knows.
    """
    from study.benching import measure, of_profile

    return measure(of_profile(profile, device, batch, repeats))


def doctor() -> list[Finding]:
    """Look at what this machine has of what the project needs."""
    from study.machine import examine

    return examine()


def doctor_slurm(cluster: str | None = None) -> list[Finding]:
    """Ask SLURM whether it would take phases with the settings called `cluster`; submits nothing."""
    from study.executor.inspection import examine

    return examine(cluster)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that no account has
        return f"user {os.getuid()}"


def _question(name: str) -> str:
    from experiments.problem import SpecError
    from experiments.read import find_spec, read_spec

    try:
        return read_spec(find_spec(name)).question.ask
    except SpecError as error:
        return str(error)


def _store() -> Store:
    from results.attempt import Store

    return Store(store_folder())
