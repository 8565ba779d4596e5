"""What `study watch` shows: a live table on a terminal; elsewhere where studies stand, and a line for each change.

Whoever watches changes nothing: it may be left at any time.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from reports.words import duration
from study.display import draw_running
from study.executor.submission import Array
from study.printing import QUEUED_STATES, UNANSWERED, columns, table
from study.watching import Watch, Watched

LOOK_S = 2.0
MOST_ROWS = 12
"""Of running phases, arrays and failures each; the rest is counted."""


def follow(watch: Watch, console: Console) -> bool:
    """Show what becomes of the studies until nothing more is to be expected; tell whether all of it is done.

    Raises:
        UserError: the store holds no such study.
    """
    watch.look()
    if console.is_terminal:
        with Live(draw(watch), console=console, auto_refresh=False) as live:
            while not watch.has_ended:
                time.sleep(LOOK_S)
                watch.look()
                live.update(draw(watch), refresh=True)
    else:
        _tell(watch, console)
        while not watch.has_ended:
            time.sleep(LOOK_S)
            for line in watch.look():
                console.print(line)
        _tell(watch, console)
    for text in _ending(watch):
        console.print(text)
    return watch.is_whole


def draw(watch: Watch) -> Group:
    """Draw all that is known: editions, arrays in the queue, running phases, failures."""
    shown = watch.watched
    states = columns([one.counts for one in shown.values()], QUEUED_STATES)
    rows = [(name, *(one.counts[state] for state in states), *_costs(one)) for name, one in shown.items()]
    parts: list[RenderableType] = [table(("edition", *states, "left", "spent"), rows)]
    if len(shown) > 1:
        parts.append(Text(f"spent by all, shared phases counted once: {watch.spent}"))
    if arrays := list(_arrays(watch)):
        rows_of_arrays = _array_rows(watch, arrays[:MOST_ROWS])
        parts.append(table(("job", "phases", "done", "running", "queued", ""), rows_of_arrays))
        parts += _more(len(arrays), "arrays")
    running = {key: (one.board.labels[key], seen) for one in shown.values() for key, seen in one.board.latest.items()}
    if running:
        parts.append(draw_running(list(running.values())[:MOST_ROWS]))
        parts += _more(len(running), "running phases")
    return Group(*parts, *map(Text, _troubles(watch)))


def _arrays(watch: Watch) -> Iterator[Array]:
    """Go through the arrays that SLURM holds phases of."""
    held = {job.row.name for job in watch.jobs if job.key}
    return (array for one in watch.submissions for array in one["arrays"] if array["name"] in held)


def _array_rows(watch: Watch, arrays: Sequence[Array]) -> Iterator[tuple[str, int, int, int, int, str]]:
    """Describe arrays: number, phases by state, and why they wait, SLURM's most frequent reason."""
    states = {key: name for one in watch.watched.values() for key, name in one.names.items()}
    reasons: dict[str, Counter[str]] = {array["name"]: Counter() for array in arrays}
    for row in (job.row for job in watch.jobs if job.row.state == "PENDING" and job.row.name in reasons):
        reasons[row.name][row.reason] += 1
    for array in arrays:
        counts = Counter(states.get(key) for key in array["keys"])
        sizes = (len(array["keys"]), counts["done"], counts["running"], counts["queued"])
        frequent = reasons[array["name"]].most_common(1)
        yield (array["job"] or array["name"], *sizes, frequent[0][0] if frequent else "")


def _more(count: int, what: str) -> list[Text]:
    return [Text(f"and {count - MOST_ROWS} more {what}")] if count > MOST_ROWS else []


def _costs(one: Watched) -> tuple[str, str]:
    left_s = one.board.left_s()
    return (f"about {duration(left_s)}" if left_s else "", str(one.spent))


def _troubles(watch: Watch) -> Iterator[str]:
    failures = [each for one in watch.watched.values() for each in one.failures.items()]
    yield from (f"failed: {label}: {text}" for label, text in failures[:MOST_ROWS])
    yield from map(str, _more(len(failures), "failed phases"))
    yield from (f"damaged: {text}" for text in watch.damaged.values())
    if watch.queue.unknown:
        yield f"what is in the queue is not known: {watch.queue.unknown}"


def _tell(watch: Watch, console: Console) -> None:
    """Say in a line an edition where it stands."""
    for name, one in watch.watched.items():
        counts = ", ".join(f"{one.counts[state]} {state}" for state in QUEUED_STATES if one.counts[state])
        left, spent = _costs(one)
        console.print("; ".join(filter(None, [f"{name}: {counts}", left and f"{left} left", f"spent {spent}"])))
    for text in _troubles(watch):
        console.print(text)


def _ending(watch: Watch) -> Iterator[str]:
    """Say of editions that are not done what to do."""
    if not watch.watched and not watch.damaged:
        yield "the store holds no study yet: study run token_count_sweep"
    for name, one in watch.watched.items():
        if not one.is_over:
            yield f"{name}: nobody works on what is left: `study run` again, as it was run, goes on from there"
        elif one.is_whole and not one.is_answered:
            yield f"{name}: {UNANSWERED}"
        elif not one.is_whole:
            yield f"study status {name}  names the logs of what failed"
