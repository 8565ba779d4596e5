"""From files to networks: each source is known by its names, and nothing but what is new keeps its drawn weights."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor

from models import catalog
from models.build import (
    BaselineModel,
    ClipShape,
    ModelSettings,
    Network,
    RgbModel,
    SenderModel,
    build,
    own_state,
    rgb_settings,
    sender_settings,
)
from models.geometry import Skeleton
from models.peers import BaselineNetwork, Peer, PeerSettings
from models.start import load_start, start_of
from models.weights import WeightsError, read, read_shapes
from models.weights_file import WeightsFile

TRAINED = [name for name in catalog.names("models.baseline") if catalog.load("models.baseline", name).Settings.trains]
TORCHVISION = [name for name in TRAINED if name not in ("image", "graph")]
SKELETON = Skeleton(5, 2, ((0, 1), (1, 2), (2, 3), (3, 4)))
SMALL = {"width": 8, "depth": 4, "stage_starts": (1, 3), "key_value_stride": (1, 4, 4), "drop_path": 0.0}
CLIP = ClipShape(8, 64, SKELETON)
CLASSES = 5
State = dict[str, Tensor]


def drawn(settings: Any, classes: int = CLASSES, clip: ClipShape = CLIP, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return build(settings, classes, clip)


def branch(modality: str | None = None, tokens: int = 3, **changes: Any) -> RgbModel | SenderModel:
    own = {"trunk": SMALL, "tokens": {"count": tokens}, "modality": modality or "rgb_difference", **changes}
    model = ModelSettings.model_validate(own)
    return rgb_settings(model) if modality is None else sender_settings(model)[modality]


def peer(name: str, **changes: Any) -> BaselineModel:
    return BaselineModel.model_validate({"trunk": SMALL, "baseline": {"name": name}, **changes})


def peer_of(network: Network) -> Peer:
    assert isinstance(network, BaselineNetwork)
    assert isinstance(network.peer, Peer)
    return network.peer


def copied(network: Network) -> State:
    return {name: value.clone() for name, value in network.state_dict().items()}


def differing(network: Network, expected: State) -> list[str]:
    return [name for name, value in network.state_dict().items() if not torch.equal(value, expected[name])]


def published(name: str, clip: ClipShape = CLIP) -> State:
    """What torchvision's network of the small trunk is saved as, for other classes."""
    network = peer_of(drawn(peer(name), 9, clip, seed=1)).get_submodule("network")
    return dict(network.state_dict())


def mvit() -> State:
    return published("mvit_v2_s")


@pytest.mark.parametrize("modality", [None, "rgb_difference"])
def test_a_branch_starts_from_torchvisions_trunk_and_draws_its_head(modality: str | None) -> None:
    network, place = drawn(branch(modality, tokens=1)), "trunk." if modality is None else "sender.trunk."
    before, theirs = copied(network), mvit()
    load_start(network, theirs)
    loaded = network.state_dict()
    assert torch.equal(loaded[f"{place}patches.weight"], theirs["conv_proj.weight"])
    assert torch.equal(loaded[f"{place}blocks.2.attention.qkv.weight"], theirs["blocks.2.attn.qkv.weight"])
    kept = [name for name in before if name not in differing(network, before)]
    assert all(name.startswith("head.") or "norm" in name or name.endswith("bias") for name in kept)


@pytest.mark.parametrize("source", [None, "rgb_difference"])
@pytest.mark.parametrize("target", [None, "rgb_difference"])
@pytest.mark.parametrize("classes", [CLASSES, 9])
def test_a_branch_starts_from_the_checkpoint_of_any_other(
    source: str | None, target: str | None, classes: int, tmp_path: Path
) -> None:
    earlier, network = drawn(branch(source), classes, seed=1), drawn(branch(target))
    before = copied(network)
    save_file(own_state(earlier), tmp_path / "checkpoint.safetensors")
    load_start(network, read(tmp_path / "checkpoint.safetensors"))
    theirs = {name.removeprefix("sender."): value for name, value in earlier.state_dict().items()}
    expected = {
        name: before[name] if name.startswith("head.") and classes != CLASSES else theirs[name.removeprefix("sender.")]
        for name in before
    }
    assert differing(network, expected) == []


