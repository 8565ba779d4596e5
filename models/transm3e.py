"""TransM3E (arXiv:2303.00952) and the two branches it is trained from.

Three networks, one for each phase, called alike: `network(streams) -> Output`. `RgbNetwork` and `SenderNetwork` are one
encoder with a head; `TransM3E` holds the RGB branch, now with receivers, and the senders it follows.

Letters: B batch, K classification tokens, D width, C classes.
"""

from collections.abc import Mapping
from typing import NamedTuple, Self, cast

import torch
from torch import Tensor, nn

from models.distilling import Seen
from models.errors import UserError
from models.senders import Encoder
from models.tokens import Head
from models.trunk import Encoded, Trunk
from models.weights import load_exactly

Streams = Mapping[str, Tensor]


class Output(NamedTuple):
    """What a network says of a batch.

    Attributes:
        logits_BC: of the clips.
        distill: weighted distillation loss, where there is one: in training, with a sender.
        sender_logits: of the same clips, by each sender that is trained too, each (B, C).
    """

    logits_BC: Tensor
    distill: Tensor | None = None
    sender_logits: tuple[Tensor, ...] = ()


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
    """Sender on the stream its modality reads, with a head where its logits are needed."""

    def __init__(self, sender: nn.Module, head: Head | None, stream: str) -> None:
        super().__init__()
        self.sender = sender
        self.head = head
        self.stream = stream

    def see(self, streams: Streams) -> Seen:
        """Encode the clips in the modality's stream."""
        encoded: Encoded = self.sender(streams[self.stream])
        return Seen(encoded.own_by_block, encoded.own, None if self.head is None else self.head(encoded.own))

    def forward(self, streams: Streams) -> Output:
        """Classify them.

        Raises:
            ValueError: it was built without a head.
        """
        logits_BC = self.see(streams).logits_BC
        if logits_BC is None:
            raise ValueError("this sender has no head: it can be followed, but it does not classify.")
        return Output(logits_BC)


class Followed(NamedTuple):
    """A sender, by its modality's name, and the module that compares the RGB branch with it."""

    sender: SenderNetwork
    distill: nn.Module


class TransM3E(nn.Module):
    """RGB branch with receivers, fusion and, in training only, senders that it follows.

    In evaluation it reads `streams["rgb"]` alone: no other stream and no sender can change a prediction.

    Args:
        into_own: the own tokens follow the senders, and not the receivers.
        trains_senders: the senders go on learning from the labels; else they are frozen.
    """

    def __init__(
        self,
        trunk: Trunk,
        head: Head,
        fusion: nn.Module,
        followed: Mapping[str, Followed],
        *,
        into_own: bool = False,
        trains_senders: bool = False,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head
        self.fusion = fusion
        self.senders = nn.ModuleDict({name: each.sender for name, each in followed.items()})
        self.distill = nn.ModuleDict({name: each.distill for name, each in followed.items()})
        self.into_own = into_own
        self.trains_senders = trains_senders
        if not trains_senders:
            self.senders.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Set the mode of everything but frozen senders, which stay in evaluation."""
        super().train(mode)
        if not self.trains_senders:
            self.senders.eval()
        return self

    def forward(self, streams: Streams) -> Output:
        """Classify the clips in `streams["rgb"]`; in training also follow the senders."""
        encoded: Encoded = self.trunk(streams["rgb"])
        receivers_BKD = torch.stack(encoded.receivers).mean(dim=0) if encoded.receivers else None
        logits_BC = self.head(self.fusion(encoded.own, receivers_BKD))
        if not self.senders or not self.training:
            return Output(logits_BC)
        with torch.set_grad_enabled(self.trains_senders):
            sent = [cast("SenderNetwork", sender).see(streams) for sender in self.senders.values()]
        sides = [self._student(encoded, group, logits_BC) for group in range(len(sent))]
        losses = [compare(*pair) for compare, *pair in zip(self.distill.values(), sides, sent, strict=True)]
        own_logits = tuple(each.logits_BC for each in sent if each.logits_BC is not None)
        return Output(logits_BC, torch.stack(losses).mean(), own_logits if self.trains_senders else ())

    def _student(self, encoded: Encoded, group: int, logits_BC: Tensor) -> Seen:
        if self.into_own or not encoded.receivers:
            return Seen(encoded.own_by_block, encoded.own, logits_BC)
        return Seen(encoded.receivers_by_block[group], encoded.receivers[group], logits_BC)

    def load_parents(self, rgb: Mapping[str, Tensor], senders: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take trunk, own tokens and head from the RGB phase, and each sender from its own phase.

        Receivers, fusion, distillation and temporal modules that enter now keep their initial weights; the heads of
        senders that are only followed are left behind.

        Args:
            senders: state dicts by modality.

        Raises:
            WeightsError: anything else is missing, left over or of another shape; or a sender is given and not needed,
                or needed and not given.
        """
        new = ("trunk.tokens.receivers_KD", "fusion.", "distill.", "senders.", *self._new_modules(rgb))
        load_exactly(self, rgb, "the RGB phase", new=new)
        self.load_senders(senders)

    def load_senders(self, senders: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take each sender from its own phase; heads of senders that are only followed are left behind.

        Args:
            senders: state dicts by modality.

        Raises:
            WeightsError: a sender is given and not needed, or needed and not given, or its weights do not fit.
        """
        for name in sorted({*self.senders, *senders}):
            sender = self.senders[name] if name in self.senders else nn.Module()
            has_head = name in self.senders and self.senders.get_submodule(name).head is not None
            state = senders.get(name, {})
            kept = {part: value for part, value in state.items() if has_head or not part.startswith("head.")}
            load_exactly(sender, kept, f"the sender phase ({name})")

    def _new_modules(self, rgb: Mapping[str, Tensor]) -> tuple[str, ...]:
        entered_before = any(name.startswith("trunk.temporal.") for name in rgb)
        return () if entered_before else ("trunk.temporal.",)


class Taught(nn.Module):
    """TransM3E whose fusion gets the true tokens of its senders in place of the receivers that learned them.

    It sees the auxiliary modality, so it is no estimate: it shows how far the network relies on that modality.

    Raises:
        UserError: its senders have another width than its trunk.
    """

    def __init__(self, network: TransM3E) -> None:
        super().__init__()
        width = network.trunk.widths[-1]
        senders = {name: cast("SenderNetwork", each).sender for name, each in network.senders.items()}
        own = {name: cast("Encoder", sender).widths[-1] for name, sender in senders.items()}
        for name, wide in own.items():
            if wide != width:
                raise UserError(
                    f"tokens of the sender {name} have width {wide}, and those of the trunk {width}: they cannot take "
                    f"the receivers' place. Set model.modality.width to {width}, or tokens: receivers."
                )
        self.network = network

    def forward(self, streams: Streams) -> Output:
        """Classify the clips in `streams`, which hold the senders' streams too."""
        encoded: Encoded = self.network.trunk(streams["rgb"])
        sent = [cast("SenderNetwork", sender).see(streams).final_BKD for sender in self.network.senders.values()]
        return Output(self.network.head(self.network.fusion(encoded.own, torch.stack(sent).mean(dim=0))))
