"""Video Swin transformer, tiny (`torchvision.models.video.swin3d_t`, arXiv:2106.13230), at the size of the profile.

Letters: B batch, T H W frames, rows, columns, C classes.
"""

from typing import Literal

from torch import Tensor

from models.geometry import ClipShape
from models.peers import Peer, PeerSettings, swin3d
from models.trunk import TrunkSettings

STREAM = "rgb"


class Settings(PeerSettings):
    """The file it starts from."""

    name: Literal["swin3d_t"] = "swin3d_t"


class Baseline(Peer):
    """The network with the trunk's width and its share of the blocks in the third stage.

    Shapes:
        (B, 3, T, H, W) -> (B, C)
    """

    HEAD = "network.head"

    def __init__(self, settings: Settings, trunk: TrunkSettings, classes: int, clip: ClipShape) -> None:
        super().__init__()
        self.network = swin3d(trunk, classes, third_stage=6)

    def forward(self, clip_BCTHW: Tensor) -> Tensor:
        """Classify the clips."""
        return self.network(clip_BCTHW)
