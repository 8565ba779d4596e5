"""S3D, separable inception over space and time (`torchvision.models.video.s3d`, arXiv:1712.04851).

Its last pooling is adaptive here, so that short and small clips will do.

Letters: B batch, T H W frames, rows, columns, C classes.
"""

from typing import ClassVar, Literal

from torch import Tensor, nn

from models.geometry import ClipShape
from models.peers import Peer, PeerSettings, share_of, thinned
from models.trunk import TrunkSettings

STREAM = "rgb"


class Settings(PeerSettings):
    """The file it starts from."""

    normalises_over_batch: ClassVar[bool] = True

    name: Literal["s3d"] = "s3d"


class Baseline(Peer):
    """The network with the profile's share of its channels.

    Shapes:
        (B, 3, T, H, W) -> (B, C)
    """

    HEAD = "network.classifier.1"

    def __init__(self, settings: Settings, trunk: TrunkSettings, classes: int, clip: ClipShape) -> None:
        from torchvision.models.video import s3d

        super().__init__()
        self.network = thinned(lambda: s3d(num_classes=classes), share_of(trunk))
        self.network.avgpool = nn.AdaptiveAvgPool3d(1)
        for module in self.network.modules():
            if isinstance(module, nn.MaxPool3d) and module.kernel_size == (2, 2, 2):
                module.ceil_mode = True  # one frame or pixel stays one; even numbers are halved as ever

    def forward(self, clip_BCTHW: Tensor) -> Tensor:
        """Classify the clips."""
        return self.network(clip_BCTHW)
