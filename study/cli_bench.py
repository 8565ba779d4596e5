"""The verb `study bench`: what training and inference cost on this machine, beside torchvision's own network."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console


def add_verb(app: typer.Typer, screen: "Callable[[], Console]") -> None:
    """Add the verb to `app`; `screen` gives where to print."""
    import study

    @app.command()
    def bench(
        profile: Annotated[str, typer.Option("--profile", help="Whose network and clips.")] = "full",
        device: Annotated[str, typer.Option("--device", help="cpu, cuda or cuda:1.")] = "cpu",
        batch: Annotated[int, typer.Option("--batch", min=1, help="Clips in a step.")] = 1,
        repeats: Annotated[int, typer.Option("--repeats", min=1, help="Turns that count; one more comes first.")] = 5,
    ) -> None:
        """Time steps, passes and memory of the paper's network in turns with torchvision's, and print their ratios.

        Have nothing else run meanwhile. Exit code 1 if a ratio is larger than it should be.

        Example: study bench --device cuda --batch 8
        """
        from study.printing import table

        rows, ratios = [], []
        for ratio in study.bench(profile, device, batch, repeats):
            ratios.append(ratio)
            measured = (f"{ratio.ours:.3g} {ratio.unit}", f"{ratio.theirs:.3g} {ratio.unit}", f"{ratio.value:.2f}")
            asked = "" if ratio.required is None else f"{ratio.required:.2f}"
            rows.append((ratio.what, ratio.against, *measured, asked))
        screen().print(table(("what", "against", "ours", "theirs", "ratio", "at most"), rows))
        if not all(ratio.is_met for ratio in ratios):
            raise typer.Exit(1)
