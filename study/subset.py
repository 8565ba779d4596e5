"""What a trial learns from of its data set: which muscle groups, how many wrong labels, which training clips.

All of it is drawn anew for each seed, the same for all arms, and a smaller draw is part of a larger one: levels of a
study are nested, and none depends on a single lucky draw.

Letters: N clips, C classes that are learned.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from experiments.clip import Clip, DataSet
from models.errors import UserError
from models.settings import Frozen
from study.seeding import derive

Item = TypeVar("Item")
Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]
SHOWN = ("train", "val_seen", "val_unseen")


class LabelSettings(Frozen):
    """Which muscle groups are learned and measured, and how many of the training labels are wrong."""

    noise: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Share of the training labels that is turned over; no other split's."""
    trained: Positive | None = None
    """Muscle groups that are learned, drawn from those of the data; all of them, if null."""
    measured: Positive | None = None
    """Muscle groups, the first drawn of the learned ones, whose average precisions are averaged; all, if null."""

    @model_validator(mode="after")
    def _measured_are_learned(self) -> Self:
        if self.trained is not None and self.measured is not None and self.measured > self.trained:
            raise ValueError(
                f"measured must be at most trained, which is {self.trained}, but got {self.measured}: "
                "a muscle group that is not learned cannot be measured."
            )
        return self

    def learned(self, there: int) -> int:
        """Count the muscle groups that are learned, of those that are there."""
        return there if self.trained is None else self.trained


class TrainSettings(Frozen):
    """Which of the training clips are trained on; the other splits stay as they are."""

    activities: Share = 1.0
    """Share of the activities; at least one."""
    clips: Share = 1.0
    """Share of the clips of each of them; at least one."""

    @property
    def share(self) -> float:
        """Share of the training clips, about."""
        return self.activities * self.clips


@dataclass(frozen=True)
class Subset:
    """What one trial sees of its data set.

    Attributes:
        learned: positions of the learned muscle groups among the data set's, ascending.
        measured: those of them whose average precisions are averaged.
        train: positions of the training clips among the data set's.
        labels_NC: 1 where a learned muscle group works, as training sees it, else 0.
    """

    learned: tuple[int, ...]
    measured: tuple[int, ...]
    train: tuple[int, ...]
    labels_NC: NDArray[np.float32]

    @property
    def columns(self) -> list[int]:
        """Places of the measured muscle groups among the learned ones."""
        return [self.learned.index(label) for label in self.measured]


def draw(dataset: DataSet, labels: LabelSettings, train: TrainSettings, seed: int) -> Subset:
    """Draw what the trials of one seed see.

    Args:
        seed: of the trial: all its phases, and all arms, see the same.

    Raises:
        UserError: more muscle groups shall be learned than there are.
    """
    refuse_too_many(labels, dataset)
    order = _label_order(dataset, seed)
    learned = sorted(order[: labels.learned(len(order))])
    measured = order[: labels.measured] if labels.measured else learned
    return Subset(
        tuple(learned),
        tuple(sorted(measured)),
        _kept(dataset.clips, train, seed),
        _labels(dataset, labels.noise, seed)[:, learned],
    )


def refuse_too_many(labels: LabelSettings, dataset: DataSet) -> None:
    """Refuse to learn or measure more muscle groups than a data set has.

    Raises:
        UserError: they are more.
    """
    there = len(dataset.labels)
    for name, asked in (("trained", labels.trained), ("measured", labels.measured)):
        if asked is not None and asked > there:
            raise UserError(
                f"data.labels.{name}: is {asked}, but {dataset.name} has {there} muscle groups. Take at most {there}."
            )


def _label_order(dataset: DataSet, seed: int) -> list[int]:
    """Shuffle the muscle groups; those that occur in all shown splits come before the others."""
    occurs: dict[str, set[int]] = {}
    for clip in dataset.clips:
        if clip.split in SHOWN:
            occurs.setdefault(clip.split, set()).update(clip.muscles)
    everywhere = set.intersection(*occurs.values())
    shuffled = _shuffled(range(len(dataset.labels)), derive(seed, "labels"))
    return sorted(shuffled, key=lambda label: label not in everywhere)


def _kept(clips: Sequence[Clip], train: TrainSettings, seed: int) -> tuple[int, ...]:
    """Choose activities, then clips of each; every clip if nothing is left out."""
    of_activity: dict[str, list[int]] = defaultdict(list)
    for position, clip in sorted(enumerate(clips), key=lambda placed: placed[1].name):
        if clip.split == "train":
            of_activity[clip.activity].append(position)
    activities = _first(_shuffled(sorted(of_activity), derive(seed, "activities")), train.activities)
    chosen = [
        _first(_shuffled(of_activity[activity], derive(seed, "clips", activity)), train.clips)
        for activity in activities
    ]
    return tuple(sorted(position for positions in chosen for position in positions))


def _labels(dataset: DataSet, noise: float, seed: int) -> NDArray[np.float32]:
    """Give 1 where a muscle group works, else 0; with `noise`, that share of the training labels turned over."""
    labels_NC = np.zeros((len(dataset.clips), len(dataset.labels)), np.float32)
    for row_C, clip in zip(labels_NC, dataset.clips, strict=True):
        row_C[list(clip.muscles)] = 1
        if noise and clip.split == "train":
            drawn_C = np.random.Generator(np.random.PCG64(derive(seed, "label noise", clip.name))).random(len(row_C))
            row_C[drawn_C < noise] = 1 - row_C[drawn_C < noise]
    return labels_NC


def _shuffled(items: Iterable[Item], seed: int) -> list[Item]:
    listed = list(items)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(listed))
    return [listed[place] for place in order]


def _first(items: Sequence[Item], share: float) -> Sequence[Item]:
    """Take a share of the items from the front, at least one."""
    return items[: max(1, round(share * len(items)))]
