"""What is measured of a network: its splits while it trains, all of them at the end, with the test splits sealed.

Letters: N clips, C classes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from experiments.clip import DataSet
from models.loss import Criterion
from results import predictions
from results.attempt import Attempt
from results.record import Record, RecordWriter
from study import evaluator
from study.compute import Compute
from study.evaluator import Evaluation
from study.leg import Stop
from study.loader import Batch, Loader
from study.optim import Precision
from study.subset import Subset

SHOWN_SPLITS = ("val_seen", "val_unseen")
"""Measured while a phase trains."""
SEALED_SPLITS = ("test_seen", "test_unseen")
"""Measured once, at the end, and kept apart until they are revealed."""


def as_it_is(batch: Batch) -> Batch:
    """Change nothing."""
    return batch


@dataclass(frozen=True)
class Examiner:
    """Measures a network on the clips of a data set; each process measures some, and all know what came of it.

    Attributes:
        batch: clips at once.
        seed: of the trial.
        change: what is done to a batch before the network sees it.
    """

    network: nn.Module
    loader: Loader
    dataset: DataSet
    subset: Subset
    loss: Criterion
    batch: int
    precision: Precision
    compute: Compute
    seed: int
    change: Callable[[Batch], Batch] = as_it_is

    def measure(self, splits: Sequence[str], epoch: int, stop: Stop) -> list[Record]:
        """Measure the clips of `splits` after `epoch`."""
        evaluations = self._evaluate(splits, stop)
        return [record for one in evaluations for record in evaluator.records(one, self.dataset, self.subset, epoch)]

    def measure_all(self, attempt: Attempt, epoch: int, stop: Stop) -> list[Record]:
        """Measure every evaluation split after the last epoch, seal the test splits and keep all predictions."""
        evaluations = self._evaluate(SHOWN_SPLITS + SEALED_SPLITS, stop)
        return self.compute.group.first(self._keep, attempt, epoch, evaluations)

    def _keep(self, attempt: Attempt, epoch: int, evaluations: Sequence[Evaluation]) -> list[Record]:
        measured = {one.split: evaluator.records(one, self.dataset, self.subset, epoch) for one in evaluations}
        with RecordWriter(attempt.sealed) as sealed:
            sealed.write([record for split in SEALED_SPLITS for record in measured.get(split, [])])
        self._write_predictions(attempt.predictions, evaluations)
        return [record for split in SHOWN_SPLITS for record in measured.get(split, [])]

    def _evaluate(self, splits: Sequence[str], stop: Stop) -> list[Evaluation]:
        def batches(split: str) -> Iterator[Batch]:
            for batch in self.loader.evaluate(split, self.batch):
                stop()
                yield self.change(batch)

        return [
            evaluator.evaluate(self.network, split, batches(split), self.loss, self.precision, self.compute)
            for split in splits
            if self.loader.indices(split)
        ]

    def _write_predictions(self, path: Path, evaluations: Sequence[Evaluation]) -> None:
        """Write scores and labels of every evaluated clip: the scores of what is not measured are NaN."""
        clips = [self.dataset.clips[index] for one in evaluations for index in one.index_N]
        truth_NC = np.zeros((len(clips), len(self.dataset.labels)), np.bool_)
        for row_C, clip in zip(truth_NC, clips, strict=True):
            row_C[list(clip.muscles)] = True
        learned_NC = np.concatenate([one.scores_NC for one in evaluations])
        scores_NC = np.full(truth_NC.shape, np.nan, np.float32)
        scores_NC[:, self.subset.measured] = learned_NC[:, self.subset.columns]
        scored = predictions.Scored(
            [clip.name for clip in clips],
            [clip.activity for clip in clips],
            [clip.split for clip in clips],
            np.concatenate([one.motion_N for one in evaluations]),
            scores_NC,
            truth_NC,
        )
        predictions.write(path, self.seed, scored)
