"""Every file of `models/modality/` keeps the folder's contract; below, what single ones compute."""

import pytest
import torch
from torch import Tensor

from models import catalog
from models.build import ClipShape, ModelSettings, build, load_own_state, own_state, sender_settings
from models.modality.rgb_difference import difference
from models.transm3e import SenderNetwork

MODALITIES = catalog.names("models.modality")


def sender(settings: ModelSettings, name: str, clip: ClipShape, seed: int = 0) -> SenderNetwork:
    torch.manual_seed(seed)
    settings = ModelSettings.model_validate(settings.model_dump() | {"modality": name})
    network = build(sender_settings(settings), 5, clip)
    assert isinstance(network, SenderNetwork)
    return network


@pytest.mark.parametrize("name", MODALITIES)
def test_every_sender_gives_tokens_after_each_block_and_trains(
    name: str, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    network = sender(settings, name, clip)
    encoded = network.sender(streams[catalog.load("models.modality", name).STREAM])
    assert len(encoded.own_by_block) == settings.trunk.depth
    assert all(block.shape[:2] == (2, settings.tokens.count) for block in (*encoded.own_by_block, encoded.own))
    output = network(streams)
    assert output.logits_BC.shape == (2, 5)
    assert output.distill is None
    output.logits_BC.square().sum().backward()
    assert [parameter for parameter, value in network.named_parameters() if value.grad is None] == []


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
def test_every_sender_builds_on_the_meta_device_at_full_size(name: str) -> None:
    with torch.device("meta"):
        network = sender(ModelSettings(), name, ClipShape(16, 224))
    assert all(parameter.is_meta for parameter in network.parameters())


def test_the_difference_is_absolute_and_zero_in_the_first_frame() -> None:
    frames = torch.tensor([1.0, 4.0, 2.0])
    clip = frames[None, None, :, None, None].expand(2, 3, 3, 4, 4)
    assert difference(clip)[0, 0, :, 0, 0].tolist() == [0, 3, 2]
    assert difference(clip).shape == clip.shape


def test_a_still_clip_shows_the_sender_nothing(settings: ModelSettings, clip: ClipShape) -> None:
    network = sender(settings, "rgb_difference", clip).eval()
    dark, bright = (torch.full((1, 3, clip.frames, clip.size, clip.size), value) for value in (0.0, 9.0))
    assert torch.equal(network({"rgb": dark}).logits_BC, network({"rgb": bright}).logits_BC)
