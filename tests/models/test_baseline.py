"""Every file of `models/baseline/` keeps the folder's contract; below, what single ones compute."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision.models.video import MViT, mvit_v1_b, mvit_v2_s

from models import catalog
from models.build import BaselineModel, ClipShape, ModelSettings, baseline_settings, build, load_own_state, own_state
from models.errors import UserError
from models.geometry import Skeleton
from models.peers import BaselineNetwork, share_of
from models.trunk import TrunkSettings

BASELINES = [name for name in catalog.names("models.baseline") if name != "none"]
TRAINED = [name for name in BASELINES if catalog.load("models.baseline", name).Settings.trains]
CLIP = ClipShape(8, 64, Skeleton(5, 2, ((0, 1), (1, 2), (2, 3), (3, 4))))
TINY = {"width": 32, "depth": 4, "stage_starts": (1, 3), "patch_kernel": (3, 11, 11), "patch_stride": (2, 8, 8)}
TRUNK = TrunkSettings(**TINY, patch_padding=(1, 5, 5), key_value_stride=(1, 4, 4), drop_path=0.0)
CLASSES = 5


def network(name: str, seed: int = 0, **settings: Any) -> BaselineNetwork:
    torch.manual_seed(seed)
    model = BaselineModel.model_validate({"trunk": TRUNK, "baseline": {"name": name, **settings}})
    made = build(model, CLASSES, CLIP)
    assert isinstance(made, BaselineNetwork)
    return made


@pytest.fixture
def streams() -> dict[str, Tensor]:
    assert CLIP.skeleton is not None
    return {
        "rgb": torch.randn(2, 3, CLIP.frames, CLIP.size, CLIP.size),
        "skeleton": torch.rand(2, CLIP.frames, CLIP.skeleton.joints, CLIP.skeleton.axes),
    }


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_classifies_the_clips_and_repeats_with_its_seed(name: str, streams: dict[str, Tensor]) -> None:
    made, again, other = (network(name, seed).eval() for seed in (1, 1, 2))
    logits = made(streams).logits_BC
    assert logits.shape == (2, CLASSES)
    assert logits.isfinite().all()
    assert torch.equal(again(streams).logits_BC, logits)
    assert torch.equal(other(streams).logits_BC, logits) == (name in ("label_frequency", "all_active"))
    load_own_state(other, own_state(made))
    assert torch.equal(other(streams).logits_BC, logits)


@pytest.mark.parametrize("name", BASELINES)
def test_who_looks_at_whole_batches_in_training_says_so(name: str, streams: dict[str, Tensor]) -> None:
    """And every parameter takes part in a pass: processes that train together wait for each one's gradient."""
    made = network(name).train()
    mixes = any(isinstance(module, _BatchNorm) for module in made.modules())
    assert catalog.load("models.baseline", name).Settings.normalises_over_batch == mixes
    logits_BC = made(streams).logits_BC
    if logits_BC.requires_grad:
        logits_BC.sum().backward()
    assert all(parameter.grad is not None for parameter in made.parameters())


