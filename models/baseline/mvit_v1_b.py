"""MViT, first version (`torchvision.models.video.MViT`, arXiv:2104.11227), with the widths and strides of the trunk.

Letters: B batch, T H W frames, rows, columns, C classes, P places in a frame, D width.
"""

from math import isqrt
from typing import Literal

from torch import Tensor
from torch.nn import functional

from models.geometry import ClipShape
from models.peers import Peer, PeerSettings
from models.trunk import TrunkSettings, block_shapes
from models.weights import State, resized

STREAM = "rgb"
PLACES = "network.pos_encoding.spatial_pos"


class Settings(PeerSettings):
    """The file it starts from."""

    name: Literal["mvit_v1_b"] = "mvit_v1_b"


class Baseline(Peer):
    """The peer: a block widens at its end for the next one, and queries are pooled only where a stage starts.

    Shapes:
        (B, 3, T, H, W) -> (B, C)
    """

    HEAD = "network.head.1"

    def __init__(self, settings: Settings, trunk: TrunkSettings, classes: int, clip: ClipShape) -> None:
        from torchvision.models.video import MViT
        from torchvision.models.video.mvit import MSBlockConfig

        super().__init__()
        shapes, kernel = block_shapes(trunk, clip), list(trunk.pool_kernel)
        widths = [shape.width for shape in shapes]
        pooled = [max(shape.query_stride) > 1 for shape in shapes]
        blocks = [
            MSBlockConfig(
                shape.heads,
                width,
                width_after,
                kernel if is_pooled else [],
                kernel,
                list(shape.query_stride) if is_pooled else [],
                list(shape.key_value_stride),
            )
            for shape, width, width_after, is_pooled in zip(
                shapes, widths, [*widths[1:], widths[-1]], pooled, strict=True
            )
        ]
        self.network = MViT(
            (clip.size, clip.size),
            clip.frames,
            blocks,
            residual_pool=False,
            residual_with_cls_embed=True,
            rel_pos_embed=False,
            proj_after_attn=False,
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
        """Interpolate the positions in time and in the frame, which is square."""
        fitted = resized(state, self, r"\.temporal_pos$")
        if PLACES in fitted:
            fitted[PLACES] = _interpolated(fitted[PLACES], isqrt(len(self.state_dict()[PLACES])))
        return fitted


def _interpolated(places_PD: Tensor, side: int) -> Tensor:
    own = isqrt(len(places_PD))
    if own in (side, 0) or own**2 != len(places_PD):
        return places_PD
    places_DHW = places_PD.T.unflatten(1, (own, own))
    return functional.interpolate(places_DHW[None], size=(side, side), mode="bilinear")[0].flatten(1).T
