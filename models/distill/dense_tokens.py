"""Dense MCTKD: the receivers follow the sender's tokens after every block (arXiv:2303.00952).

Like the official code: the softmax runs over the tokens, and the sum over blocks is divided by 16 whatever the depth,
which keeps a block's weight equal between depths. Set `blocks_divisor` to null for a mean over blocks.
"""

from typing import Annotated, Literal

from pydantic import Field

from models.distilling import Blocks, TokenDistillation, TokenSoftmax, all_blocks


class Settings(TokenSoftmax):
    """Of the loss, and what its sum over blocks is divided by."""

    name: Literal["dense_tokens"] = "dense_tokens"
    blocks_divisor: Annotated[int, Field(ge=1)] | None = 16
    """None: the number of blocks, so that the loss is their mean."""


class Distill(TokenDistillation):
    """Compare the tokens after every block."""

    def __init__(self, settings: Settings, trunk: Blocks, sender: Blocks) -> None:
        divisor = settings.blocks_divisor or len(trunk.widths)
        super().__init__(settings, trunk, sender, all_blocks(trunk), divisor)