def test_a_checkpoint_of_another_clip_size_brings_interpolated_position_tables() -> None:
    load_start(network := drawn(branch()), own_state(drawn(branch(), clip=ClipShape(4, 32), seed=1)))
    assert len(network.state_dict()["trunk.blocks.0.attention.positions.rows"]) == 31


def test_modules_over_time_that_the_file_does_not_know_are_drawn() -> None:
    network = drawn(branch(temporal={"name": "attention", "enters": "pretrain"}))
    before = copied(network)
    load_start(network, own_state(drawn(branch(), seed=1)))
    assert {name.partition("temporal.")[0] for name in before if name not in differing(network, before)} >= {"trunk."}
    assert not [name for name in differing(network, before) if "temporal." in name]


def test_a_sender_of_skeletons_starts_from_its_own_kind_alone() -> None:
    network = drawn(branch("skeleton"))
    earlier = drawn(branch("skeleton"), seed=1)
    load_start(network, own_state(earlier))
    assert differing(network, copied(earlier)) == []
    with pytest.raises(WeightsError, match=r"not known here: \d+ of them \(conv_proj.*a checkpoint of a sender phase"):
        load_start(network, mvit())


@pytest.mark.parametrize("modality", ["depth", "grayscale_edges", "optical_flow"])
def test_a_sender_on_other_channels_takes_no_weights_for_three(modality: str) -> None:
    network, earlier = drawn(branch(modality)), drawn(branch(modality), seed=1)
    with pytest.raises(WeightsError, match=r"1 of another shape \(patches\.weight \(8, 3, .*\) for \(8, [12],"):
        load_start(network, mvit())
    load_start(network, own_state(earlier))
    assert differing(network, copied(earlier)) == []


@pytest.mark.parametrize("name", TRAINED)
def test_every_baseline_that_trains_names_weights_and_goes_on_from_its_checkpoint(name: str) -> None:
    assert issubclass(catalog.load("models.baseline", name).Settings, PeerSettings)
    for classes in (CLASSES, 9):
        network, earlier = drawn(peer(name)), drawn(peer(name), classes, seed=1)
        head, before = f"peer.{peer_of(network).HEAD}.", copied(network)
        load_start(network, own_state(earlier))
        changed = before | {
            name: value
            for name, value in earlier.state_dict().items()
            if classes == CLASSES or not name.startswith(head)
        }
        assert differing(network, changed) == []


@pytest.mark.parametrize("name", [name for name in TRAINED if name != "graph"])
def test_every_baseline_starts_from_what_is_published_of_it_without_the_last_layer(name: str) -> None:
    network, other = drawn(peer(name)), drawn(peer(name), classes=400, seed=1)
    prefix = f"peer.{peer_of(network).PUBLISHED}"
    theirs = {key.removeprefix(prefix): value for key, value in other.state_dict().items() if key.startswith(prefix)}
    if name == "image":
        theirs |= {"fc.weight": torch.ones(1000, 512), "fc.bias": torch.ones(1000)}
    head, before = f"peer.{peer_of(network).HEAD}.", copied(network)
    load_start(network, theirs)
    expected = {
        key: before[key] if key.startswith(head) or not key.startswith(prefix) else value
        for key, value in other.state_dict().items()
    }
    assert differing(network, expected) == []


@pytest.mark.parametrize("name", TORCHVISION)
def test_at_full_size_the_names_and_shapes_are_those_that_torchvision_publishes(name: str) -> None:
    with torch.device("meta"):
        network = build(BaselineModel.model_validate({"baseline": name}), 20, ClipShape(16, 224))
        load_start(network, getattr(torchvision.models.video, name)().state_dict())


