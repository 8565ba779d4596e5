import itertools
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torchvision.models.video import MViT, mvit_v2_s
from torchvision.models.video.mvit import MSBlockConfig

from models.build import ClipShape
from models.errors import UserError
from models.geometry import Grid, Triple
from models.tokens import TokenSettings
from models.trunk import Trunk, TrunkSettings, block_shapes, max_pooled, recompute_blocks
from models.weights import load_torchvision


def trunk_like(peer: nn.Module, settings: TrunkSettings, clip: ClipShape) -> Trunk:
    trunk = Trunk(settings, TokenSettings(count=1), clip).eval()
    load_torchvision(trunk, peer.state_dict())
    return trunk


def features(peer: MViT) -> MViT:
    """Take the head off, and draw weights large enough for each of them to show in the result."""
    peer.head = nn.Identity()
    for name, parameter in peer.named_parameters():
        if any(part in name for part in ("norm", "bias", "rel_pos")):
            nn.init.normal_(parameter, mean=float(name.endswith("weight")), std=0.1)
    return peer.eval()


@torch.no_grad()
def test_with_one_token_it_equals_torchvisions_mvit_v2_s_at_full_size() -> None:
    peer = features(mvit_v2_s())
    trunk = trunk_like(peer, TrunkSettings(), ClipShape(16, 224))
    clip = torch.randn(1, 3, 16, 224, 224)
    ours, theirs = trunk(clip).own[:, 0], peer(clip)
    assert theirs.std() > 0.5
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


def small_peer(settings: TrunkSettings, clip: ClipShape) -> MViT:
    def blocks() -> Sequence[MSBlockConfig]:
        for shape in block_shapes(settings, clip):
            strides = list(shape.query_stride), list(shape.key_value_stride)
            kernel = list(settings.pool_kernel)
            yield MSBlockConfig(shape.heads, shape.width_in, shape.width, kernel, kernel, *strides)

    return MViT(
        (clip.size, clip.size),
        clip.frames,
        list(blocks()),
        residual_pool=True,
        residual_with_cls_embed=False,
        rel_pos_embed=True,
        proj_after_attn=True,
        patch_embed_kernel=settings.patch_kernel,
        patch_embed_stride=settings.patch_stride,
        patch_embed_padding=settings.patch_padding,
    )


TINY: dict[str, Any] = {"width": 24, "depth": 4, "stage_starts": (1, 3)}
SMALLER = [
    (TINY, ClipShape(8, 64)),
    (TINY | {"patch_stride": (2, 8, 8), "key_value_stride": (1, 4, 4)}, ClipShape(8, 64)),
    (TINY | {"width": 16, "heads": 2, "query_stride": (2, 2, 2), "key_value_stride": (2, 4, 4)}, ClipShape(16, 32)),
    ({"width": 8, "depth": 2, "stage_starts": (), "pool_kernel": (1, 3, 3)}, ClipShape(2, 32)),
]


@pytest.mark.parametrize(("changes", "clip"), SMALLER)
@torch.no_grad()
def test_with_one_token_it_equals_torchvisions_mvit_at_other_settings(changes: dict[str, Any], clip: ClipShape) -> None:
    settings = TrunkSettings(**changes)
    peer = features(small_peer(settings, clip))
    clips = torch.randn(2, 3, clip.frames, clip.size, clip.size)
    torch.testing.assert_close(trunk_like(peer, settings, clip)(clips).own[:, 0], peer(clips), rtol=0, atol=2e-5)


def test_the_defaults_are_the_official_small_model() -> None:
    shapes = block_shapes(TrunkSettings(), ClipShape(16, 224))
    assert [shape.width for shape in shapes] == [96] + [192] * 2 + [384] * 11 + [768] * 2
    assert [shape.heads for shape in shapes] == [1] + [2] * 2 + [4] * 11 + [8] * 2
    assert [shape.grid.rows for shape in shapes] == [56] * 2 + [28] * 2 + [14] * 11 + [7]
    assert [shape.key_value_stride[1] for shape in shapes] == [8, 4, 4] + [2] * 11 + [1] * 2
    assert shapes[0].grid == Grid(8, 56, 56)
    assert shapes[0].drop_path == 0
    assert shapes[-1].drop_path == pytest.approx(0.2)
    steps = [later.drop_path - earlier.drop_path for earlier, later in itertools.pairwise(shapes)]
    assert steps == pytest.approx([0.2 / 15] * 15)


@pytest.mark.parametrize(("frames", "size"), [(3, 30), (7, 45), (1, 33)])
def test_any_number_of_frames_and_any_size_will_do(frames: int, size: int) -> None:
    settings = TrunkSettings(**TINY)
    trunk = Trunk(settings, TokenSettings(count=2), ClipShape(frames, size), groups=2)
    encoded = trunk(torch.randn(1, 3, frames, size, size))
    assert [tuple(tokens.shape) for tokens in encoded.own_by_block] == [(1, 2, width) for width in (24, 48, 48, 96)]
    assert [len(group) for group in encoded.receivers_by_block] == [4, 4]
    assert [group.shape for group in encoded.receivers] == [(1, 2, 96)] * 2
    encoded.own.sum().backward()


def test_without_receivers_there_are_none() -> None:
    encoded = Trunk(TrunkSettings(**TINY), TokenSettings(count=2), ClipShape(4, 32))(torch.randn(1, 3, 4, 32, 32))
    assert encoded.receivers == ()
    assert encoded.receivers_by_block == ()


