"""Sparse MCTKD: the tokens follow the sender's after some blocks, by default the last of each stage."""

from typing import Annotated, Literal

from pydantic import Field

from models.distilling import Blocks, TokenDistillation, TokenSoftmax, all_blocks

STAGE_ENDS: Literal["stage_ends"] = "stage_ends"
BlockIndex = Annotated[int, Field(ge=0)]


class Settings(TokenSoftmax):
    """Of the loss, and the blocks (from 0) after which tokens are compared; the loss is the mean over these blocks."""

    name: Literal["sparse_tokens"] = "sparse_tokens"
    blocks: Literal["stage_ends"] | Annotated[tuple[BlockIndex, ...], Field(min_length=1)] = STAGE_ENDS

    def check(self, depth: int, enter: int) -> None:
        """Refuse blocks that have no tokens.

        Raises:
            ValueError: there is one.
        """
        wrong = [block for block in self.blocks if not enter <= int(block) < depth] if self.blocks != STAGE_ENDS else []
        if wrong:
            raise ValueError(
                f"distill.blocks: must be blocks that have tokens, from {enter} to {depth - 1}, but got {wrong}."
            )


class Distill(TokenDistillation):
    """Compare the tokens after the named blocks."""

    def __init__(self, settings: Settings, trunk: Blocks, sender: Blocks) -> None:
        places = _stage_ends(trunk) if settings.blocks == STAGE_ENDS else sorted({int(b) for b in settings.blocks})
        super().__init__(settings, trunk, sender, places, len(places))


def _stage_ends(trunk: Blocks) -> list[int]:
    """Find the blocks after which the width changes, and the last one."""
    following = (*trunk.widths[1:], None)
    return [
        block for block, width, after in zip(all_blocks(trunk), trunk.widths, following, strict=True) if width != after
    ]
