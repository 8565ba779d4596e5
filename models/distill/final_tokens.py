"""FL-MCTKD: the tokens follow the sender's after the last block alone (arXiv:2303.00952)."""

from typing import Literal

from models.distilling import Blocks, TokenDistillation, TokenSoftmax, all_blocks


class Settings(TokenSoftmax):
    """Of the loss."""

    name: Literal["final_tokens"] = "final_tokens"


class Distill(TokenDistillation):
    """Compare the tokens after the last block."""

    def __init__(self, settings: Settings, trunk: Blocks, sender: Blocks) -> None:
        super().__init__(settings, trunk, sender, all_blocks(trunk)[-1:], 1)