def blocks_run(trunk: Trunk) -> list[str]:
    """Note every run of the first block."""
    runs: list[str] = []
    trunk.blocks[0].register_forward_pre_hook(lambda *_: runs.append("run"))
    return runs


def test_recomputing_blocks_changes_neither_numbers_nor_gradients() -> None:
    clips = torch.randn(4, 3, 4, 32, 32)
    results: list[list[Tensor]] = []
    for prepare, expected in ((lambda trunk: None, 1), (recompute_blocks, 2)):
        torch.manual_seed(1)
        trunk = Trunk(TrunkSettings(**TINY, drop_path=0.5), TokenSettings(count=2), ClipShape(4, 32)).train()
        prepare(trunk)
        runs = blocks_run(trunk)
        loss = trunk(clips).own.square().sum()
        loss.backward()
        assert len(runs) == expected
        gradients = [each.grad for each in trunk.parameters() if each.grad is not None]
        results.append([loss, *gradients])
    assert len(results[0]) > 50
    for plain, recomputed in zip(*results, strict=True):
        torch.testing.assert_close(plain, recomputed, rtol=0, atol=0)


class Doubled(nn.Module):
    def forward(self, sequence: Tensor) -> Tensor:
        return 2 * sequence


def test_a_temporal_module_reads_and_gives_the_whole_sequence_after_its_block() -> None:
    clips = torch.randn(1, 3, 4, 32, 32)
    trunks = []
    for temporal in ({}, {1: lambda *_: Doubled()}):
        torch.manual_seed(1)
        trunks.append(Trunk(TrunkSettings(**TINY), TokenSettings(count=2), ClipShape(4, 32), temporal=temporal).eval())
    without, doubled = (trunk(clips).own_by_block for trunk in trunks)
    torch.testing.assert_close(doubled[0], without[0])
    torch.testing.assert_close(doubled[1], 2 * without[1])
    assert not torch.allclose(doubled[2], without[2])


@pytest.mark.parametrize("stride", [(1, 2, 2), (2, 2, 2), (1, 1, 4), (2, 1, 1)])
def test_planes_and_then_frames_are_pooled_as_volumes_are(stride: Triple) -> None:
    grid, kernel = Grid(4, 5, 6), tuple(step + (step > 1) for step in stride)
    patches = torch.randn(2, 3 + grid.patches, 7)[:, 3:]
    pooled = nn.MaxPool3d(kernel, stride, tuple(side // 2 for side in kernel))(patches.mT.unflatten(2, grid))
    assert torch.equal(max_pooled(patches, grid, stride), pooled.flatten(2).mT)


def test_tokens_may_enter_at_a_later_block_which_alone_sees_them_first() -> None:
    torch.manual_seed(1)
    trunk = Trunk(TrunkSettings(**TINY), TokenSettings(count=2, enter=2), ClipShape(4, 32), groups=1).eval()
    clips = torch.randn(1, 3, 4, 32, 32)
    encoded = trunk(clips)
    assert trunk.widths == (48, 96)
    assert [tuple(tokens.shape) for tokens in encoded.own_by_block] == [(1, 2, 48), (1, 2, 96)]
    seen: list[Tensor] = []
    hooks = [block.register_forward_hook(lambda *call: seen.append(call[2])) for block in trunk.blocks]
    trunk(clips)
    assert [hook.remove() for hook in hooks]
    patches = [shape.grid_out.patches for shape in block_shapes(TrunkSettings(**TINY), ClipShape(4, 32))]
    assert [sequence.shape[1] for sequence in seen] == [patches[0], patches[1], patches[2] + 4, 4]


@pytest.mark.parametrize("shape", [(1, 3, 8, 32, 32), (1, 3, 4, 32, 64), (1, 1, 4, 32, 32), (3, 4, 32, 32)])
def test_a_clip_of_another_shape_is_refused_with_both_shapes(shape: tuple[int, ...]) -> None:
    trunk = Trunk(TrunkSettings(**TINY), TokenSettings(count=2), ClipShape(4, 32))
    with pytest.raises(ValueError, match=r"\(batch, 3, 4, 32, 32\).*but got.*data\.frames") as error:
        trunk(torch.zeros(shape))
    assert str(shape) in str(error.value)


def test_a_clip_smaller_than_a_patch_is_refused() -> None:
    with pytest.raises(UserError, match=r"2 frames of 2 px.*raise data\.frames"):
        block_shapes(TrunkSettings(patch_padding=(0, 0, 0)), ClipShape(2, 2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 4}, r"below depth 4, but got \[1, 3, 14\]"),
        ({"stage_starts": (3, 1)}, r"rising block indices"),
        ({"stage_starts": (-1,)}, r"greater than or equal to 0"),
        ({"width": 9, "heads": 2}, r"multiple of heads, but got 9 and 2"),
        ({"pool_kernel": (3, 2, 3)}, r"must be odd.*\[3, 2, 3\]"),
        ({"query_stride": (1, 3, 3)}, r"1 or even.*\[1, 3, 3\]"),
        ({"drop_path": 1.0}, r"less than 1"),
        ({"widht": 24}, r"widht"),
    ],
)
def test_settings_that_make_no_trunk_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrunkSettings(**changes)
