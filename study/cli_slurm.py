"""What the command line says of SLURM: options of `study run` and `study doctor`, and the verbs that follow a study."""

import signal
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from models.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from study.preparation import Request


class Executor(StrEnum):
    """Where phases run."""

    local = "local"
    slurm = "slurm"


On = Annotated[Executor, typer.Option("--on", help="This machine, or a SLURM cluster.")]
ClusterName = Annotated[
    str | None, typer.Option("--cluster", help="Settings of the cluster in study/clusters/, or the path of a file.")
]


def submit(request: "Request", cluster: str | None, command: str, console: "Console") -> None:
    """Submit one study and say what was submitted."""
    import study
    from study.printing import print_submitted

    submitted = study.submit(request, cluster, command, console)
    print_submitted(submitted, console)
    if submitted.report and submitted.report.problems:
        raise typer.Exit(1)


def submit_all(request: "Request", cluster: str | None, command: str, console: "Console") -> None:
    """Submit every study; one that cannot be submitted does not keep the others from it."""
    import study
    from study.printing import print_submitted

    failed: list[str] = []
    for name, submitted in study.submit_all(request, cluster, command, console):
        if isinstance(submitted, UserError):
            sys.stderr.write(f"{name}: {submitted}\n")
            failed.append(name)
            continue
        print_submitted(submitted, console)
        failed += [name] if submitted.report and submitted.report.problems else []
    if failed:
        sys.stderr.write(f"not submitted, or damaged: {', '.join(failed)}. The same command goes on from there\n")
        raise typer.Exit(1)


def add_verbs(app: typer.Typer, words: "Callable[[], str]", screen: "Callable[[], Console]") -> None:
    """Add the verbs to `app`.

    Args:
        words: gives what was typed.
        screen: gives where to print.
    """
    import study

    @app.command()
    def cancel(name: Annotated[str, typer.Argument(help="A study or edition that was submitted.")]) -> None:
        """Cancel the jobs of a study in SLURM's queue, and those that run. Nothing that was measured is lost.

        Phases that another study in the queue needs go on.

        Example: study cancel token_count_sweep
        """
        jobs, kept = study.cancel(name)
        screen().print(f"{len(jobs)} jobs cancelled")
        for edition, count in kept.items():
            screen().print(f"{count} go on: {edition} waits for them; study cancel {edition}  cancels them too")

    @app.command()
    def retry(
        name: Annotated[str, typer.Argument(help="A study or edition that was submitted.")],
        failed: Annotated[bool, typer.Option("--failed", help="What failed, and what waits for it.")] = False,
    ) -> None:
        """Submit again what failed of a study, as it was submitted last.

        Example: study retry token_count_sweep --failed
        """
        from study.printing import print_submitted

        if not failed:
            raise UserError(f"retry: say what: `study retry {name} --failed`. `study run` submits everything due.")
        for submitted in study.retry(name, words(), screen()):
            print_submitted(submitted, screen())

    @app.command()
    def logs(key: Annotated[str, typer.Argument(help="Key of a phase, or its first digits; or an edition.")]) -> None:
        """Show the traceback of a phase that failed, or the end of what it, or the newest look at an edition, printed.

        Example: study logs 3fa9c1
        """
        found = study.logs(key)
        screen().print(f"{found.key}: {found.state}\n{found.text}")
        for path in found.files:
            screen().print(str(path))


def add_watch(app: typer.Typer, screen: "Callable[[], Console]") -> None:
    """Add the verb `watch` to `app`; `screen` gives where to print."""
    import study

    @app.command()
    def watch(name: Annotated[str | None, typer.Argument(help="A study or edition; default: all.")] = None) -> None:
        """Follow studies, here or on SLURM, until all has ended; Ctrl-C leaves that, and what runs goes on.

        Exit code 0 if all of it is done, 1 if something failed or nobody works on what is left.

        Example: study watch token_count_sweep
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        try:
            is_whole = study.watch(name, screen())
        except KeyboardInterrupt:
            sys.stderr.write("no longer watched; what runs goes on\n")
            return
        if not is_whole:
            raise typer.Exit(1)


def refuse_options(on: Executor, cluster: str | None, *, workers: int | None = None) -> None:
    """Refuse options that say nothing where phases run.

    Raises:
        UserError: there is one.
    """
    if cluster is not None and on is Executor.local:
        raise UserError("--cluster: this is about this machine. Give --on slurm too, or leave it out.")
    if workers is not None and on is Executor.slurm:
        raise UserError("--workers: SLURM decides how many phases run at once. Set array_parallelism of the cluster.")
