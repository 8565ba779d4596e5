import math

import pytest
import torch
from torch import Tensor

from models.attention import AttentionShape, PoolingAttention, RelativePositions, one_hot_places, table_index
from models.geometry import Grid
from tests.made_network import UNREAD

TOKENS, WIDTH = 3, 6


def explicit(positions: RelativePositions, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The same attention as the papers write it: a bias for every pair of patches, softmax, weighted values."""
    scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
    places = [list(torch.cartesian_prod(*map(torch.arange, grid)).tolist()) for grid in (GRID_Q, GRID_K)]
    axes = ((positions.frames, 0), (positions.rows, 1), (positions.columns, 2))
    for i, query in enumerate(places[0]):
        for j, key in enumerate(places[1]):
            for table, axis in axes:
                sizes = GRID_Q[axis], GRID_K[axis]
                step_q, step_k = max(sizes[1] / sizes[0], 1), max(sizes[0] / sizes[1], 1)
                row = int(query[axis] * step_q - key[axis] * step_k + (sizes[1] - 1) * step_k)
                scores[:, :, TOKENS + i, TOKENS + j] += q[:, :, TOKENS + i] @ table[row]
    return scores.softmax(dim=-1) @ v


GRID_Q, GRID_K = Grid(2, 4, 3), Grid(2, 2, 1)


def test_the_folded_bias_equals_explicit_softmax_attention_and_its_gradients() -> None:
    positions = RelativePositions(WIDTH, TOKENS, GRID_Q, GRID_K).double()
    for table in positions.parameters():
        torch.nn.init.normal_(table)
    shapes = [(2, 2, TOKENS + grid.patches, WIDTH) for grid in (GRID_Q, GRID_K, GRID_K)]
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    folded, reference = positions(*inputs), explicit(positions, *inputs)
    torch.testing.assert_close(folded, reference, rtol=0, atol=1e-12)
    wanted = [*inputs, *positions.parameters()]
    weights = torch.randn_like(folded)
    gradients = [torch.autograd.grad((out * weights).sum(), wanted) for out in (folded, reference)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


def test_in_single_precision_the_folded_bias_keeps_to_two_millionths() -> None:
    positions = RelativePositions(96, TOKENS, GRID_Q, GRID_K)
    q, k, v = (torch.randn(2, 2, TOKENS + grid.patches, 96) for grid in (GRID_Q, GRID_K, GRID_K))
    torch.testing.assert_close(positions(q, k, v), explicit(positions, q, k, v), rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("queries", "keys", "rows"),
    [
        (3, 3, [[2, 1, 0], [3, 2, 1], [4, 3, 2]]),
        (4, 2, [[2, 0], [3, 1], [4, 2], [5, 3]]),
        (2, 4, [[3, 2, 1, 0], [5, 4, 3, 2]]),
    ],
)
def test_table_rows_count_distance_in_the_finer_grid(queries: int, keys: int, rows: list[list[int]]) -> None:
    assert table_index(queries, keys).tolist() == rows


def test_keys_are_coded_by_frame_row_and_column_in_the_order_of_the_patches() -> None:
    grid = Grid(2, 2, 3)
    codes = one_hot_places(TOKENS, grid)
    assert not codes[:TOKENS].any()
    frame, row, column = 1, 0, 2
    code = codes[TOKENS + torch.arange(grid.patches).reshape(grid)[frame, row, column]]
    assert code.nonzero().flatten().tolist() == [frame, 2 + row, 4 + column]


def test_tokens_are_neither_pooled_nor_given_the_residual_of_the_queries() -> None:
    shape = AttentionShape(8, 8, 2, TOKENS, Grid(2, 4, 4), (3, 3, 3), (1, 2, 2), (1, 4, 4))
    attention = PoolingAttention(shape)
    torch.nn.init.zeros_(attention.qkv.weight[16:])
    torch.nn.init.zeros_(attention.qkv.bias)
    torch.nn.init.eye_(attention.project.weight)
    torch.nn.init.zeros_(attention.project.bias)
    out = attention(torch.randn(2, TOKENS + 32, 8))
    assert out.shape == (2, TOKENS + 8, 8)
    assert not out[:, :TOKENS].any(), "values are zero, so a token keeps nothing"
    assert out[:, TOKENS:].all(), "patches keep their pooled query"


def test_tokens_alone_attend_as_they_do_beside_the_patches() -> None:
    whole = AttentionShape(8, 16, 2, TOKENS, Grid(2, 4, 4), (3, 3, 3), (1, 2, 2), (1, 4, 4))
    attention, alone = PoolingAttention(whole), PoolingAttention(whole._replace(gives_patches=False))
    alone.load_state_dict(attention.state_dict())
    sequence = torch.randn(2, TOKENS + 32, 8)
    torch.testing.assert_close(alone(sequence), attention(sequence)[:, :TOKENS])
    alone(sequence).sum().backward()
    idle = [name for name, value in alone.named_parameters() if not value.requires_grad]
    assert idle == [name for name, value in alone.named_parameters() if value.grad is None] == list(UNREAD)


def test_in_half_precision_the_attention_stays_near_that_of_full_precision() -> None:
    positions = RelativePositions(96, TOKENS, GRID_Q, GRID_K)
    for table in positions.parameters():
        torch.nn.init.normal_(table, std=0.1)
    inputs = [torch.randn(2, 2, TOKENS + grid.patches, 96) for grid in (GRID_Q, GRID_K, GRID_K)]
    with torch.autocast("cpu", torch.bfloat16):
        halved = positions(*(each.bfloat16() for each in inputs))
    assert halved.dtype == torch.bfloat16
    full = positions(*inputs)
    assert (halved.float() - full).norm() / full.norm() < 0.01


@pytest.mark.parametrize("frames", [2, 4, 8])
def test_in_half_precision_gradients_are_those_of_full_precision(frames: int) -> None:
    """The CPU's own bfloat16 gradient of a depthwise convolution of two frames reads memory that nobody wrote."""
    grid = Grid(frames, 4, 4)
    attention = PoolingAttention(AttentionShape(16, 16, 1, 3, grid, (3, 3, 3), (1, 1, 1), (1, 2, 2)))
    sequence, wanted = torch.randn(4, 3 + grid.patches, 16), torch.randn(4, 3 + grid.patches, 16)
    gradients = []
    for half in (False, True):
        for _ in range(5):
            spoilt = [torch.full((size,), torch.nan) for size in (1000, 10_000, 100_000)]
            del spoilt
            attention.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                (attention(sequence) * wanted).float().sum().backward()
        grads = [value.grad for value in attention.parameters() if value.grad is not None]
        gradients.append(torch.cat([grad.flatten() for grad in grads]))
    full, halved = gradients
    assert (halved - full).norm() / full.norm() < 0.05
    assert all(value.grad is not None and value.grad.isfinite().all() for value in attention.parameters())
