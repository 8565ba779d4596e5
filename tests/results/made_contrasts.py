"""Contrasts as if measured: a difference with an interval, from three paired seeds."""

import math
from typing import Any

from results.contrast import ClipPart, Contrast


def make_contrast(arm: str, difference: float, half: float, **changes: Any) -> Contrast:
    """Make the contrast of `arm` with an interval of `difference` +- `half` points."""
    named: dict[str, Any] = {
        "arm": arm,
        "control": "control",
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
        "p": 0.5,
        "p_adjusted": 1.0,
        "alpha": 0.05,
        "seeds": (0, 1, 2),
        "control_seeds": (0, 1, 2),
        "df": 2.0,
        "se_seed": half / 4.302652729911275,
        "se_clips": 0.0,
        "clips": (ClipPart("val_seen", 12, 0.0), ClipPart("val_unseen", 7, 0.0)),
        "vanished": 0.0,
        "is_claimed": True,
        "is_paired": True,
        "left_out": (),
    }
    return Contrast(**named | changes)


def without_results(arm: str) -> Contrast:
    """Make the contrast of an arm that has no results, of a control that has three seeds."""
    nothing = dict.fromkeys(("low", "high", "df", "se_seed", "se_clips"), math.nan)
    return make_contrast(arm, math.nan, math.nan, **nothing, p=1.0, seeds=())
