"""What distillations have in common: what is compared, where, and by which divergence.

Letters: B batch, K classification tokens, D width, C classes.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from models.settings import Frozen


class AnyDistill(Frozen):
    """Settings of any file of `models/distill`; here, of one that distils nothing."""

    needs_sender: ClassVar[bool] = False
    reads_logits: ClassVar[bool] = False
    """It compares logits, so the sender keeps its head."""

    @property
    def needs_receivers(self) -> bool:
        """Tell whether receivers are what follows the sender."""
        return False

    @property
    def trains_sender(self) -> bool:
        """Tell whether the sender goes on learning in the joint phase."""
        return False

    def check(self, depth: int, enter: int) -> None:
        """Refuse blocks that a trunk of `depth`, whose tokens enter at block `enter`, cannot compare.

        Raises:
            ValueError: it names such a block.
        """


class DistillSettings(AnyDistill):
    """Weight of the loss, temperature of both sides, and what becomes of the sender."""

    needs_sender: ClassVar[bool] = True

    weight: Annotated[float, Field(ge=0)] = 90.0
    temperature: Annotated[float, Field(gt=0)] = 10.0
    sender: Literal["frozen", "joint"] = "frozen"
    """Frozen after its own phase (official), or trained on its own labels during the joint phase too."""

    @property
    def trains_sender(self) -> bool:
        """Tell whether the sender goes on learning in the joint phase."""
        return self.sender == "joint"


class IntoTokens(DistillSettings):
    """The same for distillations into tokens."""

    into: Literal["receivers", "own"] = "receivers"
    """Which tokens follow the sender's: tokens of their own for that (official), or those that learn the labels."""

    @property
    def needs_receivers(self) -> bool:
        """Tell whether receivers are what follows the sender."""
        return self.into == "receivers"


class TokenSoftmax(IntoTokens):
    """The same for distillations that compare tokens one by one."""

    axis: Literal["tokens", "channels"] = "tokens"
    """What the softmax runs over: the tokens (the official code) or the channels (the usual reading of the paper)."""


class Seen(NamedTuple):
    """What is known of one side: its tokens by block and after the last LayerNorm, and its logits if it has a head."""

    by_block: tuple[Tensor, ...]
    final_BKD: Tensor
    logits_BC: Tensor | None


class Blocks(NamedTuple):
    """The blocks of one side that have tokens: index of the first, and the width of the tokens after each."""

    first: int
    widths: tuple[int, ...]


def divergence(student: Tensor, sender: Tensor, temperature: float, axis: int) -> Tensor:
    """Give KL(softmax(sender / t) || softmax(student / t)) along `axis`, the mean over all elements.

    The sender is taken as it is: no gradient reaches it. Like the official code, there is no factor t^2.
    """
    given = (student.float() / temperature).log_softmax(axis)
    aimed = (sender.detach().float() / temperature).log_softmax(axis)
    return functional.kl_div(given, aimed, reduction="none", log_target=True).mean()


class Adapt(nn.Module):
    """Bring the student to the sender's width where they differ, by a learned projection.

    The student is projected, not the sender: a projection of the sender could make the target easy instead.

    Shapes:
        (..., width) -> (..., sender_width)
    """

    def __init__(self, width: int, sender_width: int) -> None:
        super().__init__()
        self.project = nn.Identity() if width == sender_width else nn.Linear(width, sender_width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Project."""
        return self.project(tokens)


class TokenDistillation(nn.Module):
    """Compare the student's tokens with the sender's after some of the trunk's blocks.

    Where the sender has fewer or more blocks, each block is compared with the one at the same share of the depth.

    Args:
        places: blocks of the trunk, by index.
        divisor: of the sum over blocks.

    Shapes:
        two `Seen` -> scalar
    """

    def __init__(
        self, settings: TokenSoftmax, trunk: Blocks, sender: Blocks, places: Sequence[int], divisor: int
    ) -> None:
        super().__init__()
        count, sent = len(trunk.widths), len(sender.widths)
        positions = [place - trunk.first for place in places]
        self.pairs = [(at, max((at + 1) * sent // count - 1, 0)) for at in positions]
        self.adapt = nn.ModuleList(Adapt(trunk.widths[at], sender.widths[to]) for at, to in self.pairs)
        self.weight = settings.weight / divisor
        self.temperature = settings.temperature
        self.axis = {"tokens": 1, "channels": 2}[settings.axis]

    def forward(self, student: Seen, sender: Seen) -> Tensor:
        """Give the weighted loss."""
        blocks = [
            divergence(adapt(student.by_block[at]), sender.by_block[to], self.temperature, self.axis)
            for adapt, (at, to) in zip(self.adapt, self.pairs, strict=True)
        ]
        return self.weight * torch.stack(blocks).sum()


def all_blocks(trunk: Blocks) -> range:
    """Name every block of the trunk that has tokens."""
    return range(trunk.first, trunk.first + len(trunk.widths))
