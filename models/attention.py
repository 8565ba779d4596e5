"""Pooling attention of MViTv2 with decomposed relative positions (arXiv:2112.01526, section 4.1).

The position bias needs no mask here: a patch query is made longer by its products with the three tables, a patch key by
one-hot codes of its frame, row and column, so that their dot product carries the bias. It is the same number to 2e-6,
and `scaled_dot_product_attention` may take its fast kernel, which a mask with a gradient would forbid.

Letters: B batch, G heads, N sequence (tokens, then patches), D width of one head, T H W frames, rows, columns.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.depthwise import convolve
from models.errors import UserError
from models.geometry import Grid, Triple, half, pooled_grid

NORM_EPS = 1e-6
HALVES = (torch.bfloat16, torch.float16)


class AttentionShape(NamedTuple):
    """What an attention is built for.

    Attributes:
        tokens: all tokens that stand before the patches.
        gives_patches: the attended patches are read by somebody; else only tokens attend.
    """

    width_in: int
    width: int
    heads: int
    tokens: int
    grid: Grid
    kernel: Triple
    query_stride: Triple
    key_value_stride: Triple
    gives_patches: bool = True


class PoolingAttention(nn.Module):
    """Attend over tokens and pooled patches; tokens are neither pooled nor given a position.

    Where nobody reads the patches, their queries and positions are not computed; the weights of these are kept, as
    published networks have them, and are not trained.

    Shapes:
        (B, tokens + T*H*W, width_in) -> (B, tokens + pooled T*H*W, width), or (B, tokens, width)
    """

    def __init__(self, shape: AttentionShape) -> None:
        super().__init__()
        self.tokens = shape.tokens
        self.gives_patches = shape.gives_patches
        head_width = shape.width // shape.heads
        query_grid = pooled_grid(shape.grid, shape.kernel, shape.query_stride)
        key_grid = pooled_grid(shape.grid, shape.kernel, shape.key_value_stride)
        self.qkv = nn.Linear(shape.width_in, 3 * shape.width)
        self.pool_q = Pool(head_width, shape, shape.query_stride)
        self.pool_k = Pool(head_width, shape, shape.key_value_stride)
        self.pool_v = Pool(head_width, shape, shape.key_value_stride)
        self.positions = RelativePositions(head_width, shape.tokens, query_grid, key_grid)
        self.project = nn.Linear(shape.width, shape.width)
        is_patch_N1 = torch.ones(shape.tokens + query_grid.patches, 1)
        is_patch_N1[: shape.tokens] = 0
        self.is_patch_N1: Tensor
        self.register_buffer("is_patch_N1", is_patch_N1, persistent=False)
        if not shape.gives_patches:
            self.pool_q.convolution.requires_grad_(False)
            self.positions.requires_grad_(False)

    def forward(self, x_BND: Tensor) -> Tensor:
        """Give the attended sequence with the pooled queries added to its patches (residual pooling)."""
        if not self.gives_patches:
            return self._of_tokens(x_BND)
        q_BND, k_BND, v_BND = self.qkv(x_BND).chunk(3, dim=2)
        q_BGND, k_BGND, v_BGND = self.pool_q(q_BND), self.pool_k(k_BND), self.pool_v(v_BND)
        attended_BGND = self.positions(q_BGND, k_BGND, v_BGND)
        mixed_BGND = torch.addcmul(attended_BGND, q_BGND, self.is_patch_N1.to(q_BGND.dtype))
        return self.project(mixed_BGND.transpose(1, 2).flatten(2))

    def _of_tokens(self, x_BND: Tensor) -> Tensor:
        """Attend from the tokens, which have no position, to everything."""
        width = self.project.in_features
        q_weight, kv_weight = self.qkv.weight.split((width, 2 * width))
        q_bias, kv_bias = self.qkv.bias.split((width, 2 * width))
        q_BGND = self.pool_q.normalised(functional.linear(x_BND[:, : self.tokens], q_weight, q_bias))
        k_BND, v_BND = functional.linear(x_BND, kv_weight, kv_bias).chunk(2, dim=2)
        attended_BGND = functional.scaled_dot_product_attention(q_BGND, self.pool_k(k_BND), self.pool_v(v_BND))
        return self.project(attended_BGND.transpose(1, 2).flatten(2))


class Pool(nn.Module):
    """Pool the patches of each head by a depthwise convolution, then normalise tokens and patches alike.

    All heads share the kernels. They are convolved side by side as channels, which stand last in memory: three times
    as fast here as heads in the batch.

    Shapes:
        (B, tokens + T*H*W, G*D) -> (B, G, tokens + pooled T*H*W, D)
    """

    def __init__(self, head_width: int, shape: AttentionShape, stride: Triple) -> None:
        super().__init__()
        self.heads = shape.heads
        self.tokens = shape.tokens
        self.grid = shape.grid
        self.stride = stride
        self.convolution = nn.Conv3d(
            head_width,
            head_width,
            shape.kernel,
            stride,
            padding=half(shape.kernel),
            groups=head_width,
            bias=False,
        )
        self.norm = nn.LayerNorm(head_width, eps=NORM_EPS)

    def forward(self, x_BND: Tensor) -> Tensor:
        """Pool one of queries, keys and values."""
        tokens_BND, patches_BND = x_BND.split((self.tokens, x_BND.shape[1] - self.tokens), dim=1)
        volume = patches_BND.unflatten(1, self.grid).permute(0, 4, 1, 2, 3)
        kernels = self.convolution.weight.repeat(self.heads, 1, 1, 1, 1)
        pooled = convolve(volume, kernels, self.stride)
        pooled_BND = torch.cat((tokens_BND, pooled.to(tokens_BND.dtype).flatten(2).transpose(1, 2)), dim=1)
        return self.normalised(pooled_BND)

    def normalised(self, x_BND: Tensor) -> Tensor:
        """Take the heads apart and normalise each: (B, N, G*D) -> (B, G, N, D)."""
        return self.norm(x_BND.unflatten(2, (self.heads, -1))).transpose(1, 2)


class RelativePositions(nn.Module):
    """Attend with a bias for the distance of query and key in frames, rows and columns: q . (R_t + R_h + R_w).

    The products use the query before it is scaled, as the official code does.

    Shapes:
        q (B, G, Nq, D), k and v (B, G, Nk, D) -> (B, G, Nq, D)
    """

    def __init__(self, head_width: int, tokens: int, query_grid: Grid, key_grid: Grid) -> None:
        super().__init__()
        self.scale = head_width**-0.5
        self.tokens = tokens
        self.query_grid = query_grid
        self.frames = self._table(head_width, query_grid.frames, key_grid.frames)
        self.rows = self._table(head_width, query_grid.rows, key_grid.rows)
        self.columns = self._table(head_width, query_grid.columns, key_grid.columns)
        self.frames_index: Tensor
        self.rows_index: Tensor
        self.columns_index: Tensor
        for name, queries, keys in zip(("frames", "rows", "columns"), query_grid, key_grid, strict=True):
            self.register_buffer(f"{name}_index", table_index(queries, keys), persistent=False)
        self.code_NE: Tensor
        self.register_buffer("code_NE", one_hot_places(tokens, key_grid), persistent=False)

    @staticmethod
    def _table(head_width: int, queries: int, keys: int) -> nn.Parameter:
        return nn.Parameter(nn.init.trunc_normal_(torch.empty(2 * max(queries, keys) - 1, head_width), std=0.02))

    def forward(self, q_BGND: Tensor, k_BGND: Tensor, v_BGND: Tensor) -> Tensor:
        """Attend, with the bias folded into longer queries and keys."""
        bias_BGNE = functional.pad(self.bias(q_BGND), (0, 0, self.tokens, 0))
        code_BGNE = self.code_NE.to(k_BGND.dtype).expand(*k_BGND.shape[:2], -1, -1)
        longer_q = torch.cat((q_BGND * self.scale, bias_BGNE), dim=-1)
        longer_k = torch.cat((k_BGND, code_BGNE), dim=-1)
        if q_BGND.device.type == "cpu" and longer_q.dtype in HALVES:
            # Twice as fast as the fused kernel, which takes as long in half precision as in single.
            return (longer_q @ longer_k.transpose(2, 3)).softmax(dim=-1) @ v_BGND
        longer_v = functional.pad(v_BGND, (0, code_BGNE.shape[-1]))
        attended = functional.scaled_dot_product_attention(longer_q, longer_k, longer_v, scale=1.0)
        return attended[..., : v_BGND.shape[-1]]

    def bias(self, q_BGND: Tensor) -> Tensor:
        """Multiply each patch query with the table rows of all key frames, key rows and key columns.

        Shapes:
            (B, G, tokens + T*H*W, D) -> (B, G, T*H*W, key frames + key rows + key columns)
        """
        q_BGTHWD = q_BGND[:, :, self.tokens :].unflatten(2, self.query_grid)
        frames = torch.einsum("bgthwd,tkd->bgthwk", q_BGTHWD, self.frames[self.frames_index])
        rows = torch.einsum("bgthwd,hkd->bgthwk", q_BGTHWD, self.rows[self.rows_index])
        columns = torch.einsum("bgthwd,wkd->bgthwk", q_BGTHWD, self.columns[self.columns_index])
        return torch.cat((frames, rows, columns), dim=-1).flatten(2, 4)


def table_index(queries: int, keys: int) -> Tensor:
    """Give the table row for each pair of query and key position along one axis, (queries, keys).

    Positions are counted in the finer of the two grids; the key's farthest position has row 0 or more.
    """
    query_step, key_step = max(keys / queries, 1.0), max(queries / keys, 1.0)
    query = torch.arange(queries)[:, None] * query_step
    key = (torch.arange(keys)[None, :] + (1.0 - keys)) * key_step
    return (query - key).long()


def one_hot_places(tokens: int, grid: Grid) -> Tensor:
    """Give each key its code: zeros for tokens, one-hot frame, row and column for patches."""
    frames = torch.eye(grid.frames).repeat_interleave(grid.rows * grid.columns, dim=0)
    rows = torch.eye(grid.rows).repeat_interleave(grid.columns, dim=0).repeat(grid.frames, 1)
    columns = torch.eye(grid.columns).repeat(grid.frames * grid.rows, 1)
    return functional.pad(torch.cat((frames, rows, columns), dim=1), (0, 0, tokens, 0))


def multihead(width: int, heads: int, setting: str) -> nn.MultiheadAttention:
    """Give plain attention over (B, N, D).

    Args:
        setting: dotted name of the setting that says how many heads.

    Raises:
        UserError: the heads do not divide the width.
    """
    if width % heads:
        raise UserError(f"{setting}: must divide the width {width} of the tokens there, but is {heads}.")
    return nn.MultiheadAttention(width, heads, batch_first=True)
