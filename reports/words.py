"""Numbers, dates and claims as a reader meets them: points with one decimal, a typographic minus, plain sentences."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from results import wording
from results.claim import Claim

MISSING = "–"


def points(value: float | None) -> str:
    """Write a score in points: ``41.3``."""
    return MISSING if _absent(value) else _minus(f"{value:.1f}")


def signed(value: float | None) -> str:
    """Write a difference in points: ``+2.4``, ``−0.6``, ``0.0``."""
    if value is None or _absent(value):
        return MISSING
    return "0.0" if abs(value) < 0.05 else _minus(f"{value:+.1f}")


def interval(low: float | None, high: float | None) -> str:
    """Write an interval of differences: ``+0.3 to +4.5``."""
    if low is None or high is None or _absent(low) or _absent(high):
        return "no interval"
    return f"{signed(low)} to {signed(high)}"


def significant(value: float | None, digits: int = 3) -> str:
    """Write a number with as many digits that count: ``4.12``, ``41.2``, ``4,120``."""
    if value is None or _absent(value):
        return MISSING
    places = digits - 1 - math.floor(math.log10(abs(value))) if value else 0
    return _minus(f"{round(value, places):,.{max(places, 0)}f}")


def probability(value: float | None) -> str:
    """Write a p value: ``0.012``, ``< 0.001``."""
    if value is None or _absent(value):
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def share(value: float | None) -> str:
    """Write a number between -1 and 1: ``0.42``, ``−0.07``."""
    return MISSING if _absent(value) else _minus(f"{value:.2f}")


def duration(seconds: float | None) -> str:
    """Write a time in the two units that matter: ``48 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds is None or _absent(seconds):
        return MISSING
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def count(number: float | None, one: str = "", many: str = "") -> str:
    """Write a number with its noun: ``1 seed``, ``3 seeds``, ``12,400``."""
    if number is None or _absent(number):
        return MISSING
    noun = one if number == 1 else (many or f"{one}s")
    return f"{number:,.0f} {noun}".strip() if one else f"{number:,.0f}"


def size(bytes_: float | None) -> str:
    """Write a size in bytes: ``2.3 GB``, ``812 MB``, ``3.2 MB``, ``14 kB``."""
    if bytes_ is None or _absent(bytes_):
        return MISSING
    if bytes_ >= 999.5e6:
        return f"{bytes_ / 1e9:,.1f} GB"
    if bytes_ >= 999.5e3:
        return f"{bytes_ / 1e6:.0f} MB" if bytes_ >= 9.95e6 else f"{bytes_ / 1e6:.1f} MB"
    return f"{bytes_ / 1e3:.0f} kB"


def day(at: str | datetime | None) -> str:
    """Write a moment to the minute: ``2026-11-22 21:08 UTC``; what is no date is shown as it is."""
    if at is None:
        return MISSING
    try:
        moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    except ValueError:
        return str(at)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def listing(names: Sequence[Any], limit: int = 8) -> str:
    """Write names as a list in a sentence, and how many more there are."""
    shown = [str(name) for name in names[:limit]]
    if len(names) > limit:
        return f"{', '.join(shown)} and {len(names) - limit} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def setting(value: Any) -> str:
    """Write a setting's value as YAML would: ``true``, ``null``, ``0.0003``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def claim(stated: Mapping[str, Any]) -> str:
    """Say a claim in one sentence: what would be said, on what, and with which error rate."""
    which = {"any": "At least one arm is", "all": "Every arm is"}.get(stated["which"], f"{stated['which']} is")
    made = Claim.model_validate(stated)
    if made.is_about_cost:
        return _claim_of_cost(which, made)
    margin = points(stated["smallest"])
    amount = f"to within {margin} points" if stated["direction"] == "equivalent" else f"by more than {margin} points"
    over = "seeds and activities" if stated["over"] == "seeds_and_activities" else "seeds, for this set of clips"
    return (
        f"{which} {wording.relation(made)} {amount} of {metric(stated['metric'])} on {split(stated['split'])} "
        f"(error rate {100 * stated['alpha']:g}\N{NO-BREAK SPACE}%, over {over}{_looks(made)})."
    )


def _claim_of_cost(which: str, made: Claim) -> str:
    facts = made.facts
    relation = {"better": f"{facts.better} than", "worse": f"{facts.worse} than"}.get(made.direction)
    how = "to within" if relation is None else "by more than"
    return (
        f"{which} {relation or 'equivalent to'} {made.control} {how} {facts.amount(made.smallest)} "
        f"at inference (error rate {100 * made.alpha:g}\N{NO-BREAK SPACE}%, "
        f"over seeds, each another measurement{_looks(made)})."
    )


def _looks(claim: Claim) -> str:
    return f", split evenly over looks at {listing(claim.looks)} seeds" if claim.looks else ""


def compared_with(claim: Mapping[str, Any]) -> str:
    """Say what the arms of a claim are compared with."""
    return wording.compared_with(Claim.model_validate(claim)).removesuffix(",")


def metric(name: str) -> str:
    """Name a metric: ``map`` is ``mAP``."""
    return {"map": "mAP"}.get(name, name.replace("ap.", "average precision of ", 1))


def muscle(label: str) -> str:
    """Name a muscle group: ``lower_back`` is ``lower back``."""
    return label.replace("_", " ")


def split(name: str) -> str:
    """Name a split: ``val_unseen`` is ``unseen activities (validation)``."""
    if name == "val":
        return "seen and unseen activities (validation)"
    if name == "test":
        return "seen and unseen activities (test)"
    stage, _, activities = name.partition("_")
    long = {"val": "validation", "test": "test"}.get(stage, stage)
    return f"{activities} activities ({long})" if activities else long


def _absent(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
