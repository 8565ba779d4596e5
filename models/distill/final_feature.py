"""Feature distillation: the mean over the last tokens follows the sender's, through a softmax over the channels.

Letters: B batch, K classification tokens, D width.
"""

from typing import Literal

from torch import Tensor, nn

from models.distilling import Adapt, Blocks, IntoTokens, Seen, divergence


class Settings(IntoTokens):
    """Of the loss."""

    name: Literal["final_feature"] = "final_feature"


class Distill(nn.Module):
    """Compare what is pooled from the tokens after the last LayerNorm.

    Shapes:
        two `Seen` -> scalar
    """

    def __init__(self, settings: Settings, trunk: Blocks, sender: Blocks) -> None:
        super().__init__()
        self.adapt = Adapt(trunk.widths[-1], sender.widths[-1])
        self.weight, self.temperature = settings.weight, settings.temperature

    def forward(self, student: Seen, sender: Seen) -> Tensor:
        """Give the weighted loss."""
        pooled_BD, aimed_BD = self.adapt(student.final_BKD.mean(dim=1)), sender.final_BKD.mean(dim=1)
        return self.weight * divergence(pooled_BD, aimed_BD, self.temperature, 1)
