"""Every trial's mean average precision on a claim's split, and under the draws of its clips.

Letters: M models (an arm with a seed), R resamples.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from results.bootstrap import Resampled, resample
from results.claim import Claim
from results.frame import Predictions
from results.metric.average_precision import is_measured, mean_average_precision

Model = tuple[str, int]
"""An arm with a seed."""


@dataclass(frozen=True)
class SplitPart:
    """One of the splits that are averaged.

    Attributes:
        resampled: None if the claim is not about other activities, or if there is one activity only.
        absent: labels that no clip of the split has.
    """

    split: str
    activities: int
    resampled: Resampled | None
    absent: int = 0

    def only(self, rows: Sequence[int]) -> "SplitPart":
        """Take some of the models."""
        if self.resampled is None:
            return self
        return replace(self, resampled=replace(self.resampled, map_MR=self.resampled.map_MR[rows]))


@dataclass(frozen=True)
class Measured:
    """Points of every model, as the mean of the splits.

    Shapes:
        map_M; `rows` gives each model's index in it
    """

    rows: dict[Model, int]
    map_M: NDArray[np.float64]
    parts: tuple[SplitPart, ...]
    left_out: tuple[Model, ...]
    """Models with scores that are not numbers: they have no row."""

    def seeds(self, arm: str) -> tuple[int, ...]:
        """List the seeds of `arm` that were measured, ascending."""
        return tuple(seed for name, seed in self.rows if name == arm)

    def first(self, seeds: int) -> "Measured":
        """Take the models of the first `seeds` seeds, as if no other had been measured."""
        kept = [(model, row) for model, row in self.rows.items() if model[1] < seeds]
        rows = [row for _, row in kept]
        return Measured(
            {model: place for place, (model, _) in enumerate(kept)},
            self.map_M[rows],
            tuple(part.only(rows) for part in self.parts),
            tuple(model for model in self.left_out if model[1] < seeds),
        )

    @property
    def vanished(self) -> float:
        """Share of the draws in which, in any split, a class had no positive clip; 0 without draws."""
        drawn = [part.resampled.vanished_R for part in self.parts if part.resampled]
        return float(np.logical_or.reduce(drawn).mean()) if drawn else 0.0


def measure(predictions: Predictions, claim: Claim, resamples: int, seed: int) -> Measured:
    """Measure all models on `claim`'s split, and under `resamples` draws of its clips if it is about activities too.

    Raises:
        UserError: the split has no clips, or none with a positive label.
    """
    models = sorted((arm, number) for arm, seeds in predictions.scores.items() for number in seeds)
    clips = _clips(predictions, claim) if models else []
    points = {
        (arm, number): [mean_average_precision(part.scores[arm][number], part.labels_NC) for part in clips]
        for arm, number in models
    }
    usable = [model for model in models if not np.isnan(points[model]).any()]
    _refuse_other_labels(clips, usable)
    parts = []
    for part in clips:
        is_drawn = claim.over == "seeds_and_activities" and len(part.activities) > 1 and usable
        scores = [part.scores[arm][number] for arm, number in usable]
        resampled = resample(part, scores, resamples, seed) if is_drawn else None
        absent = int((~part.labels_NC.any(axis=0)).sum())
        parts.append(SplitPart(str(part.split_N[0]), len(part.activities), resampled, absent))
    return Measured(
        {model: row for row, model in enumerate(usable)},
        np.array([np.mean(points[model]) for model in usable]),
        tuple(parts),
        tuple(model for model in models if model not in usable),
    )


def _refuse_other_labels(clips: Sequence[Predictions], models: Sequence[Model]) -> None:
    """See that all arms measure the same labels with the same seed.

    Raises:
        UserError: they do not.
    """
    for part in clips:
        seen: dict[int, tuple[str, NDArray[np.bool_]]] = {}
        for arm, seed in models:
            own_C = is_measured(part.scores[arm][seed])
            first, first_C = seen.setdefault(seed, (arm, own_C))
            if not np.array_equal(own_C, first_C):
                raise UserError(
                    f"arms {first} and {arm}: they measure other labels with seed {seed} ({first_C.sum()} and "
                    f"{own_C.sum()}), so their means cannot be compared. Set data.labels.measured for all arms."
                )


def _clips(predictions: Predictions, claim: Claim) -> list[Predictions]:
    """Take the clips of each of the claim's splits that the data have."""
    there = np.unique(predictions.split_N).tolist()
    clips = [predictions.of(split) for split in claim.splits if split in there]
    if not clips:
        hint = " Test splits are sealed until `study reveal NAME`." if claim.split.startswith("test") else ""
        raise UserError(
            f"claim.split: no clip is in {claim.split}, so that nothing can be compared. "
            f"There are predictions for: {', '.join(there)}.{hint} Name one of these in the claim."
        )
    for part in clips:
        if not part.labels_NC.any():
            raise UserError(
                f"{part.split_N[0]}: none of its {len(part.clip_N)} clips has a positive label, so that average "
                "precision is not defined. Give the split clips with labels, or name another split in the claim."
            )
    return clips
