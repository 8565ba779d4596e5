"""Predictions of made-up arms on made-up clips, with every kind of spread that real ones have.

Letters: N clips, C classes, A activities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from results.frame import Predictions, Scores


@dataclass(frozen=True)
class Spread:
    """Standard deviations of what adds to a score, where a positive label adds about 1."""

    activity: float = 0.5
    clip: float = 0.5
    seed: float = 0.2
    arm_with_activity: float = 0.4
    arm_with_clip: float = 0.3
    seed_with_activity: float = 0.2
    rest: float = 0.5


def make_predictions(
    generator: np.random.Generator,
    gains: Mapping[str, float] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    activities: Mapping[str, int] | None = None,
    clips: int = 6,
    classes: int = 8,
    spread: Spread = Spread(),
) -> Predictions:
    """Draw new activities, clips, arms and seeds; arms of equal gain have a true difference of 0.

    Args:
        gains: arm -> what it adds to the score of a positive clip; `control` and `arm`, 0 both, by default.
        activities: split -> how many.
        clips: in each activity.
    """
    gains = {"control": 0.0, "arm": 0.0} if gains is None else gains
    activities = {"val_seen": 8, "val_unseen": 7} if activities is None else activities
    names = [(split, f"{split} {number}") for split, count in activities.items() for number in range(count)]
    labels_AC = generator.random((len(names), classes)) < 0.35
    for split, count in activities.items():  # every class occurs in every split
        rows = [row for row, name in enumerate(names) if name[0] == split]
        labels_AC[generator.choice(rows, classes), np.arange(classes)] = True
        assert count == len(rows)
    code_N = np.repeat(np.arange(len(names)), clips)
    shape_AC, shape_NC = labels_AC.shape, (len(code_N), classes)
    normal = generator.normal
    shared_NC = spread.activity * normal(size=shape_AC)[code_N] + spread.clip * normal(size=shape_NC)
    scores: dict[str, dict[int, Scores]] = {}
    for arm, gain in gains.items():
        arm_NC = spread.arm_with_activity * normal(size=shape_AC)[code_N] + spread.arm_with_clip * normal(size=shape_NC)
        for seed in seeds:
            strength = 1 + gain + spread.seed * normal()
            seed_NC = spread.seed_with_activity * normal(size=shape_AC)[code_N] + spread.rest * normal(size=shape_NC)
            scores_NC = strength * labels_AC[code_N] + shared_NC + arm_NC + seed_NC
            scores.setdefault(arm, {})[seed] = scores_NC.astype(np.float32)
    return Predictions(
        tuple(gains),
        np.array([f"clip {number:04}" for number in generator.permutation(len(code_N))]),
        np.array([names[code][0] for code in code_N]),
        np.array([names[code][1] for code in code_N]),
        labels_AC[code_N],
        scores,
    )
