"""Distillation of logits (arXiv:1503.02531), for several labels at once: each class is a softmax over yes and no.

Letters: B batch, C classes.
"""

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.distilling import Blocks, DistillSettings, Seen, divergence


class Settings(DistillSettings):
    """Of the loss. A class's logit stands against zero, so that the softmax at temperature 1 is its probability."""

    reads_logits: ClassVar[bool] = True

    name: Literal["final_logits"] = "final_logits"
    temperature: Annotated[float, Field(gt=0)] = 10.0
    weight: Annotated[float, Field(ge=0)] = 100.0
    """By default the temperature squared, which keeps the gradient's size."""


class Distill(nn.Module):
    """Compare the logits of the whole network with the sender's.

    Shapes:
        two `Seen` with logits -> scalar
    """

    def __init__(self, settings: Settings, trunk: Blocks, sender: Blocks) -> None:
        super().__init__()
        self.weight, self.temperature = settings.weight, settings.temperature

    def forward(self, student: Seen, sender: Seen) -> Tensor:
        """Give the weighted loss: the mean over clips and classes."""
        if student.logits_BC is None or sender.logits_BC is None:
            raise ValueError("final_logits compares logits, but one side has no head.")
        given_BC2, aimed_BC2 = _against_zero(student.logits_BC), _against_zero(sender.logits_BC)
        return 2 * self.weight * divergence(given_BC2, aimed_BC2, self.temperature, 2)  # its mean counts yes and no


def _against_zero(logits_BC: Tensor) -> Tensor:
    return torch.stack((logits_BC, torch.zeros_like(logits_BC)), dim=2)
