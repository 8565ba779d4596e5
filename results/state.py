"""What the files say about a run: done, running, failed, stopped, pruned, absent, damaged. Reads a little only."""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from results.record import last_step

ENDINGS = ("failed", "stopped", "pruned")
LEAST_BYTES = 100
"""A `done.json` that holds less was cut or overwritten; to read every one would take too long."""
WAITING = ("absent", "stopped", "due")
"""States of a phase that is still to be trained; a run that goes on calls the other two `due`."""
OVER = ("done", "pruned")
"""States of a phase that needs nothing more: it has a result, or was given up."""
FAILED = ("failed", "blocked")
"""States of a phase that is not trained unless it is asked for again, `with_blocked`."""


@dataclass(frozen=True)
class State:
    """Where a run stands.

    Attributes:
        name: done, running, failed, stopped, pruned, absent, or damaged: published, but the file that says so is cut.
        attempt: number of the newest attempt, 0 if there is none.
        step: last epoch with a record in that attempt; None if there is none, or if the run is done.
    """

    name: str
    attempt: int = 0
    step: int | None = None


DONE, ABSENT = State("done"), State("absent")


def numbers(folder: Path | str) -> list[int]:
    """List the numbers of the attempts in a run's `folder`, ascending."""
    try:
        with os.scandir(folder) as entries:
            return sorted(int(entry.name) for entry in entries if entry.name.isdecimal())
    except (FileNotFoundError, NotADirectoryError):
        return []


def read(folder: str, live: Callable[[Path], bool]) -> State:
    """Read the state of the run in `folder`; `live` tells whether the claimant of an attempt still works on it.

    It is asked for thousands of runs at once: hence the path as text.
    """
    try:
        size = os.stat(f"{folder}/done.json").st_size
    except (FileNotFoundError, NotADirectoryError):
        pass
    else:
        return DONE if size >= LEAST_BYTES else State("damaged")
    there = numbers(folder)
    return read_attempt(Path(folder, str(there[-1])), live) if there else ABSENT


def read_attempt(folder: Path, live: Callable[[Path], bool]) -> State:
    """Read the state of one attempt that was not published."""
    with os.scandir(folder) as entries:
        names = {entry.name for entry in entries}
    number, step = int(folder.name), last_step(folder / "records.jsonl")
    for ending in ENDINGS:
        if f"{ending}.json" in names:
            return State(ending, number, step)
    return State("running", number, step) if live(folder) else State("stopped", number, step)


def as_seen(states: Mapping[str, State], pruned: Collection[str]) -> dict[str, State]:
    """Give the states as one claim sees them: what another claim pruned was only stopped, and may be gone on with.

    Args:
        pruned: keys that this claim gave up, which it does not train again, whatever became of them since.
    """

    def seen(key: str, state: State) -> State:
        if key in pruned:
            return replace(state, name="pruned")
        return replace(state, name="stopped") if state.name == "pruned" else state

    return {key: seen(key, state) for key, state in states.items()}


def with_blocked(states: Mapping[str, str], parents: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Call those phases ``blocked`` that wait for one that failed, or for one that is blocked itself.

    Args:
        states: name of the state, by key.
        parents: keys of the phases that each one starts from; none for those left out.
    """

    def state_of(key: str) -> str:
        state = states.get(key, "absent")
        is_blocked = state in WAITING and any(state_of(one) in FAILED for one in parents.get(key, ()))
        return "blocked" if is_blocked else state

    return {key: state_of(key) for key in states}
