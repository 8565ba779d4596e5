"""What makes a list of clips unsound, whoever wrote it; each fault is one message that names where."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.clip import SPLITS, Clip, DataError

NAMED = 3  # offending entries named in a message


@dataclass(frozen=True)
class Entry:
    """A clip and the place it was read from: ``"manifest.csv:17"``."""

    where: str
    clip: Clip


def refuse_unsound(source: str, entries: Sequence[Entry]) -> None:
    """Check what every data set must hold to.

    Raises:
        DataError: an unknown split, a clip without muscles, a clip listed twice or in two splits, an unseen activity
            that is trained on, or nothing to train on.
    """
    _refuse_unknown_splits(entries)
    _refuse_unlabelled(entries)
    _refuse_repeats(entries)
    _refuse_leaks(source, entries)
    if not any(entry.clip.split == "train" for entry in entries):
        raise DataError(f"{source}: no clip to train on. There are {len(entries)} clips. Give some the split 'train'.")


def _refuse_unknown_splits(entries: Sequence[Entry]) -> None:
    wrong = [entry for entry in entries if entry.clip.split not in SPLITS]
    if wrong:
        raise DataError(
            f"{some(wrong)}: no such split as {wrong[0].clip.split!r}. There are: {', '.join(SPLITS)}. Use one of them."
        )


def _refuse_unlabelled(entries: Sequence[Entry]) -> None:
    wrong = [entry for entry in entries if not entry.clip.muscles]
    if wrong:
        raise DataError(
            f"{some(wrong)}: no muscle group is given for {wrong[0].clip.name}. "
            f"Every clip needs one or more. Add them, or remove the clip."
        )


def _refuse_repeats(entries: Sequence[Entry]) -> None:
    places: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        places[entry.clip.name].append(entry)
    repeated = [same for same in places.values() if len(same) > 1]
    for same in sorted(repeated, key=lambda same: len({entry.clip.split for entry in same}), reverse=True):
        splits = sorted({entry.clip.split for entry in same}, key=SPLITS.index)
        fault = f"in two splits ({', '.join(splits)})" if len(splits) > 1 else f"listed {len(same)} times"
        raise DataError(
            f"{some(same)}: {same[0].clip.name} is {fault}. A clip belongs to one split, once; "
            f"{len(repeated)} of {len(places)} do not. Remove the others."
        )


def _refuse_leaks(source: str, entries: Sequence[Entry]) -> None:
    trained = {entry.clip.activity for entry in entries if entry.clip.split == "train"}
    leaks = [entry for entry in entries if entry.clip.split.endswith("_unseen") and entry.clip.activity in trained]
    if leaks:
        activities = sorted({entry.clip.activity for entry in leaks})
        raise DataError(
            f"{some(leaks)}: unseen activities that are trained on: {', '.join(activities[:NAMED])}. {source} has "
            f"{len(leaks)} clips of {len(activities)} such activities in val_unseen or test_unseen. "
            f"Move them to val_seen or test_seen, or take these activities out of train."
        )


def some(entries: Sequence[Entry]) -> str:
    """Name the first few places: ``"manifest.csv:17, manifest.csv:21, manifest.csv:22 and 8 more"``."""
    named = ", ".join(entry.where for entry in entries[:NAMED])
    return named if len(entries) <= NAMED else f"{named} and {len(entries) - NAMED} more"
