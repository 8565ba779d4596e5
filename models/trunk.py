"""Video trunk: MViTv2 (arXiv:2112.01526) with several classification tokens in front of the patches.

The defaults are the official small model, 16 frames of 224 pixels. It is held to torchvision's `mvit_v2_s` (one token)
and to the official TransM3E code by the tests.

Letters: B batch, T frame, H W rows and columns, N sequence (receivers, own tokens, patches), K tokens, D width, X all
numbers of a frame.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from models.attention import NORM_EPS, AttentionShape, PoolingAttention
from models.errors import UserError
from models.geometry import ClipShape, Grid, Triple, convolved_grid, pooled_grid
from models.settings import Frozen
from models.tokens import Tokens, TokenSettings

Positive = Annotated[int, Field(ge=1)]
Sizes = tuple[Positive, Positive, Positive]


class TrunkSettings(Frozen):
    """Shape of the trunk; triples are frames, rows, columns."""

    width: Positive = 96
    depth: Positive = 16
    heads: Positive = 1
    stage_starts: tuple[Annotated[int, Field(ge=0)], ...] = (1, 3, 14)
    """Blocks (from 0) at which width and heads double and queries are pooled."""
    patch_kernel: Sizes = (3, 7, 7)
    patch_stride: Sizes = (2, 4, 4)
    patch_padding: tuple[int, int, int] = (1, 3, 3)
    pool_kernel: Sizes = (3, 3, 3)
    query_stride: Sizes = (1, 2, 2)
    """At the stage starts; elsewhere queries keep the grid."""
    key_value_stride: Sizes = (1, 8, 8)
    """At block 0; divided by the query stride at each stage start, but never below 1."""
    mlp_ratio: Annotated[float, Field(gt=0)] = 4.0
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Of the last block; it grows linearly from 0 at the first."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        starts = self.stage_starts
        if list(starts) != sorted(set(starts)) or any(start >= self.depth for start in starts):
            raise ValueError(
                f"stage_starts must be rising block indices below depth {self.depth}, but got {list(starts)}: "
                f"give both, for instance depth 4 with stage_starts [1, 3]."
            )
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, but got {self.width} and {self.heads}.")
        if any(size % 2 == 0 for size in self.pool_kernel):
            raise ValueError(f"pool_kernel must be odd along each axis, but got {list(self.pool_kernel)}.")
        if any(stride > 1 and stride % 2 for stride in self.query_stride):
            raise ValueError(
                f"query_stride must be 1 or even along each axis, but got {list(self.query_stride)}: "
                "the skip path's max-pooling would end on another grid than the queries."
            )
        return self


class BlockShape(NamedTuple):
    """What one block is built for."""

    width_in: int
    width: int
    heads: int
    grid: Grid
    grid_out: Grid
    query_stride: Triple
    key_value_stride: Triple
    drop_path: float


class Encoded(NamedTuple):
    """What an encoder gives: tokens after each block that has them, and the last ones after the final LayerNorm.

    Attributes:
        own, own_by_block: each (B, K, D).
        receivers, receivers_by_block: the same for each group of receivers.
    """

    own: Tensor
    own_by_block: tuple[Tensor, ...]
    receivers: tuple[Tensor, ...] = ()
    receivers_by_block: tuple[tuple[Tensor, ...], ...] = ()


TemporalAt = Mapping[int, Callable[[BlockShape, int], nn.Module]]
"""Block index -> makes the module after that block, from the block's shape and how many tokens are there."""


def block_shapes(settings: TrunkSettings, clip: ClipShape) -> list[BlockShape]:
    """Lay out all blocks for a clip.

    Raises:
        UserError: the clip is too small for the patches.
    """
    pixels = Grid(clip.frames, clip.size, clip.size)
    grid = convolved_grid(pixels, settings.patch_kernel, settings.patch_stride, settings.patch_padding)
    if min(grid) < 1:
        raise UserError(
            f"trunk: a clip of {clip.frames} frames of {clip.size} px has no patch of kernel "
            f"{list(settings.patch_kernel)}: raise data.frames or data.size, or lower model.trunk.patch_kernel."
        )
    shapes: list[BlockShape] = []
    width, heads, key_value_stride = settings.width, settings.heads, settings.key_value_stride
    for index in range(settings.depth):
        width_in, stride = width, (1, 1, 1)
        if index in settings.stage_starts:
            width, heads, stride = 2 * width, 2 * heads, settings.query_stride
            key_value_stride = _divided(key_value_stride, stride)
        drop_path = settings.drop_path * index / max(settings.depth - 1, 1)
        grid_out = pooled_grid(grid, settings.pool_kernel, stride)
        shapes.append(BlockShape(width_in, width, heads, grid, grid_out, stride, key_value_stride, drop_path))
        grid = grid_out
    return shapes


