"""Scores of every clip of a split, and the records they make.

Letters: N clips, B batch, C classes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from experiments.clip import DataSet
from models.loss import Criterion
from results.metric.average_precision import average_precision, mean_average_precision
from results.record import Record
from study.loader import Batch
from study.optim import autocast
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


@torch.no_grad()
def evaluate(
    network: nn.Module,
    split: str,
    batches: Iterable[Batch],
    loss: Criterion,
    precision: str = "fp32",
    device: torch.device = torch.device("cpu"),  # noqa: B008 - a device is a value
) -> Evaluation:
    """Score the clips of `split`; a clip that comes several times (views) gets its mean score.

    Args:
        loss: is measured, and its scores are kept.
    """
    network.eval()
    summed: dict[int, Tensor] = {}
    views: dict[int, int] = {}
    labels: dict[int, Tensor] = {}
    motion: dict[int, float] = {}
    total = 0.0
    for part in batches:
        with autocast(precision, device):
            streams = {name: stream.to(device) for name, stream in part.streams.items()}
            logits_BC = network(streams).logits_BC.float().cpu()
        total += float(loss(logits_BC, part.labels_BC)) * len(part.labels_BC)
        if part.motion_B is not None:
            for index, moved in zip(part.index_B.tolist(), part.motion_B.tolist(), strict=True):
                motion[index] = motion.get(index, 0.0) + moved
        for index, score_C, label_C in zip(part.index_B.tolist(), loss.scores(logits_BC), part.labels_BC, strict=True):
            summed[index] = summed[index] + score_C if index in summed else score_C
            views[index] = views.get(index, 0) + 1
            labels[index] = label_C
    order = sorted(summed)
    return Evaluation(
        split,
        np.array(order, dtype=np.int64),
        torch.stack([summed[index] / views[index] for index in order]).numpy(),
        torch.stack([labels[index] for index in order]).numpy() > 0,
        np.array([motion.get(index, np.nan) / views[index] for index in order], dtype=np.float32),
        total / sum(views.values()),
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
