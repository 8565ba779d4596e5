"""What verbs found out, in words and tables for a terminal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from reports.words import duration, size

if TYPE_CHECKING:
    import polars
    from rich.console import Console, JustifyMethod

    from results.claim import Claim
    from results.spread import Detectable
    from study.campaign import Campaign
    from study.costs import PlanReport
    from study.planner import Plan
    from study.reporting import Report
    from study.runner import Outcome
    from study.standing import Standing
    from study.submitting import Submitted

WIDEST = 1_000_000
STATES = ("done", "pruned", "running", "due", "failed", "blocked", "damaged")
QUEUED_STATES = (*STATES[:3], "queued", *STATES[3:])
"""Where SLURM may hold something."""


UNANSWERED = (
    "all trainings are done, and not answered: whoever does that is at it, or failed. `study run` again, as it was "
    "run, answers; `study logs EDITION` shows what SLURM's job for it printed"
)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Draw rows; numbers stand to the right."""
    cells = [list(row) for row in rows]
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = bool(cells) and all(isinstance(row[index], int | float | None) for row in cells)
        justify: JustifyMethod = "right" if numeric else "left"
        drawn.add_column(column, justify=justify, overflow="fold")
    for row in cells:
        drawn.add_row(*(_cell(value) for value in row))
    return drawn


def print_rows(rows: polars.DataFrame, console: Console) -> None:
    """Print a query's rows as a table, or one field a line where the terminal is too narrow for a table."""
    drawn = table(rows.columns, rows.rows())
    if console.measure(drawn, options=console.options.update(width=WIDEST)).maximum <= console.width:
        console.print(drawn)
        return
    longest = max(map(len, rows.columns))
    for number, row in enumerate(rows.iter_rows(), start=1):
        console.print(f"row {number} of {len(rows)}")
        for name, value in zip(rows.columns, row, strict=True):
            console.print(f"  {name:{longest}}  {_cell(value)}")


def as_csv(rows: polars.DataFrame) -> str:
    """Write rows as CSV; a list becomes its JSON, which CSV has no form for."""
    import polars

    nested = [name for name, kind in rows.schema.items() if isinstance(kind, polars.List | polars.Array)]
    texts = [polars.Series(name, [json.dumps(value) for value in rows[name].to_list()]) for name in nested]
    return rows.with_columns(texts).write_csv()


def print_plan(report: PlanReport, console: Console) -> None:
    """Print arms, phases and costs of a plan."""
    plan = report.plan
    edition = plan.edition
    console.print(f"{edition.name}: {edition.spec.question.ask}")
    for note in edition.notes:
        console.print(f"note: {note}")
    if edition.claim.is_sealed:
        console.print(f"note: the claim is about {edition.claim.split}: answered after study reveal {edition.name}")
    if edition.search is None:
        arms = ((arm.name, "control" if arm.is_control else "") for arm in edition.arms)
        console.print(table(("arm", ""), arms))
    console.print(_seeds(plan))
    rows = []
    for kind, states in report.states.items():
        epochs = sum(phase.epochs for phase in plan.phases.values() if phase.kind == kind)
        rows.append((kind, states.total(), states["done"], states.total() - states["done"], epochs))
    console.print(table(("phase", "in all", "done", "left", "epochs"), rows))
    if plan.epochs:
        saved = 1 - plan.epochs / plan.epochs_unshared
        console.print(f"epochs: {plan.epochs} with sharing, {plan.epochs_unshared} without ({saved:.0%} saved)")
    else:
        console.print("epochs: none; every phase measures, alone on the machine")
    console.print(_hours(report))
    if report.first_look:
        console.print(_first(report.first_look, plan))
    if report.tuned:
        console.print(report.tuned)
    console.print(_detectable(plan.edition.claim, report.detectable))
    console.print(f"disk: {size(report.cache_bytes)} of decoded clips, {size(report.free_bytes)} free")


def print_campaign(campaign: Campaign, console: Console) -> None:
    """Print what each study costs alone, and what all cost together."""
    rows = []
    for plan in campaign.plans:
        counts = (len(plan.edition.arms), len(plan.trials), len(plan.phases))
        rows.append((plan.edition.name, *counts, plan.epochs, plan.epochs_unshared))
    console.print(table(("edition", "arms", "trials", "phases", "epochs", "epochs without sharing"), rows))
    loner = campaign.least_sharing
    others = campaign.without(loner)
    console.print(
        f"all together: {len(campaign.phases)} phases, {campaign.epochs} epochs with sharing, "
        f"{campaign.epochs_unshared} with every trial alone ({campaign.share:.0%}), and {campaign.baseline_epochs} of "
        f"baselines\nwithout {loner}, which shares least: {others.epochs} of {others.epochs_unshared} epochs "
        f"({others.share:.0%})"
    )


def print_outcome(outcome: Outcome, console: Console) -> None:
    """Print how a run ended: what failed first, the answer last."""
    for note in outcome.notes:
        console.print(f"note: {note}")
    for label, error in outcome.failed.items():
        console.print(f"failed: {label}: {error}")
    for label in outcome.blocked:
        console.print(f"blocked: {label}: a phase it starts from failed")
    if outcome.failed:
        console.print(f"study status {outcome.edition}  names the logs; run the same command again to retry")
    print_report(outcome.report, console, outcome.notes)


