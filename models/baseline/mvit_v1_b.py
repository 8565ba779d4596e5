"""MViT, first version (`torchvision.models.video.MViT`, arXiv:2104.11227), with the widths and strides of the trunk.

Letters: B batch, T H W frames, rows, columns, C classes.
"""

from typing import Literal

from torch import Tensor, nn

from models.geometry import ClipShape
from models.peers import AnyBaseline
from models.trunk import TrunkSettings, block_shapes

STREAM = "rgb"


class Settings(AnyBaseline):
    """Nothing to set."""

    name: Literal["mvit_v1_b"] = "mvit_v1_b"


class Baseline(nn.Module):
    """The peer: a block widens at its end for the next one, and queries are pooled only where a stage starts.

    Shapes:
        (B, 3, T, H, W) -> (B, C)
    """

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
