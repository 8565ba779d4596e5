"""Every file of `models/modality/` keeps the folder's contract; below, what single ones compute."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models import catalog
from models.build import ClipShape, ModelSettings, build, load_own_state, own_state, sender_settings
from models.errors import UserError
from models.geometry import Skeleton
from models.modality import grayscale_edges, optical_flow, rgb_difference, skeleton
from models.settings import Frozen
from models.transm3e import SenderNetwork, TransM3E
from tests.made_network import UNREAD

MODALITIES = catalog.names("models.modality")
CHANNELS = {"rgb": 3, "depth": 1, "optical_flow": 2}
CHAIN = Skeleton(5, 2, ((0, 1), (1, 2), (2, 3), (3, 4)))


@pytest.fixture
def clip() -> ClipShape:
    return ClipShape(frames=4, size=32, skeleton=CHAIN)


@pytest.fixture
def streams(clip: ClipShape) -> dict[str, Tensor]:
    """Give every stream that some modality reads."""
    shape = clip.frames, clip.size, clip.size
    pictures = {name: torch.rand(2, channels, *shape) for name, channels in CHANNELS.items()}
    joints = torch.rand(2, clip.frames, CHAIN.joints, CHAIN.axes)
    joints[0, 1, 2] = torch.nan
    return pictures | {"skeleton": joints}


def with_modality(settings: ModelSettings, *names: Any) -> ModelSettings:
    return ModelSettings.model_validate(settings.model_dump() | {"modality": list(names)})


def sender(settings: ModelSettings, name: str, clip: ClipShape, seed: int = 0) -> SenderNetwork:
    torch.manual_seed(seed)
    network = build(sender_settings(with_modality(settings, name))[name], 5, clip)
    assert isinstance(network, SenderNetwork)
    return network


@pytest.mark.parametrize("name", MODALITIES)
def test_every_sender_gives_tokens_after_each_block_and_trains(
    name: str, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    network = sender(settings, name, clip)
    encoded = network.sender(streams[catalog.load("models.modality", name).STREAM])
    shapes = [(2, settings.tokens.count, width) for width in network.sender.widths]
    assert [block.shape for block in encoded.own_by_block] == shapes
    assert encoded.own.shape == shapes[-1]
    assert encoded.receivers == ()
    output = network.train()(streams)
    assert output.logits_BC.shape == (2, 5)
    assert output.distill is None
    output.logits_BC.square().sum().backward()
    still = [parameter for parameter, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    last = "sender.trunk.blocks.3.attention."  # after the last block only tokens are read, patches have no effect
    assert still == ([last + part for part in UNREAD] if name != "skeleton" else [])


@pytest.mark.parametrize("name", MODALITIES)
def test_every_sender_repeats_with_its_seed_comes_back_and_ignores_the_order_of_the_batch(
    name: str, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    network, again, other = (sender(settings, name, clip, seed).eval() for seed in (1, 1, 2))
    logits = network(streams).logits_BC
    assert torch.equal(again(streams).logits_BC, logits)
    assert not torch.equal(other(streams).logits_BC, logits)
    load_own_state(other, own_state(network))
    assert torch.equal(other(streams).logits_BC, logits)
    flipped = {stream: values.flip(0) for stream, values in streams.items()}
    torch.testing.assert_close(network(flipped).logits_BC.flip(0), logits)


@pytest.mark.parametrize("name", MODALITIES)
def test_every_sender_builds_and_runs_on_the_meta_device_at_full_size(name: str) -> None:
    stream = catalog.load("models.modality", name).STREAM
    with torch.device("meta"):
        network = sender(ModelSettings(), name, ClipShape(16, 224, CHAIN))
        if stream != "skeleton":  # torch-geometric looks for loops in the graph, which a meta tensor does not tell
            assert network({stream: torch.empty(1, CHANNELS[stream], 16, 224, 224)}).logits_BC.shape == (1, 5)
    assert all(tensor.is_meta for tensor in (*network.parameters(), *network.buffers()))


@pytest.mark.parametrize("name", MODALITIES)
def test_every_sender_is_followed_in_training_and_cannot_change_a_prediction(
    name: str, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    network = build(with_modality(settings, name), 5, clip)
    assert isinstance(network, TransM3E)
    output = network.train()(streams)
    assert output.distill is not None
    output.distill.backward()
    gradient = network.get_parameter("trunk.tokens.receivers_KD").grad
    assert gradient is not None
    assert gradient.any()

    prediction = network.eval()(streams)
    for parameter in network.senders.parameters():
        torch.nn.init.constant_(parameter, torch.nan)
    alone = network({"rgb": streams["rgb"]})
    assert torch.equal(alone.logits_BC, prediction.logits_BC)


def test_several_senders_have_a_group_of_receivers_each(
    settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    network = build(with_modality(settings, "skeleton", "rgb_difference"), 5, clip).train()
    assert isinstance(network, TransM3E)
    encoded = network.trunk(streams["rgb"])
    assert len(encoded.receivers) == 2
    loss = network(streams).distill
    parts = []
    for group, name in enumerate(("rgb_difference", "skeleton")):
        alone = network.senders[name].see(streams)
        student = type(alone)(encoded.receivers_by_block[group], encoded.receivers[group], None)
        parts.append(network.distill[name](student, alone))
    torch.testing.assert_close(loss, torch.stack(parts).mean())
    mixed = network.head(network.fusion(encoded.own, torch.stack(encoded.receivers).mean(dim=0)))
    torch.testing.assert_close(network.eval()(streams).logits_BC, mixed)


def test_several_senders_start_from_their_own_phases(settings: ModelSettings, clip: ClipShape) -> None:
    settings = with_modality(settings, "skeleton", "rgb_difference")
    network = build(settings, 5, clip)
    assert isinstance(network, TransM3E)
    trained = {name: own_state(build(each, 5, clip)) for name, each in sender_settings(settings).items()}
    rgb = {name: value for name, value in network.state_dict().items() if name.startswith(("trunk.", "head."))}
    network.load_parents({name: value for name, value in rgb.items() if "receivers" not in name}, trained)
    for name, state in trained.items():
        for part, value in state.items():
            if not part.startswith("head."):
                assert torch.equal(network.state_dict()[f"senders.{name}.{part}"], value)


def test_the_difference_is_absolute_and_zero_in_the_first_frame(settings: ModelSettings, clip: ClipShape) -> None:
    frames = torch.tensor([1.0, 4.0, 2.0])
    pictures = frames[None, None, :, None, None].expand(2, 3, 3, 4, 4)
    shown = rgb_difference.Sender(Frozen(), settings.trunk, settings.tokens, clip).shown(pictures)
    assert shown[0, 0, :, 0, 0].tolist() == [0, 3, 2]
    assert shown.shape == pictures.shape


def test_a_still_clip_shows_the_sender_of_differences_nothing(settings: ModelSettings, clip: ClipShape) -> None:
    network = sender(settings, "rgb_difference", clip).eval()
    dark, bright = (torch.full((1, 3, clip.frames, clip.size, clip.size), value) for value in (0.0, 9.0))
    assert torch.equal(network({"rgb": dark}).logits_BC, network({"rgb": bright}).logits_BC)


def test_edges_are_where_the_brightness_changes(settings: ModelSettings, clip: ClipShape) -> None:
    picture = torch.zeros(1, 3, clip.frames, 8, 8)
    picture[..., 4:] = 1.0
    edges = grayscale_edges.Sender(Frozen(), settings.trunk, settings.tokens, clip).shown(picture)
    assert edges.shape == (1, 1, clip.frames, 8, 8)
    torch.testing.assert_close(edges[0, 0, 0, 3], torch.tensor([0, 0, 0, 0.5, 0.5, 0, 0, 0]), rtol=0, atol=1e-5)


def moved(pixels: int, size: int = 48) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Give two frames of smooth noise, the second one moved to the right."""
    waves = np.random.default_rng(0).normal(size=(size // 6, size // 6 + 2, 3))
    picture = torch.nn.functional.interpolate(
        torch.tensor(waves).permute(2, 0, 1)[None], size=(size, size + 12), mode="bicubic"
    )[0]
    grey = (picture.permute(1, 2, 0) * 40 + 128).clamp(0, 255).to(torch.uint8).numpy()
    return np.stack([grey[:, 6 : 6 + size], grey[:, 6 - pixels : 6 - pixels + size]])


@pytest.mark.parametrize("pixels", [-2, 0, 3])
def test_optical_flow_is_how_far_the_picture_moved(pixels: int) -> None:
    flow = optical_flow.prepare(moved(pixels))
    assert flow.shape == (2, 48, 48, 2)
    assert (flow[0] == optical_flow.STILL).all()
    steps = flow[1, 12:36, 12:36].astype(float) - optical_flow.STILL
    assert np.median(steps[..., 0]) == pytest.approx(pixels * optical_flow.STEPS_A_FRAME / 48, abs=2)
    assert np.median(steps[..., 1]) == pytest.approx(0, abs=1)
    assert (optical_flow.prepare(moved(pixels)) == flow).all()


def test_frames_too_small_for_optical_flow_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 12 px"):
        optical_flow.prepare(np.zeros((2, 8, 8, 3), np.uint8))


def test_the_sender_of_flow_sees_no_motion_in_the_first_frame(settings: ModelSettings, clip: ClipShape) -> None:
    kept = torch.full((1, 2, clip.frames, clip.size, clip.size), 255 / 255)
    shown = optical_flow.Sender(Frozen(), settings.trunk, settings.tokens, clip).shown(kept)
    assert (shown[:, :, 0] == 0).all()
    assert (shown[:, :, 1:] == 1).all()
    assert (kept == 1).all(), "the batch is somebody else's too"


def test_joints_that_were_not_seen_change_nothing(settings: ModelSettings, clip: ClipShape) -> None:
    seen = torch.rand(1, clip.frames, CHAIN.joints, CHAIN.axes)
    seen[0, :, 4] = torch.nan
    seen[0, 2, 1, 0] = torch.nan
    shifted = seen.clone()
    shifted[0, 2, 1, 1] += 100  # half of this joint is missing, so all of it is
    network = sender(settings, "skeleton", clip).eval()
    assert torch.equal(network({"skeleton": seen}).logits_BC, network({"skeleton": shifted}).logits_BC)
    nothing = torch.full_like(seen, torch.nan)
    assert network({"skeleton": nothing}).logits_BC.isfinite().all()
    assert not torch.equal(network({"skeleton": nothing}).logits_BC, network({"skeleton": seen}).logits_BC)


def test_where_a_skeleton_stands_and_how_large_it_is_does_not_matter() -> None:
    joints = torch.rand(2, 4, 5, 2)
    is_seen = torch.ones(2, 4, 5, dtype=torch.bool)
    near = skeleton.standardised(joints, is_seen)
    torch.testing.assert_close(skeleton.standardised(3 * joints + 7, is_seen), near, atol=1e-4, rtol=1e-4)
    assert near.mean(dim=(1, 2)).abs().max() < 1e-6
    assert near.square().mean().item() == pytest.approx(1, rel=1e-4)


def test_what_a_joint_does_reaches_its_neighbours_along_the_bones(settings: ModelSettings, clip: ClipShape) -> None:
    block = skeleton.GraphBlock(skeleton.Settings(width=8, kernel=1), CHAIN).eval()
    still = torch.zeros(1, 4, 5, 8)
    pushed = still.clone()
    pushed[0, 1, 2] = torch.randn(8)
    reached = (block(pushed) - block(still)).abs().amax(dim=(0, 3)) > 1e-6
    assert reached.nonzero().tolist() == [[1, 1], [1, 2], [1, 3]]


def test_a_skeleton_needs_data_that_has_one_and_as_many_frames(settings: ModelSettings, clip: ClipShape) -> None:
    with pytest.raises(UserError, match=r"modality skeleton: the data has no skeletons"):
        sender(settings, "skeleton", ClipShape(4, 32))
    with pytest.raises(ValueError, match=r"skeleton: 4 frames are expected, but got 6"):
        sender(settings, "skeleton", clip)({"skeleton": torch.rand(1, 6, CHAIN.joints, CHAIN.axes)})