def print_submitted(submitted: Submitted, console: Console) -> None:
    """Print what was submitted to SLURM and how to follow it, or the answer if nothing was left to run."""
    for note in submitted.notes:
        console.print(f"note: {note}")
    for label in submitted.elsewhere:
        console.print(
            f"not submitted: {label}: another run holds it, or one that died less than two minutes ago; run again later"
        )
    for array in submitted.submission["arrays"] if submitted.submission else []:
        what = f"{len(array['keys'])} phases" if array["keys"] else "the look at all of them"
        console.print(f"job {array['job']}: {what}")
    console.print(f"{submitted.phases} phases submitted, {submitted.queued} in the queue before, {submitted.done} done")
    if submitted.report:
        print_report(submitted.report, console, submitted.notes)
        return
    if submitted.folder:
        console.print(str(submitted.folder))
    console.print(f"study status {submitted.edition}  says where they are")


def print_report(report: Report, console: Console, told: Collection[str] = ()) -> None:
    """Print an answer and its page, after what is missing from them and what must be known besides.

    Args:
        told: notes that were printed already.
    """
    for problem in report.problems:
        console.print(f"damaged: {problem}")
    for note in (*report.cautions, report.answer.note):
        if note and note not in told:
            console.print(f"note: {note}")
    for done in (report.tuned, report.pruned):
        if done:
            console.print(done)
    console.print(report.answer.sentence)
    console.print(str(report.page))


def columns(counts: Iterable[Counter[str]], states: Sequence[str]) -> list[str]:
    """Give the states that a table has columns for: `pruned` only where something was."""
    some = any(count["pruned"] for count in counts)
    return [state for state in states if some or state != "pruned"]


def print_standing(standings: Sequence[Standing], console: Console) -> None:
    """Print where editions stand."""
    if not standings:
        console.print("the store holds no study yet: study run token_count_sweep")
        return
    on_slurm = any(each.states["queued"] for each in standings)
    states = columns([each.states for each in standings], QUEUED_STATES if on_slurm else STATES)
    rows = [(each.edition, *(each.states[state] for state in states)) for each in standings]
    console.print(table(("edition", *states), rows))
    for line in (line for each in standings for line in _words(each)):
        console.print(line)


def _words(each: Standing) -> Iterator[str]:
    """Say of an edition what its counts do not."""
    if each.damage:
        yield f"damaged: {each.damage}"
    if each.states["damaged"]:
        yield f"damaged: {each.edition}: results that cannot be read; `study verify` names the files"
    if each.unknown:
        yield f"{each.edition}: what is in the queue counts as due: {each.unknown}"
    yield from (f"queued: {count} of {each.edition}: {state}" for state, count in each.queued.items())
    yield from (f"{each.edition}: {done}" for done in (each.tuned, each.pruned) if done)
    if each.answer:
        yield f"{each.edition}: {each.answer}"
    if each.is_unanswered:
        yield f"{each.edition}: {UNANSWERED}"
    for label, (epoch, epochs) in each.running.items():
        yield f"running: {label}: {f'epoch {epoch} of {epochs}' if epochs else 'measures'}"
    yield from (f"failed: {label}: {error}\n  {folder}" for label, (error, folder) in each.failed.items())


def _seeds(plan: Plan) -> str:
    """Tell which seeds there are, or how many at each look, and how many trials that makes at most."""
    looks, trials = plan.edition.claim.looks, len(plan.trials)
    if looks:
        then = f"{looks[0]}, then of what is undecided {', '.join(map(str, looks[1:]))}" if looks[1:] else looks[0]
        return f"seeds: until decided: {then}; trials: at most {trials}, and so is what follows"
    return f"seeds: {', '.join(map(str, plan.edition.seeds))}; trials: {trials}"


def _first(first: PlanReport, whole: Plan) -> str:
    """Tell what is trained before results decide what follows: the tuning, the control of a search, the first look."""
    plan, tuning = first.plan, first.plan.edition.tuning
    phases, hours = f"{len(plan.phases)} phases, {plan.epochs} epochs", _hours(first)
    if tuning is not None and not plan.trials:
        names = " and ".join(f"{name} ({len(levels)} levels)" for name, levels in tuning.levels.items())
        seeds = ", ".join(map(str, tuning.seeds))
        share = f"{plan.epochs / whole.epochs:.0%} of all"
        what = f"tuning, before the comparison: {names} for each arm, seeds {seeds}"
        return f"{what}: {len(plan.tuning)} trials, {phases} ({share}); {hours}"
    what = "before the search" if plan.edition.search else "first look"
    return f"{what}: {len(plan.trials)} trials, {phases}; {hours}"


def _detectable(claim: Claim, found: Detectable) -> str:
    """Tell what the planned seeds can detect, and by which spread."""
    from results.power import POWER  # which imports numpy

    spread = found.spread
    clips = f", {spread.se_clips:.2g} of activities and clips" if spread.clips else ""
    unknown = "" if spread.clips or claim.over == "seeds" else "; what activities and clips add is not known yet"
    is_equivalence = claim.direction == "equivalent"
    what = "smallest margin in which equal arms are found" if is_equivalence else "smallest detectable difference"
    told = [
        f"{amount:.2g} with {seeds} seeds" if amount is not None else "none, for one seed gives no interval"
        for seeds, amount in found.by_seeds.items()
    ]
    return (
        f"{what} ({POWER:.0%} power, {claim.facts.unit}): {', '.join(told)}\n"
        f"spread ({spread.source}): {spread.seed:.2g} from seed to seed{clips}{unknown}"
    )


def _hours(report: PlanReport) -> str:
    if report.left_hours is None or report.wall_hours is None:
        return "time left: unknown, nothing like it was run here yet; --measure times a few steps"
    left, wall = duration(report.left_hours * 3600), duration(report.wall_hours * 3600)
    return f"time left: {left} of one worker, {wall} on this machine"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
