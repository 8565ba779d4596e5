"""An evaluation is the mean over the views of each clip, whichever process saw it."""

import pickle
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import pytest
import torch
from torch import nn

from models.loss import bce
from models.transm3e import Output
from study.compute import Compute
from study.distributed import ALONE, ProcessGroup
from study.evaluator import Evaluation, evaluate
from study.loader import Batch

T = TypeVar("T")
CLIPS, CLASSES, VIEWS = 6, 20, 2
LABELS_NC = (torch.arange(CLIPS * CLASSES).view(CLIPS, CLASSES) % 3 == 0).float()
ROW_BYTES = 200
"""What a view of a clip may weigh where processes tell each other of it: its scores alone are 80."""


class Telling(ProcessGroup):
    """Holds what its one process would have sent."""

    sent = b""

    def gathered(self, own: T) -> list[T]:
        type(self).sent = pickle.dumps(own)
        return [pickle.loads(self.sent)]


class Shown(nn.Module):
    """Says of a clip what it is shown."""

    def forward(self, streams: dict[str, torch.Tensor]) -> Output:
        return Output(streams["rgb"])


def view(number: int) -> torch.Tensor:
    return torch.randn(CLIPS, CLASSES, generator=torch.Generator().manual_seed(number))


def batches(of: int) -> Iterator[Batch]:
    """Show all clips from the last to the first, once per view, and then one that does not count."""
    for number in range(VIEWS):
        for index_B in torch.arange(CLIPS).flip(0).split(of):
            moved_B = index_B + 10.0 * number
            yield Batch({"rgb": view(number)[index_B]}, LABELS_NC[index_B], index_B, CLIPS, motion_B=moved_B)
    yield Batch({"rgb": view(9)[:1]}, LABELS_NC[:1], torch.tensor([0]), CLIPS, is_counted=False)


def evaluated(of: int, group: ProcessGroup = ALONE) -> Evaluation:
    loss = bce.Loss(bce.Settings())
    return evaluate(Shown(), "val_seen", batches(of), loss, "fp32", Compute(torch.device("cpu"), group))


@pytest.mark.parametrize("of", [1, 4, 6])
def test_a_clip_has_the_mean_of_its_views(of: int) -> None:
    found = evaluated(of)
    assert found.index_N.tolist() == list(range(CLIPS))
    expected_NC = torch.stack([view(number).sigmoid() for number in range(VIEWS)]).mean(0)
    np.testing.assert_allclose(found.scores_NC, expected_NC.numpy(), rtol=1e-6)
    assert found.scores_NC.dtype == found.motion_N.dtype == np.float32
    assert np.array_equal(found.labels_NC, LABELS_NC.numpy() > 0)
    assert found.motion_N.tolist() == [index + 5.0 for index in range(CLIPS)]
    losses = [float(bce.Loss(bce.Settings())(view(number), LABELS_NC)) for number in range(VIEWS)]
    assert found.loss == pytest.approx(sum(losses) / VIEWS)


def test_where_nothing_is_known_of_motion_it_is_no_number() -> None:
    blind = (batch._replace(motion_B=None) for batch in batches(4))
    found = evaluate(Shown(), "val_seen", blind, bce.Loss(bce.Settings()), "fp32", Compute(torch.device("cpu")))
    assert np.isnan(found.motion_N).all()


def test_what_processes_tell_each_other_is_numbers_and_not_whole_batches() -> None:
    group = Telling()
    assert np.array_equal(evaluated(CLIPS, group).scores_NC, evaluated(CLIPS).scores_NC)
    assert len(Telling.sent) < CLIPS * VIEWS * ROW_BYTES + 1000
