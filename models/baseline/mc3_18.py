"""ResNet of 3-D convolutions first and 2-D ones later (`torchvision.models.video.mc3_18`, arXiv:1711.11248).

Letters: B batch, T H W frames, rows, columns, C classes.
"""

from typing import ClassVar, Literal

from torch import Tensor

from models.geometry import ClipShape
from models.peers import Peer, PeerSettings, share_of, thinned
from models.trunk import TrunkSettings

STREAM = "rgb"


class Settings(PeerSettings):
    """The file it starts from."""

    normalises_over_batch: ClassVar[bool] = True

    name: Literal["mc3_18"] = "mc3_18"


class Baseline(Peer):
    """The network with the profile's share of its channels.

    Shapes:
        (B, 3, T, H, W) -> (B, C)
    """

    HEAD = "network.fc"

    def __init__(self, settings: Settings, trunk: TrunkSettings, classes: int, clip: ClipShape) -> None:
        from torchvision.models.video import mc3_18

        super().__init__()
        self.network = thinned(lambda: mc3_18(num_classes=classes), share_of(trunk))

    def forward(self, clip_BCTHW: Tensor) -> Tensor:
        """Classify the clips."""
        return self.network(clip_BCTHW)
