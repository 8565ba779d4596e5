"""Dense MCTKD: the receivers follow the sender's tokens after every block (arXiv:2303.00952).

Per block `KL(softmax(sender / t) || softmax(receiver / t))`, averaged over all elements; the sum over blocks is divided
by `blocks_divisor` and weighted. Like the official code: the softmax runs over the tokens (the paper's usual reading
would be channels), there is no factor t^2, and the sum is divided by 16 whatever the depth, which keeps a block's
weight equal between depths. Set `blocks_divisor` to the depth for a mean over blocks.

Letters: B batch, K classification tokens, D width.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from models.settings import Frozen

NEEDS_SENDER = True
NEEDS_RECEIVERS = True


class Settings(Frozen):
    """Weight of the loss, temperature, and the axis of the softmax."""

    name: Literal["dense_tokens"] = "dense_tokens"
    weight: Annotated[float, Field(ge=0)] = 90.0
    temperature: Annotated[float, Field(gt=0)] = 10.0
    axis: Literal["tokens", "channels"] = "tokens"
    blocks_divisor: Annotated[int, Field(ge=1)] = 16


class Distill(nn.Module):
    """Compare receivers with the sender's tokens, block by block.

    Shapes:
        receivers and senders, one (B, K, D) a block -> scalar
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.weight = settings.weight / settings.blocks_divisor
        self.temperature = settings.temperature
        self.axis = {"tokens": 1, "channels": 2}[settings.axis]

    def forward(self, receivers: tuple[Tensor, ...], senders: tuple[Tensor, ...]) -> Tensor:
        """Give the weighted loss."""
        blocks = [self._divergence(*pair) for pair in zip(receivers, senders, strict=True)]
        return self.weight * torch.stack(blocks).sum()

    def _divergence(self, receiver_BKD: Tensor, sender_BKD: Tensor) -> Tensor:
        receiver = (receiver_BKD.float() / self.temperature).log_softmax(self.axis)
        sender = (sender_BKD.float() / self.temperature).log_softmax(self.axis)
        return functional.kl_div(receiver, sender, reduction="none", log_target=True).mean()
