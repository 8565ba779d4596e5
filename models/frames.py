"""What modules over time have in common: where they stand in the trunk, and a gate that opens from zero.

Letters: B batch, N sequence (tokens, patches), T frames, S places of a frame (rows times columns), D width.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.geometry import Grid
from models.settings import Frozen


@contextmanager
def drawn_aside(place: str) -> Iterator[None]:
    """Draw the weights of a module without moving those that are drawn after it.

    So a network with the module begins with the same other weights as the one without, and, since the module is the
    identity at first, as the same function.

    Args:
        place: of the module: each gets numbers of its own, which follow from the seed that was set last.
    """
    text = f"{torch.initial_seed()}/{place}"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1)
        yield


class Placed(Frozen):
    """Settings of any file of `models/temporal`; here, of one without a module."""

    def places(self, depth: int, stage_starts: Sequence[int]) -> tuple[int, ...]:
        """Give the blocks after which the module stands."""
        return ()

    @property
    def is_pretrained(self) -> bool:
        """Tell whether it is in the RGB phase already."""
        return False


class TemporalSettings(Placed):
    """Where a module over time stands, and from which phase on."""

    stages: tuple[Annotated[int, Field(ge=0)], ...] | None = None
    """Stages (from 0) after which it stands; None: all but the last, after which no token reads the patches."""
    enters: Literal["joint", "pretrain"] = "joint"
    """With "pretrain" it is in the RGB phase already, with "joint" only in the joint one."""

    def places(self, depth: int, stage_starts: Sequence[int]) -> tuple[int, ...]:
        """Give the blocks after which it stands: the last of each of its stages.

        Raises:
            ValueError: a stage is not there, or is the last one.
        """
        ends = tuple(start - 1 for start in stage_starts if start > 0)
        stages = range(len(ends)) if self.stages is None else self.stages
        wrong = sorted({stage for stage in stages if stage >= len(ends)})
        if wrong:
            raise ValueError(
                f"temporal.stages: must lie below the last stage, {len(ends)}, after which no token reads the patches, "
                f"but got {wrong}. The trunk of depth {depth} has stages from 0 to {len(ends)}."
            )
        return tuple(ends[stage] for stage in sorted(set(stages)))

    @property
    def is_pretrained(self) -> bool:
        """Tell whether it is in the RGB phase already."""
        return self.enters == "pretrain"


class OverTime(nn.Module):
    """Add to the patches what `change` makes of them, as far as the gate is open; tokens pass.

    Shapes:
        (B, tokens + T*S, D) -> the same
    """

    def __init__(self, grid: Grid, tokens: int) -> None:
        super().__init__()
        self.frames, self.tokens = grid.frames, tokens
        self.gate = nn.Parameter(torch.zeros(()))

    def change(self, patches_BTSD: Tensor) -> Tensor:
        """Give what is added where the gate is open, (B, T, S, D), or (B, T, 1, D) for all places of a frame."""
        raise NotImplementedError

    def forward(self, x_BND: Tensor) -> Tensor:
        """Change the patches."""
        tokens_BND, patches_BND = x_BND.tensor_split((self.tokens,), dim=1)
        patches_BTSD = patches_BND.unflatten(1, (self.frames, -1))
        changed_BTSD = patches_BTSD + self.gate * self.change(patches_BTSD)
        return torch.cat((tokens_BND, changed_BTSD.flatten(1, 2)), dim=1)


def each_place(patches_BTSD: Tensor) -> Tensor:
    """Line up what happens at each place as a sequence of its own, (B*S, T, D)."""
    return patches_BTSD.transpose(1, 2).flatten(0, 1)


def back_to_places(sequences_BTD: Tensor, like_BTSD: Tensor) -> Tensor:
    """Undo `each_place`."""
    return sequences_BTD.unflatten(0, (len(like_BTSD), -1)).transpose(1, 2)
