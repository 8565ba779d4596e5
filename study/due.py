"""What of a plan is to be submitted: what is due and asked for, each phase with all that it starts from."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from results.state import FAILED, OVER


class Due(NamedTuple):
    """Keys, parents before children.

    Attributes:
        keys: of the phases to be submitted: each of their parents is done, queued, or submitted with them.
        elsewhere: of those that run outside of SLURM, and those that wait for them.
        is_over: every phase is done or pruned, or it failed, or cannot begin, and is not asked for again.
    """

    keys: tuple[str, ...]
    elsewhere: tuple[str, ...]
    is_over: bool


def choose(
    states: Mapping[str, str],
    parents: Mapping[str, Collection[str]],
    queued: Collection[str],
    only: Collection[str] | None = None,
    but: Collection[str] = (),
) -> Due:
    """Choose what to submit of what is neither done, nor pruned, nor running, nor queued.

    Args:
        states: name of the state of every planned phase, ``blocked`` too, by key; parents before children.
        parents: keys of the phases that each one starts from.
        queued: keys that SLURM holds already.
        only: names of states: no phase in another one, unless one of these starts from it.
        but: keys that are not to be submitted, nor what starts from them.
    """
    wanted = _wanted(states, parents, only) - set(but)
    keys: list[str] = []
    elsewhere: list[str] = []
    for key, state in states.items():
        if state in OVER or key in queued:
            continue
        if state == "running" or any(parent in elsewhere for parent in parents[key]):
            elsewhere.append(key)
        elif key in wanted and all(states[one] == "done" or one in queued or one in keys for one in parents[key]):
            keys.append(key)
    is_over = all(
        state in OVER or (state in FAILED and key not in wanted and key not in queued) for key, state in states.items()
    )
    return Due(tuple(keys), tuple(elsewhere), is_over)


def _wanted(
    states: Mapping[str, str], parents: Mapping[str, Collection[str]], only: Collection[str] | None
) -> set[str]:
    """List the phases in one of the states `only`, and all that they start from."""
    wanted: set[str] = set()
    for key in reversed(list(states)):
        if only is None or states[key] in only or key in wanted:
            wanted |= {key, *parents[key]}
    return wanted
