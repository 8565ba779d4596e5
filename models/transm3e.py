"""TransM3E (arXiv:2303.00952) and the two branches it is trained from.

Three networks, one for each phase, called alike: `network(streams) -> Output`. `RgbNetwork` and `SenderNetwork` are one
encoder with a head; `TransM3E` holds the RGB branch, now with receivers, and the frozen sender.

Letters: B batch, K classification tokens, C classes.
"""

from collections.abc import Mapping
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from models.tokens import Head
from models.trunk import Encoded, Trunk
from models.weights import load_exactly

Streams = Mapping[str, Tensor]


class Output(NamedTuple):
    """Logits (B, C), and the weighted distillation loss where there is one: in training, with a sender."""

    logits_BC: Tensor
    distill: Tensor | None = None


class RgbNetwork(nn.Module):
    """RGB branch alone: trunk with own tokens, head."""

    def __init__(self, trunk: Trunk, head: Head) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head

    def forward(self, streams: Streams) -> Output:
        """Classify the clips in `streams["rgb"]`, (B, 3, T, H, W)."""
        return Output(self.head(self.trunk(streams["rgb"]).own))


class SenderNetwork(nn.Module):
    """Sender alone, on the stream its modality reads, with a head that only this phase needs."""

    def __init__(self, sender: nn.Module, head: Head, stream: str) -> None:
        super().__init__()
        self.sender = sender
        self.head = head
        self.stream = stream

    def forward(self, streams: Streams) -> Output:
        """Classify the clips in the modality's stream."""
        return Output(self.head(self.sender(streams[self.stream]).own))


class TransM3E(nn.Module):
    """RGB branch with receivers, fusion and, in training only, a frozen sender that the receivers follow.

    In evaluation it reads `streams["rgb"]` alone: no other stream and no sender can change a prediction.
    """

    def __init__(self, trunk: Trunk, head: Head, fusion: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head
        self.fusion = fusion
        self.sender: nn.Module | None = None
        self.distill: nn.Module | None = None
        self.stream = ""

    def follow(self, sender: nn.Module, distill: nn.Module, stream: str) -> None:
        """Attach a sender, which freezes it."""
        self.sender = sender.requires_grad_(False).eval()
        self.distill = distill
        self.stream = stream

    def train(self, mode: bool = True) -> Self:
        """Set the mode of everything but the sender, which stays in evaluation."""
        super().train(mode)
        if self.sender is not None:
            self.sender.eval()
        return self

    def forward(self, streams: Streams) -> Output:
        """Classify the clips in `streams["rgb"]`; in training also compare receivers and sender."""
        encoded: Encoded = self.trunk(streams["rgb"])
        logits_BC = self.head(self.fusion(encoded.own, encoded.receivers))
        if self.sender is None or self.distill is None or not self.training:
            return Output(logits_BC)
        with torch.no_grad():
            sent: Encoded = self.sender(streams[self.stream])
        return Output(logits_BC, self.distill(encoded.receivers_by_block, sent.own_by_block))

    def load_parents(self, rgb: Mapping[str, Tensor], sender: Mapping[str, Tensor] | None) -> None:
        """Take trunk, own tokens and head from the RGB phase, and the sender from its own phase.

        Receivers, fusion, distillation and temporal modules that enter now keep their initial weights; the sender's
        head is left behind.

        Raises:
            WeightsError: anything else is missing, left over or of another shape; or a sender is given and not needed,
                or needed and not given.
        """
        new = ("trunk.tokens.receivers_KD", "fusion.", "distill.", "sender.", *self._new_modules(rgb))
        load_exactly(self, rgb, "the RGB phase", new=new)
        frozen = nn.ModuleDict({} if self.sender is None else {"sender": self.sender})
        sent = {name: value for name, value in (sender or {}).items() if not name.startswith("head.")}
        load_exactly(frozen, sent, "the sender phase")

    def _new_modules(self, rgb: Mapping[str, Tensor]) -> tuple[str, ...]:
        entered_before = any(name.startswith("trunk.temporal.") for name in rgb)
        return () if entered_before else ("trunk.temporal.",)


Network = RgbNetwork | SenderNetwork | TransM3E
