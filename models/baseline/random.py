"""Random: every clip gets scores drawn from its own pixels, so that they depend on no order and no batch.

Letters: B batch, C classes.
"""

import hashlib
from typing import Literal

import torch
from torch import Tensor

from models.geometry import ClipShape
from models.peers import AnyBaseline, Untrained
from models.trunk import TrunkSettings

STREAM = "rgb"


class Settings(AnyBaseline):
    """Nothing to set."""

    name: Literal["random"] = "random"


class Baseline(Untrained):
    """Draw scores; another seed of the trial draws others.

    Shapes:
        (B, ...) -> (B, C)
    """

    def __init__(self, settings: Settings, trunk: TrunkSettings, classes: int, clip: ClipShape) -> None:
        super().__init__(classes)
        self.salt: Tensor
        self.register_buffer("salt", torch.randint(2**62, ()))

    def forward(self, stream: Tensor) -> Tensor:
        """Give every clip normal logits."""
        return torch.stack([self._drawn(clip) for clip in stream]).to(stream.device)

    def _drawn(self, clip: Tensor) -> Tensor:
        content = clip.detach().float().cpu().contiguous().numpy().tobytes() + str(int(self.salt)).encode()
        seed = int.from_bytes(hashlib.sha256(content).digest()[:7], "big")
        return torch.randn(self.classes, generator=torch.Generator().manual_seed(seed))
