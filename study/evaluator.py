"""Scores of every clip of a split, and the records they make.

Letters: N clips, V views of them, B batch, C classes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from experiments.clip import DataSet
from models.loss import Criterion
from results.metric.average_precision import average_precision, mean_of
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


class _Seen(NamedTuple):
    """What one process has seen, a row for each view of a clip; `loss` is its sum over them.

    It is arrays, since a tensor that is sent takes along all that it is a view of.
    """

    index_V: NDArray[np.int64]
    scores_VC: NDArray[np.float32]
    labels_VC: NDArray[np.bool_]
    motion_V: NDArray[np.float32]
    loss: float

    @classmethod
    def of(cls, batch: Batch, scores_BC: Tensor, loss: float) -> Self:
        clips = len(batch.index_B)
        moved_B = np.full(clips, np.nan, np.float32) if batch.motion_B is None else batch.motion_B.numpy()
        return cls(batch.index_B.numpy(), scores_BC.numpy(), batch.labels_BC.numpy() > 0, moved_B, loss * clips)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        index, scores, labels, motion, losses = zip(*parts, strict=True)
        together = np.concatenate
        return cls(together(index), together(scores), together(labels), together(motion), sum(losses))


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
    own = []
    for batch in batches:
        if batch.is_counted:
            with autocast(precision, compute.device):
                logits_BC = network(compute.moved(batch.streams)).logits_BC.float().cpu()
            own.append(_Seen.of(batch, loss.scores(logits_BC), float(loss(logits_BC, batch.labels_BC))))
    gathered = compute.group.gathered(_Seen.joined(own) if own else None)
    seen = _Seen.joined([part for part in gathered if part])
    index_N, first_N, clip_V = np.unique(seen.index_V, return_index=True, return_inverse=True)
    views_N = np.bincount(clip_V).astype(np.float32)
    scores_NC = np.zeros((len(index_N), seen.scores_VC.shape[1]), np.float32)
    np.add.at(scores_NC, clip_V, seen.scores_VC)
    motion_N = np.zeros(len(index_N))
    np.add.at(motion_N, clip_V, seen.motion_V)
    return Evaluation(
        split,
        index_N,
        scores_NC / views_N[:, np.newaxis],
        seen.labels_VC[first_N],
        (motion_N / views_N).astype(np.float32),
        seen.loss / len(clip_V),
    )


def records(evaluation: Evaluation, dataset: DataSet, subset: Subset, epoch: int) -> list[Record]:
    """Measure an evaluation: loss, one average precision (points) per label that occurs, the mean of the measured."""
    split, columns = evaluation.split, subset.columns
    precision_C = average_precision(evaluation.scores_NC, evaluation.labels_NC)
    labels = [dataset.labels[position] for position in subset.learned]
    named = [(label, value) for label, value in zip(labels, precision_C.tolist(), strict=True) if not np.isnan(value)]
    mean = mean_of(precision_C[columns], evaluation.scores_NC[:, columns], evaluation.labels_NC[:, columns])
    return [
        Record("loss", split, epoch, evaluation.loss),
        Record("map", split, epoch, mean, "points"),
        *(Record(f"ap.{label}", split, epoch, value, "points") for label, value in named),
    ]
