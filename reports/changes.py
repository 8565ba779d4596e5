"""What changed on the index: each build is compared with the one before, whose summaries the index carries.

A build that finds nothing new leaves the list, and so the index, as it was.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict

from reports import words
from reports.headline import Summary

BLOCK = re.compile(r'<script type="application/json" id="last">(.*?)</script>', re.DOTALL)
MOST = 20  # changes that are kept


class Change(TypedDict):
    """What became of one edition: a moment, its name, and what changed in words."""

    at: str
    edition: str
    what: str


class Last(TypedDict):
    """What an index carries for the next build: what it showed of each edition, and the newest changes."""

    shown: dict[str, dict[str, Any]]
    changes: list[Change]


def read_last(path: Path) -> Last:
    """Read what the index at `path` showed; nothing if it is not there, or of another version."""
    try:
        found = BLOCK.search(path.read_text(encoding="utf-8", errors="replace"))
        last = json.loads(found[1]) if found else {}
        return Last(shown=dict(last["shown"]), changes=list(last["changes"]))
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError, ValueError):
        return Last(shown={}, changes=[])


def follow(last: Last, now: Sequence[Summary], at: str) -> Last:
    """Add what is other than at the last build, at the moment `at`, in front of what changed before."""
    shown = {summary.edition: _shown(summary) for summary in now}
    changed = [
        Change(at=at, edition=edition, what=what)
        for edition in dict.fromkeys([*shown, *last["shown"]])
        if (what := _differs(last["shown"].get(edition), shown.get(edition)))
    ]
    return Last(shown=shown, changes=[*changed, *last["changes"]][:MOST])


def _shown(summary: Summary) -> dict[str, Any]:
    names = ("verdict", "difference", "sign", "seeds", "trials", "trials_planned", "claim")
    whole = asdict(summary)
    return {name: whole[name] for name in names}


def _differs(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    """Say what is other than before; empty if nothing is."""
    if (before is None and now is None) or before == now:
        return ""
    if now is None:
        return "page removed"
    if before is None:
        return f"new: {now['verdict']}, {words.count(now['seeds'], 'seed')}"
    told = []
    if before["claim"] and before["claim"] != now["claim"]:  # pages of earlier versions do not tell theirs
        told.append("another claim")
    if before["verdict"] != now["verdict"]:
        told.append(f"{before['verdict']} → {now['verdict']}")
    if before["seeds"] != now["seeds"]:
        told.append(f"{before['seeds']} → {words.count(now['seeds'], 'seed')}")
    ends = [words.signed(each["difference"]) for each in (before, now)]
    if ends[0] != ends[1]:
        told.append(f"difference {ends[0]} → {ends[1]}{now['sign']}")
    if (before["trials"], before["trials_planned"]) != (now["trials"], now["trials_planned"]):
        told.append(f"{before['trials']} → {now['trials']} of {words.count(now['trials_planned'], 'trial')} done")
    return ", ".join(told)