def _divided(stride: Triple, by: Triple) -> Triple:
    frames, rows, columns = (max(size // divisor, 1) for size, divisor in zip(stride, by, strict=True))
    return frames, rows, columns


class Trunk(nn.Module):
    """Encode a clip into tokens.

    Args:
        groups: how many groups of receivers there are.
        temporal: modules by block index: each reads and gives the whole sequence after that block.

    Attributes:
        widths: of the tokens after each block that has them.

    Shapes:
        clip (B, channels, T, H, W) -> Encoded
    """

    def __init__(
        self,
        settings: TrunkSettings,
        tokens: TokenSettings,
        clip: ClipShape,
        *,
        channels: int = 3,
        groups: int = 0,
        temporal: TemporalAt | None = None,
    ) -> None:
        super().__init__()
        shapes = block_shapes(settings, clip)
        self.clip_shape = (channels, clip.frames, clip.size, clip.size)
        self.recomputes_blocks = False
        self.enter = tokens.enter
        self.widths = tuple(shape.width for shape in shapes[tokens.enter :])
        own_tokens = Tokens(tokens.count, shapes[tokens.enter].width_in, groups)  # drawn first: the order is pinned
        self.patches = nn.Conv3d(
            channels, settings.width, settings.patch_kernel, settings.patch_stride, settings.patch_padding
        )
        self.tokens = own_tokens
        counts = [self.tokens.count if index >= tokens.enter else 0 for index in range(settings.depth)]
        last, modules = settings.depth - 1, temporal or {}
        self.blocks = nn.ModuleList(
            Block(shape, settings, counts[index], gives_patches=index < last or last in modules)
            for index, shape in enumerate(shapes)
        )
        self.norm = nn.LayerNorm(shapes[-1].width, eps=NORM_EPS)
        self.temporal = nn.ModuleDict(
            {str(index): make(shapes[index], counts[index]) for index, make in modules.items()}
        )
        self.blocks.apply(initialise)

    def forward(self, clip_BCTHW: Tensor) -> Encoded:
        """Run all blocks.

        Raises:
            ValueError: the clip has other channels, frames or size than the trunk was built for.
        """
        self._check(clip_BCTHW)
        x_BND = self.patches(clip_BCTHW).flatten(2).transpose(1, 2)
        after_blocks = []
        for index, block in enumerate(self.blocks):
            if index == self.enter:
                x_BND = self.tokens(x_BND)
            x_BND = self._run(block, x_BND)
            if str(index) in self.temporal:
                x_BND = self.temporal[str(index)](x_BND)
            if index >= self.enter:
                after_blocks.append(self.tokens.split(x_BND))
        last = self.tokens.split(self.norm(x_BND[:, : self.tokens.count]))
        receivers_by_block = tuple(zip(*(each.receivers for each in after_blocks), strict=True))
        return Encoded(last.own, tuple(each.own for each in after_blocks), last.receivers, receivers_by_block)

    def _run(self, block: nn.Module, x_BND: Tensor) -> Tensor:
        if self.recomputes_blocks and self.training:
            return checkpoint(block, x_BND, use_reentrant=False)
        return block(x_BND)

    def _check(self, clip_BCTHW: Tensor) -> None:
        if clip_BCTHW.shape[1:] != self.clip_shape:
            raise ValueError(
                f"trunk: the clip must be (batch, {', '.join(map(str, self.clip_shape))}) in channels, frames, rows, "
                f"columns, but got {tuple(clip_BCTHW.shape)}: build the network for this clip, or give it clips of "
                "the data.frames and data.size it was built for."
            )


def recompute_blocks(network: nn.Module) -> None:
    """Make every trunk in `network` compute its blocks again in the backward pass: less memory, equal numbers."""
    for module in network.modules():
        if isinstance(module, Trunk):
            module.recomputes_blocks = True


class Block(nn.Module):
    """One MViTv2 block: pooling attention and MLP, each added to a skip path.

    Where the width changes, the skip path is a projection of the normalised input; where queries are strided, its
    patches are max-pooled. The last block is asked for its tokens alone, where nothing reads its patches.

    Shapes:
        (B, N, width_in) -> (B, N pooled, width), or (B, tokens, width)
    """

    def __init__(self, shape: BlockShape, settings: TrunkSettings, tokens: int, *, gives_patches: bool = True) -> None:
        super().__init__()
        self.tokens = tokens
        self.gives_patches = gives_patches
        self.grid = shape.grid
        self.norm1 = nn.LayerNorm(shape.width_in, eps=NORM_EPS)
        self.attention = PoolingAttention(
            AttentionShape(
                shape.width_in,
                shape.width,
                shape.heads,
                tokens,
                shape.grid,
                settings.pool_kernel,
                shape.query_stride,
                shape.key_value_stride,
                gives_patches,
            )
        )
        self.widen = nn.Linear(shape.width_in, shape.width) if shape.width != shape.width_in else None
        self.query_stride = shape.query_stride
        self.norm2 = nn.LayerNorm(shape.width, eps=NORM_EPS)
        hidden = int(shape.width * settings.mlp_ratio)
        self.mlp = nn.Sequential(nn.Linear(shape.width, hidden), nn.GELU(), nn.Linear(hidden, shape.width))
        self.drop_path = drop_path(shape.drop_path)

    def forward(self, x_BND: Tensor) -> Tensor:
        """Run the block."""
        normed_BND = self.norm1(x_BND)
        skip_BND = self._skip(self._kept(x_BND) if self.widen is None else self.widen(self._kept(normed_BND)))
        x_BND = skip_BND + self.drop_path(self.attention(normed_BND))
        return x_BND + self.drop_path(self.mlp(self.norm2(x_BND)))

    def _kept(self, x_BND: Tensor) -> Tensor:
        return x_BND if self.gives_patches else x_BND[:, : self.tokens]

    def _skip(self, x_BND: Tensor) -> Tensor:
        if max(self.query_stride) == 1 or not self.gives_patches:
            return x_BND
        tokens_BND, patches_BND = x_BND.tensor_split((self.tokens,), dim=1)
        return torch.cat((tokens_BND, max_pooled(patches_BND, self.grid, self.query_stride)), dim=1)


def max_pooled(patches_BND: Tensor, grid: Grid, stride: Triple) -> Tensor:
    """Pool over rows and columns, then over frames, by windows that are one wider than each stride above 1.

    In two steps, because torch pools planes whose channels stand last ten times as fast as volumes.

    Shapes:
        (B, T*H*W, D) -> (B, pooled T*H*W, D)
    """
    frames, rows, columns = (step + 1 if step > 1 else 1 for step in stride)
    planes = patches_BND.unflatten(1, grid).flatten(0, 1).permute(0, 3, 1, 2)
    planes = functional.max_pool2d(planes, (rows, columns), stride[1:], padding=(rows // 2, columns // 2))
    pooled_BTX = planes.permute(0, 2, 3, 1).flatten(1).unflatten(0, (len(patches_BND), grid.frames))
    if frames > 1:
        pooled_BTX = functional.max_pool1d(pooled_BTX.transpose(1, 2), frames, stride[0], frames // 2).transpose(1, 2)
    return pooled_BTX.flatten(1).unflatten(1, (-1, patches_BND.shape[2]))


def drop_path(rate: float) -> nn.Module:
    """Give stochastic depth (arXiv:1603.09382) for one residual branch; the identity at rate 0."""
    if rate == 0:
        return nn.Identity()
    from timm.layers.drop import DropPath  # here, because importing timm takes longer than building the network

    return DropPath(rate)


def initialise(module: nn.Module) -> None:
    """Start a linear layer from a truncated normal (std 0.02) without bias, as the official code does."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
