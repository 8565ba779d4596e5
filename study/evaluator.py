"""Scores of every clip of a split, and the records they make.

Letters: N clips, B batch, C classes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from experiments.clip import DataSet
from models.loss import Criterion
from results.metric.average_precision import average_precision, mean_average_precision
from results.record import Record
from study.compute import Compute
from study.loader import Batch
from study.optim import Precision, autocast
from study.subset import Subset


@dataclass(frozen=True)
class Evaluation:
    """What a network says of the clips of one split.

    Attributes:
        index_N: positions in the data set's clips.
        scores_NC: probabilities, the mean over the temporal views of a clip.
        labels_NC: whether the muscle group works.
        motion_N: how much moves, as `Batch.motion_B`, the mean over views; NaN where there are no pictures.
        loss: mean classification loss over clips and views.
    """

    split: str
    index_N: NDArray[np.int64]
    scores_NC: NDArray[np.float32]
    labels_NC: NDArray[np.bool_]
    motion_N: NDArray[np.float32]
    loss: float


@dataclass
class _Sums:
    """What one process has seen; scores and motion of a clip are added up over its views."""

    scores: dict[int, Tensor] = field(default_factory=dict)
    views: dict[int, int] = field(default_factory=dict)
    labels: dict[int, Tensor] = field(default_factory=dict)
    motion: dict[int, float] = field(default_factory=dict)
    loss: float = 0.0

    def add(self, batch: Batch, scores_BC: Tensor, loss: float) -> None:
        self.loss += loss * len(batch.index_B)
        if batch.motion_B is not None:
            for index, moved in zip(batch.index_B.tolist(), batch.motion_B.tolist(), strict=True):
                self.motion[index] = self.motion.get(index, 0.0) + moved
        for index, score_C, label_C in zip(batch.index_B.tolist(), scores_BC, batch.labels_BC, strict=True):
            self.scores[index] = self.scores[index] + score_C if index in self.scores else score_C
            self.views[index] = self.views.get(index, 0) + 1
            self.labels[index] = label_C

    def join(self, other: "_Sums") -> None:
        """Take in what another process has seen: other clips."""
        for name in ("scores", "views", "labels", "motion"):
            getattr(self, name).update(getattr(other, name))
        self.loss += other.loss


@torch.no_grad()
def evaluate(
    network: nn.Module,
    split: str,
    batches: Iterable[Batch],
    loss: Criterion,
    precision: Precision,
    compute: Compute,
) -> Evaluation:
    """Score the clips of `split`, each in one process; a clip that comes several times (views) gets its mean score.

    Args:
        loss: is measured, and its scores are kept.
    """
    network.eval()
    own = _Sums()
    for batch in batches:
        if batch.is_counted:
            with autocast(precision, compute.device):
                logits_BC = network(compute.moved(batch.streams)).logits_BC.float().cpu()
            own.add(batch, loss.scores(logits_BC), float(loss(logits_BC, batch.labels_BC)))
    seen, *others = compute.group.gathered(own)
    for other in others:
        seen.join(other)
    order = sorted(seen.scores)
    return Evaluation(
        split,
        np.array(order, dtype=np.int64),
        torch.stack([seen.scores[index] / seen.views[index] for index in order]).numpy(),
        torch.stack([seen.labels[index] for index in order]).numpy() > 0,
        np.array([seen.motion.get(index, np.nan) / seen.views[index] for index in order], dtype=np.float32),
        seen.loss / sum(seen.views.values()),
    )


def records(evaluation: Evaluation, dataset: DataSet, subset: Subset, epoch: int) -> list[Record]:
    """Measure an evaluation: loss, one average precision (points) per label that occurs, the mean of the measured."""
    split, columns = evaluation.split, subset.columns
    precision_C = average_precision(evaluation.scores_NC, evaluation.labels_NC)
    labels = [dataset.labels[position] for position in subset.learned]
    named = [(label, value) for label, value in zip(labels, precision_C.tolist(), strict=True) if not np.isnan(value)]
    mean = mean_average_precision(evaluation.scores_NC[:, columns], evaluation.labels_NC[:, columns])
    return [
        Record("loss", split, epoch, evaluation.loss),
        Record("map", split, epoch, mean, "points"),
        *(Record(f"ap.{label}", split, epoch, value, "points") for label, value in named),
    ]
