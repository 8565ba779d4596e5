"""The network gives the official code's numbers, block by block (`transm3e_official_small.npz`, random weights).

The file's `in.rgb_diff` is noise of its own, not the difference of `in.rgb`, so the sender's trunk is fed directly.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.build import ClipShape, ModelSettings, build
from models.distilling import Seen
from models.loss import softmax_bce
from models.tokens import TokenSettings
from models.transm3e import TransM3E
from models.trunk import TrunkSettings
from models.weights import load_official

TOLERANCE = 1e-5
PATH = Path(__file__).with_name("transm3e_official_small.npz")


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    with np.load(PATH) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files if name != "meta.json"}


@pytest.fixture(scope="module")
def network(golden: dict[str, Tensor]) -> TransM3E:
    with np.load(PATH) as arrays:
        meta: dict[str, Any] = json.loads(arrays["meta.json"].tobytes())
    trunk = TrunkSettings(
        width=meta["embed_dim"],
        depth=meta["depth"],
        heads=meta["num_heads"],
        stage_starts=meta["dim_mul"],
        patch_kernel=meta["patch"]["kernel"],
        patch_stride=meta["patch"]["stride"],
        patch_padding=meta["patch"]["padding"],
        pool_kernel=meta["pool_kernel"],
        key_value_stride=meta["kv_stride_adaptive"],
        mlp_ratio=meta["mlp_ratio"],
    )
    settings = ModelSettings(trunk=trunk, tokens=TokenSettings(count=meta["tokens"]), fusion="mctf_official")
    network = build(settings, meta["classes"], ClipShape(meta["frames"], meta["size"]))
    assert isinstance(network, TransM3E)
    load_official(
        network, {name.removeprefix("weight."): golden[name] for name in golden if name.startswith("weight.")}
    )
    return network.eval()


def compare_blocks(trunk: nn.Module, clip: Tensor, official: Sequence[Tensor]) -> None:
    """Run a trunk and compare the sequence after each block; after the last one there are tokens alone."""
    kept: list[Tensor] = []
    hooks = [block.register_forward_hook(lambda *call: kept.append(call[2])) for block in trunk.get_submodule("blocks")]
    with torch.no_grad():
        trunk(clip)
    for hook in hooks:
        hook.remove()
    for sequence, theirs in zip(kept[:-1], official[:-1], strict=True):
        close(sequence, theirs)
    count = trunk.get_submodule("tokens").count
    close(kept[-1], official[-1][:, :count])


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCE)


def test_every_block_of_the_rgb_branch_gives_the_official_receivers_tokens_and_patches(
    network: TransM3E, golden: dict[str, Tensor]
) -> None:
    compare_blocks(network.trunk, golden["in.rgb"], [golden[f"out.rgb_block{index}"] for index in range(4)])


def test_every_block_of_the_sender_gives_the_official_tokens_and_patches(
    network: TransM3E, golden: dict[str, Tensor]
) -> None:
    trunk = network.get_submodule("senders.rgb_difference.sender.trunk")
    compare_blocks(trunk, golden["in.rgb_diff"], [golden[f"out.sender_block{index}"] for index in range(4)])


@torch.no_grad()
def test_fusion_logits_and_probabilities_are_the_official_ones(network: TransM3E, golden: dict[str, Tensor]) -> None:
    encoded = network.trunk(golden["in.rgb"])
    close(network.fusion(encoded.own, *encoded.receivers).mean(dim=1), golden["out.fused"])
    logits = network({"rgb": golden["in.rgb"]}).logits_BC
    close(logits, golden["out.logits"])
    close(softmax_bce.Loss(softmax_bce.Settings()).scores(logits), golden["out.probabilities"])


@torch.no_grad()
def test_the_distillation_loss_is_the_official_one(network: TransM3E, golden: dict[str, Tensor]) -> None:
    encoded = network.trunk(golden["in.rgb"])
    sent = network.get_submodule("senders.rgb_difference.sender.trunk")(golden["in.rgb_diff"])
    (received,) = encoded.receivers_by_block
    compare = network.get_submodule("distill.rgb_difference")
    loss = compare(Seen(received, encoded.receivers[0], None), Seen(sent.own_by_block, sent.own, None))
    close(loss, golden["out.kd_loss"])
    torch.testing.assert_close(loss, golden["out.kd_loss"], rtol=1e-4, atol=0)
