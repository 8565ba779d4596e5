"""Label frequencies: every clip gets, for each class, how often it occurs among the training clips.

Letters: B batch, N training clips, C classes.
"""

from typing import Literal

import torch
from torch import Tensor

from models.geometry import ClipShape
from models.peers import AnyBaseline, Untrained
from models.trunk import TrunkSettings

STREAM = "rgb"


class Settings(AnyBaseline):
    """Nothing to set."""

    name: Literal["label_frequency"] = "label_frequency"


class Baseline(Untrained):
    """Score by the training labels alone.

    Shapes:
        (B, ...) -> (B, C)
    """

    def __init__(self, settings: Settings, trunk: TrunkSettings, classes: int, clip: ClipShape) -> None:
        super().__init__(classes)
        self.logits_C: Tensor
        self.register_buffer("logits_C", torch.zeros(classes))

    def fit(self, labels_NC: Tensor) -> None:
        """Count the labels; a class that always or never occurs is taken to miss, or to occur, half a time."""
        count = len(labels_NC)
        share_C = labels_NC.sum(dim=0).clamp(0.5, count - 0.5) / count
        self.logits_C.copy_(share_C.logit())

    def forward(self, stream: Tensor) -> Tensor:
        """Give the same to every clip."""
        return self.logits_C.expand(len(stream), -1)
