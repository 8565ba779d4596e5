"""What the command line says of SLURM: options of `study run` and `study doctor`, and how they are refused."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from models.errors import UserError

if TYPE_CHECKING:
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


def refuse_options(on: Executor, cluster: str | None, *, all_: bool = False, workers: int | None = None) -> None:
    """Refuse options that say nothing where phases run.

    Raises:
        UserError: there is one.
    """
    if cluster is not None and on is Executor.local:
        raise UserError("--cluster: this is about this machine. Give --on slurm too, or leave it out.")
    if workers is not None and on is Executor.slurm:
        raise UserError("--workers: SLURM decides how many phases run at once. Set array_parallelism of the cluster.")
    if all_ and on is Executor.slurm:
        raise UserError("--all: --on slurm takes one study at a time. Name it.")