@pytest.mark.parametrize("name", BASELINES)
def test_no_baseline_looks_at_the_order_of_the_batch(name: str, streams: dict[str, Tensor]) -> None:
    made = network(name).eval()
    flipped = {stream: values.flip(0) for stream, values in streams.items()}
    torch.testing.assert_close(made(flipped).logits_BC.flip(0), made(streams).logits_BC, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", TRAINED)
def test_the_gradient_reaches_every_weight_of_a_baseline(name: str, streams: dict[str, Tensor]) -> None:
    made = network(name).train()
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # timm closes residual paths at first
            torch.nn.init.ones_(module.weight)
    made(streams).logits_BC.square().sum().backward()
    still = [parameter for parameter, value in made.named_parameters() if value.grad is None or not value.grad.any()]
    assert [parameter for parameter in still if not (name.startswith("mvit") and ".blocks.3.attn." in parameter)] == []


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_builds_at_full_size_on_the_meta_device(name: str) -> None:
    settings = ModelSettings.model_validate({"baseline": name})
    with torch.device("meta"):
        made = build(baseline_settings(settings), 20, ClipShape(16, 224, CLIP.skeleton))
    assert all(tensor.is_meta for tensor in made.parameters())
    assert bool(list(made.parameters())) == (name in TRAINED)


@pytest.mark.parametrize(
    ("name", "millions"),
    [("r3d_18", 33.2), ("mc3_18", 11.5), ("r2plus1d_18", 31.3), ("s3d", 7.9), ("swin3d_t", 27.9), ("swin3d_s", 49.5)],
)
def test_at_the_full_profile_peers_are_as_large_as_they_are_published(name: str, millions: float) -> None:
    with torch.device("meta"):
        made = build(BaselineModel.model_validate({"baseline": name}), 20, ClipShape(16, 224))
    assert sum(value.numel() for value in made.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)


@pytest.mark.parametrize(("name", "published"), [("mvit_v1_b", mvit_v1_b), ("mvit_v2_s", mvit_v2_s)])
def test_at_the_full_profile_the_mvits_have_the_published_weights(name: str, published: Any) -> None:
    with torch.device("meta"):
        made = build(BaselineModel.model_validate({"baseline": name}), 400, ClipShape(16, 224))
        peer: MViT = published()
    ours = {key.removeprefix("peer.network."): value.shape for key, value in made.state_dict().items()}
    assert ours == {key: value.shape for key, value in peer.state_dict().items()}


def test_a_peer_has_the_trunks_share_of_its_width() -> None:
    assert [share_of(TrunkSettings(width=width)) for width in (96, 48, 32, 24, 16, 8)] == [
        1,
        0.5,
        0.25,
        0.25,
        0.125,
        0.125,
    ]


def test_label_frequencies_are_those_of_the_training_clips(streams: dict[str, Tensor]) -> None:
    made = network("label_frequency")
    made.fit(torch.tensor([[1.0, 0, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0, 0, 1]]))
    scores = made(streams).logits_BC.sigmoid()
    torch.testing.assert_close(scores, torch.tensor([[0.875, 0.25, 0.25, 0.125, 0.25]] * 2))


def test_random_scores_follow_the_clip_and_the_seed(streams: dict[str, Tensor]) -> None:
    logits = network("random")(streams).logits_BC
    assert not torch.equal(logits[0], logits[1])
    one = {name: values[1:] for name, values in streams.items()}
    assert torch.equal(network("random")(one).logits_BC[0], logits[1])


@pytest.mark.parametrize("backbone", ["resnet18", "vit_tiny_patch16_224", "mobilenetv3_small_100"])
@pytest.mark.parametrize("temporal", catalog.names("models.temporal"))
def test_any_image_backbone_takes_any_module_over_time(
    backbone: str, temporal: str, streams: dict[str, Tensor]
) -> None:
    made = network("image", backbone=backbone, temporal=temporal).eval()
    closed = made(streams).logits_BC
    assert closed.shape == (2, CLASSES)
    torch.testing.assert_close(closed, network("image", backbone=backbone).eval()(streams).logits_BC)
    gates = [value for name, value in made.named_parameters() if name.endswith("gate")]
    assert bool(gates) == (temporal != "none")
    for gate in gates:
        torch.nn.init.ones_(gate)
    assert torch.equal(made(streams).logits_BC, closed) == (temporal == "none")


@pytest.mark.parametrize("backbone", ["vgg11", "mobilenetv4_conv_small", "ghostnet_100", "hgnet_tiny", "convnext_atto"])
def test_backbones_that_widen_after_their_last_features_have_a_head_of_that_width(backbone: str) -> None:
    settings = BaselineModel.model_validate({"baseline": {"name": "image", "backbone": backbone}})
    with torch.device("meta"):
        made = build(settings, 5, CLIP).eval()
        assert made({"rgb": torch.empty(1, 3, CLIP.frames, CLIP.size, CLIP.size)}).logits_BC.shape == (1, 5)


def test_an_unknown_backbone_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"model\.baseline\.backbone: resnet81: no such image backbone.*'resnet\d+'"):
        network("image", backbone="resnet81")


def test_a_baseline_has_one_phase_of_settings_that_sees_nothing_of_transm3e() -> None:
    settings = ModelSettings.model_validate({"baseline": "r3d_18", "tokens": {"count": 7}})
    assert baseline_settings(settings) == baseline_settings(ModelSettings.model_validate({"baseline": "r3d_18"}))
    assert set(BaselineModel.model_fields) == {"trunk", "loss", "baseline"}
