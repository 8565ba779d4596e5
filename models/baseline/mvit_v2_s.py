"""MViTv2 with one class token (`torchvision.models.video.MViT`, arXiv:2112.01526), with the blocks of the trunk.

Letters: B batch, T H W frames, rows, columns, C classes.
"""

from typing import Literal

from torch import Tensor

from models.geometry import ClipShape
from models.peers import Peer, PeerSettings
from models.trunk import TrunkSettings, block_shapes
from models.weights import State, resized

STREAM = "rgb"


class Settings(PeerSettings):
    """The file it starts from."""

    name: Literal["mvit_v2_s"] = "mvit_v2_s"


class Baseline(Peer):
    """The peer of our trunk with one token.

    Shapes:
        (B, 3, T, H, W) -> (B, C)
    """

    HEAD = "network.head.1"

    def __init__(self, settings: Settings, trunk: TrunkSettings, classes: int, clip: ClipShape) -> None:
        from torchvision.models.video import MViT
        from torchvision.models.video.mvit import MSBlockConfig

        super().__init__()
        kernel = list(trunk.pool_kernel)
        blocks = [
            MSBlockConfig(
                shape.heads,
                shape.width_in,
                shape.width,
                kernel,
                kernel,
                list(shape.query_stride),
                list(shape.key_value_stride),
            )
            for shape in block_shapes(trunk, clip)
        ]
        self.network = MViT(
            (clip.size, clip.size),
            clip.frames,
            blocks,
            residual_pool=True,
            residual_with_cls_embed=False,
            rel_pos_embed=True,
            proj_after_attn=True,
            stochastic_depth_prob=trunk.drop_path,
            num_classes=classes,
            patch_embed_kernel=trunk.patch_kernel,
            patch_embed_stride=trunk.patch_stride,
            patch_embed_padding=trunk.patch_padding,
        )

    def forward(self, clip_BCTHW: Tensor) -> Tensor:
        """Classify the clips."""
        return self.network(clip_BCTHW)

    def fitted(self, state: State) -> State:
        """Interpolate the position tables."""
        return resized(state, self, r"\.rel_pos_")