def test_r3d_18_starts_from_a_file_of_torchvision_at_full_width(tmp_path: Path) -> None:
    theirs = torchvision.models.video.r3d_18().state_dict()
    torch.save(theirs, tmp_path / "r3d_18.pth")
    network = drawn(BaselineModel.model_validate({"baseline": "r3d_18"}), clip=ClipShape(4, 32))
    load_start(network, read(tmp_path / "r3d_18.pth"))
    ours = {name.removeprefix("peer.network."): value for name, value in network.state_dict().items()}
    assert [name for name in theirs if not torch.equal(ours[name], theirs[name])] == ["fc.weight", "fc.bias"]


@pytest.mark.parametrize("backbone", ["resnet18", "vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224"])
def test_an_image_backbone_starts_from_timms_own_state(backbone: str) -> None:
    theirs = timm.create_model(backbone, pretrained=False).state_dict()
    old = {name: value for name, value in theirs.items() if not name.endswith("num_batches_tracked")}
    for state in (theirs, old):
        network = drawn(peer("image", baseline={"name": "image", "backbone": backbone}), clip=ClipShape(2, 224))
        load_start(network, state)
        ours = peer_of(network).state_dict()
        kept = [name for name in state if f"backbone.{name}" in ours]
        assert all(torch.equal(ours[f"backbone.{name}"], state[name]) for name in kept)
        assert all("head" in name or name.startswith("fc.") for name in state if name not in kept)


@pytest.mark.parametrize("name", ["mvit_v1_b", "mvit_v2_s"])
def test_position_tables_of_a_baseline_are_interpolated_to_another_clip_size(name: str) -> None:
    load_start(drawn(peer(name)), published(name, ClipShape(4, 32)))


def test_weights_of_another_network_are_told_by_what_they_are_and_what_is_known() -> None:
    with pytest.raises(
        WeightsError, match=r"not known here: 1 of them \(encoder\.weight\).*mvit_v2_s.*PySlowFast.*rgb"
    ):
        load_start(drawn(branch()), {"encoder.weight": torch.zeros(1)})
    with pytest.raises(WeightsError, match=r"torchvision publishes of it \(stem\.0\.weight, \.\.\.\).*this baseline"):
        load_start(drawn(peer("r3d_18")), {"encoder.weight": torch.zeros(1)})
    with pytest.raises(WeightsError, match=r"torchvision do not fit.*of another shape"):
        load_start(drawn(peer("r3d_18")), published("mc3_18"))


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_shapes_are_read_without_numbers(name: str, tmp_path: Path) -> None:
    state = {"a": torch.ones(2, 3), "b": torch.ones(4)}
    (save_file if name.endswith("safetensors") else torch.save)(state, tmp_path / name)
    shapes = read_shapes(tmp_path / name)
    assert {key: (value.shape, value.is_meta) for key, value in shapes.items()} == {
        key: (value.shape, True) for key, value in state.items()
    }


def test_each_phase_finds_the_file_that_its_setting_names_and_the_joint_one_none() -> None:
    file = WeightsFile(digest="0" * 64)
    model = ModelSettings(weights=file)
    assert start_of(rgb_settings(model)) == ("model.weights", file)
    assert start_of(model) is None
    assert start_of(sender_settings(model)["rgb_difference"]) is None
    sender = SenderModel.model_validate({"modality": {"name": "depth", "weights": file}})
    assert start_of(sender) == ("model.modality.weights", file)
    assert start_of(peer("r3d_18", baseline={"name": "r3d_18", "weights": file})) == ("model.baseline.weights", file)
    assert start_of(peer("random")) is None


@pytest.mark.parametrize("modality", ["rgb_difference", "depth", "grayscale_edges"])
def test_a_sender_that_was_trained_on_clips_of_another_length_is_refused(modality: str) -> None:
    longer = drawn(branch(modality), clip=ClipShape(8, 32), seed=1)
    with pytest.raises(
        WeightsError, match=r"clips of another length: \d+ of its tables .* has \d+ rows, \d+ are needed"
    ):
        load_start(drawn(branch(modality), clip=ClipShape(4, 32)), own_state(longer))
