"""The command line: reads words, calls `study`'s verbs, prints, and decides the exit code.

0: done. 1: something failed. 2: the request was wrong. No traceback for a user's mistake; always one for ours.
"""

import os
import shlex
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

import study
from models.errors import UserError
from study import cli_bench, cli_export, cli_slurm, cli_store
from study.cli_slurm import ClusterName, Executor, On

if TYPE_CHECKING:
    from rich.console import Console

    from study.preparation import Request

app = typer.Typer(
    help="Ablations that answer a question: plan, train what is due, record, answer, write the page.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPED = "stopped. Nothing that was measured is lost; the same command goes on from there\n"
INTERRUPTED = 130
"""How typer ends when a KeyboardInterrupt reaches it."""

Name = Annotated[str, typer.Argument(help="A study in experiments/, or the path of a YAML file.")]
NameOrAll = Annotated[str | None, typer.Argument(help="A study in experiments/, or the path of a YAML file.")]
All = Annotated[bool, typer.Option("--all", help="Every study in experiments/, one after another.")]
Stored = Annotated[str, typer.Argument(help="A study, or one edition of it, that was run.")]
Profile = Annotated[str | None, typer.Option("--profile", help="Base settings: smoke, tiny, small, full.")]
Data = Annotated[str | None, typer.Option("--data", help="A reader's name, or the path of a manifest.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Change a setting: --set optim.lr=3e-4. Repeatable.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Go on without clips that cannot be read.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Phases at once; default: one a core.")]
NO_ANSWER = "no answer yet"
UNLIMITED = 1_000_000
"""Columns: a table is as wide as its cells."""


@app.command("list")
def list_() -> None:
    """List the studies, their questions, and the newest answer to each.

    Example: study list
    """
    from study.printing import table

    rows = [(each.name, each.ask, each.answer or NO_ANSWER, each.edition) for each in study.list()]
    console().print(table(("study", "question", "newest answer", "of edition"), rows))


@app.command()
def new(name: Annotated[str, typer.Argument(help="Name of the study: experiments/NAME.yaml.")]) -> None:
    """Write a commented spec to start from.

    Example: study new my_question
    """
    console().print(f"wrote {study.new(name)}; edit it, then: study plan {name}")


@app.command()
def plan(  # noqa: PLR0913, PLR0917 - options of a command
    name: NameOrAll = None,
    all_: All = False,
    profile: Profile = None,
    data: Data = None,
    set_: Set = None,
    skip_bad: SkipBad = False,
    measure: Annotated[bool, typer.Option("--measure", help="Time a few steps of every kind of phase.")] = False,
    spread: Annotated[
        float | None, typer.Option("--spread", min=0.0, help="Assume this spread of a difference from seed to seed.")
    ] = None,
) -> None:
    """Show arms, seeds, phases, epochs with and without sharing, cost, what is done, and what can be detected.

    Changes nothing.

    Exit code 2 if the decoded clips would not fit on the disk.

    Example: study plan token_count_sweep --profile full
    """
    from study.printing import print_campaign, print_plan

    if all_:
        refuse_both(name)
        print_campaign(study.plan_all(request("", profile, data, set_, skip_bad)), console())
        return
    name = refuse_neither(name)
    planned = study.plan_timed if measure else study.plan
    report = planned(request(name, profile, data, set_, skip_bad), spread)
    print_plan(report, console())
    report.refuse_too_large()


@app.command()
def check(name: Name, profile: Profile = None, data: Data = None, set_: Set = None) -> None:
    """Build every arm on the meta device: wrong widths fail here, before any training.

    Example: study check token_count_sweep --profile full
    """
    from study.printing import table

    sizes = study.check(request(name, profile, data, set_))
    rows = [(size.arm, size.parameters, size.parameters_total, size.gflops) for size in sizes]
    console().print(table(("arm", "trained parameters", "parameters", "GFLOPs a clip"), rows))


@app.command()
def run(  # noqa: PLR0913, PLR0917 - options of a command
    name: NameOrAll = None,
    all_: All = False,
    profile: Profile = None,
    data: Data = None,
    set_: Set = None,
    skip_bad: SkipBad = False,
    workers: Workers = None,
    on: On = Executor.local,
    cluster: ClusterName = None,
) -> None:
    """Train what is due, record it, answer the question, and write the page.

    Running it again trains only what is missing. Ctrl-C stops it and loses nothing. With --on slurm the phases are
    submitted and the command returns; `study status` says where they are.

    Example: study run token_count_sweep --data ../shared/data/exercise_clips/manifest.csv
    """
    cli_slurm.refuse_options(on, cluster, workers=workers)
    if all_:
        refuse_both(name)
    asked = request("" if all_ else refuse_neither(name), profile, data, set_, skip_bad)
    if on is Executor.slurm:
        submit = cli_slurm.submit_all if all_ else cli_slurm.submit
        submit(asked, cluster, command(), console())
        return
    from study import runner  # noqa: F401 - long to import, and nothing is to be ended in order before
    from study.printing import print_outcome

    _stop_in_order()
    if all_:
        _run_all(asked, workers)
        return
    outcome = study.run(asked, command(), console(), workers)
    print_outcome(outcome, console())
    if not outcome.is_whole:
        raise typer.Exit(1)


def _run_all(request: "Request", workers: int | None) -> None:
    """Run every study; one that cannot be run does not keep the others from it."""
    from study.printing import print_outcome

    failed: list[str] = []
    for name, ended in study.run_all(request, command(), console(), workers):
        if isinstance(ended, UserError):
            sys.stderr.write(f"{name}: {ended}\n")
            failed.append(name)
            continue
        print_outcome(ended, console())
        failed += [] if ended.is_whole else [name]
    if failed:
        sys.stderr.write(f"not finished: {', '.join(failed)}. The same command goes on from there\n")
        raise typer.Exit(1)


@app.command()
def status(name: Annotated[str | None, typer.Argument(help="A study or edition; default: all.")] = None) -> None:
    """Show what is done, running, due, failed and blocked. Reads files, writes nothing.

    Example: study status token_count_sweep
    """
    from study.printing import print_standing

    standings = study.status(name)
    print_standing(standings, console())
    if any(each.is_damaged for each in standings):
        raise typer.Exit(1)


@app.command()
def report(name: Stored) -> None:
    """Answer again from what is in the store, and write the pages and the index.

    Example: study report token_count_sweep
    """
    from study.printing import print_report

    reports = study.report(name)
    for each in reports:
        print_report(each, console())
    if any(each.problems for each in reports):
        raise typer.Exit(1)


@app.command()
def reveal(name: Annotated[str, typer.Argument(help="One edition that was run.")]) -> None:
    """Open the sealed test splits of a study, for all its arms at once. Logged; cannot be undone.

    Example: study reveal token_count_sweep
    """
    console().print(str(study.reveal(name, command())))


@app.command()
def schema() -> None:
    """Write the JSON Schema of specs, with every setting and variant, for editors to complete them.

    Example: study schema
    """
    console().print(f"wrote {study.schema()}")


@app.command()
def doctor(on: On = Executor.local, cluster: ClusterName = None) -> None:
    """Say what is missing on this machine, or what SLURM says of the settings of a cluster, and what to do.

    Example: study doctor --on slurm --cluster NAME
    """
    from study.printing import table

    cli_slurm.refuse_options(on, cluster)
    findings = study.doctor_slurm(cluster) if on is Executor.slurm else study.doctor()
    rows = [(f.what, "ok" if f.fine else "NO", f.found, "" if f.fine else f.cure) for f in findings]
    console().print(table(("what", "", "found", "what to do"), rows))
    if not all(finding.fine for finding in findings):
        raise typer.Exit(1)


def refuse_both(name: str | None) -> None:
    """Refuse a study's name beside `--all`.

    Raises:
        UserError: there is one.
    """
    if name is not None:
        raise UserError(f"--all: takes every study, but {name!r} was named too. Give one of the two.")


def refuse_neither(name: str | None) -> str:
    """Give the name of a study.

    Raises:
        UserError: there is none, with those that there are.
    """
    if name is None:
        from experiments.read import names

        raise UserError(f"no study was named. There are: {', '.join(names())}. Name one, or give --all.")
    return name


def request(
    name: str, profile: str | None, data: str | None, overrides: list[str] | None, skip_bad: bool = False
) -> "Request":
    """Put the words of the command line together."""
    from study.overrides import parse
    from study.preparation import Request

    return Request(name, profile, data, parse(overrides or []), skip_bad)


def command() -> str:
    """Give what the user typed."""
    return shlex.join(["study", *sys.argv[1:]])


def console() -> "Console":
    """Give the terminal, or a plain stream of lines, of any width, where there is none."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else UNLIMITED
    return Console(soft_wrap=True, highlight=False, markup=False, width=width)


cli_store.add_query(app, console)
cli_store.add_upkeep(app, console)
cli_slurm.add_verbs(app, command, console)
cli_slurm.add_watch(app, console)
cli_export.add_verb(app, console)
cli_bench.add_verb(app, console)


def main() -> None:
    """Run the command line; print a user's mistake as one message and exit with its code.

    SIGTERM and SIGHUP stop a run as Ctrl-C does.
    """
    for number in STOPPING:
        signal.signal(number, _leave)
    try:
        app()
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            sys.stderr.write(STOPPED)
            sys.exit(1)
        raise


def _leave(number: int, frame: FrameType | None) -> None:
    """End at once: whatever is written is written so that a kill loses nothing.

    An exception would do the same more slowly, and not at all while a library is being imported.
    """
    os.write(sys.stderr.fileno(), STOPPED.encode())
    os._exit(1)


def _stop_in_order() -> None:
    """From now on there are workers to be ended: signals raise KeyboardInterrupt."""
    for number in STOPPING:
        signal.signal(number, signal.default_int_handler)
