from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from models import catalog
from models.build import (
    ClipShape,
    ModelSettings,
    Parameters,
    RgbModel,
    SenderModel,
    build,
    for_inference,
    load_own_state,
    own_state,
    parameter_count,
    recompute_blocks,
    rgb_settings,
    sender_settings,
    streams_of,
)
from models.settings import key_content
from models.trunk import Trunk

PHASES = {
    "rgb": rgb_settings,
    "sender": lambda settings: sender_settings(settings)["rgb_difference"],
    "joint": lambda settings: settings,
}
FULL = ClipShape(16, 224)


def test_the_official_model_has_78_6_million_parameters_of_which_44_4_are_trained() -> None:
    with torch.device("meta"):
        count = parameter_count(build(ModelSettings.model_validate({"fusion": "mctf_official"}), 20, FULL))
    of_unread_patches = 96 * (27 + 15 + 13 + 13)  # the last block's, which the official code trains by decay alone
    assert count == Parameters(trainable=44_376_116 - of_unread_patches, total=78_608_084)


def test_the_rgb_branch_with_one_token_has_the_parameters_of_torchvisions_mvit_v2_s() -> None:
    settings = RgbModel.model_validate({"tokens": {"count": 1}})
    with torch.device("meta"):
        assert parameter_count(build(settings, 400, FULL)).total == 34_537_744


@pytest.mark.parametrize("phase", PHASES)
def test_every_phase_builds_and_runs_on_the_meta_device_at_full_size(phase: str) -> None:
    with torch.device("meta"):
        network = build(PHASES[phase](ModelSettings()), 20, FULL).train()
        output = network({"rgb": torch.empty(2, 3, FULL.frames, FULL.size, FULL.size)})
    assert all(tensor.is_meta for tensor in (*network.parameters(), *network.buffers(), output.logits_BC))
    assert output.logits_BC.shape == (2, 20)


@pytest.mark.parametrize("phase", PHASES)
def test_every_phase_gives_the_same_weights_and_numbers_for_the_same_seed(
    phase: str, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        network = build(PHASES[phase](settings), 5, clip)
        results.append([*network.state_dict().values(), network.train()(streams).logits_BC])
    first, same, other = results
    assert all(torch.equal(*pair) for pair in zip(first, same, strict=True))
    assert not torch.equal(first[-1], other[-1])


WAYS: list[dict[str, Any]] = [
    *({"fusion": name} for name in catalog.names("models.fusion")),
    *({"temporal": name} for name in catalog.names("models.temporal")),
    *({"distill": {"name": name, "sender": "joint"}} for name in catalog.names("models.distill") if name != "none"),
    {"distill": "none"},
    {"distill": {"name": "dense_tokens", "into": "own"}, "fusion": "none", "receivers": False},
    {"distill": "none", "fusion": "none", "receivers": False},
    {"modality": ["rgb_difference", "grayscale_edges"]},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_trained_parameter_takes_part_in_every_pass(
    way: dict[str, Any], settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    """Processes that train together wait for each one's gradient, and would wait for ever for one that is missing."""
    given = settings.model_dump() | way
    network = build(ModelSettings.model_validate(given), 5, clip).train()
    output = network(streams)
    loss = output.logits_BC.sum() + sum(logits_BC.sum() for logits_BC in output.sender_logits)
    (loss if output.distill is None else loss + output.distill).backward()
    waiting = [name for name, each in network.named_parameters() if each.requires_grad and each.grad is None]
    assert waiting == []


@pytest.mark.parametrize("phase", PHASES)
def test_the_checkpoint_of_every_phase_comes_back(
    phase: str, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    network, again = (build(PHASES[phase](settings), 5, clip).eval() for _ in range(2))
    load_own_state(again, own_state(network))
    assert torch.equal(network(streams).logits_BC, again(streams).logits_BC)


@pytest.mark.parametrize("phase", PHASES)
def test_the_blocks_of_every_phase_that_is_trained_can_be_recomputed(
    phase: str, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    network = build(PHASES[phase](settings), 5, clip).train()
    recompute_blocks(network)
    trunks = [module for module in network.modules() if isinstance(module, Trunk) and module.training]
    runs: list[str] = []
    for trunk in trunks:
        trunk.blocks[-1].register_forward_pre_hook(lambda *_: runs.append("run"))
    network(streams).logits_BC.sum().backward()
    assert len(trunks) == 1
    assert len(runs) == 2


@pytest.mark.parametrize("count", [1, 20, 128])
def test_any_number_of_tokens_will_do(count: int, settings: ModelSettings, clip: ClipShape) -> None:
    settings = ModelSettings.model_validate(settings.model_dump() | {"tokens": {"count": count}})
    output = build(settings, 5, clip).train()({"rgb": torch.randn(1, 3, clip.frames, clip.size, clip.size)})
    assert output.logits_BC.shape == (1, 5)
    assert output.distill is not None
    if count > 1:
        assert output.distill > 0


def test_senders_are_needed_only_to_distil_one_for_each_modality() -> None:
    assert list(sender_settings(ModelSettings())) == ["rgb_difference"]
    assert sender_settings(ModelSettings.model_validate({"distill": "none"})) == {}
    several = ModelSettings.model_validate({"modality": ["skeleton", {"name": "depth"}]})
    assert list(sender_settings(several)) == ["depth", "skeleton"]
    assert several == ModelSettings.model_validate({"modality": ["depth", "skeleton"]})
    assert streams_of(several) == ("rgb", "depth", "skeleton")


@pytest.mark.parametrize("value", [[], ["depth", "depth"]])
def test_a_set_of_senders_names_each_once(value: list[str]) -> None:
    with pytest.raises(ValidationError, match="must name at least one, and each once"):
        ModelSettings.model_validate({"modality": value})


def test_training_reads_rgb_and_the_stream_of_a_sender_that_is_needed() -> None:
    for settings in (RgbModel(), SenderModel(), ModelSettings(), ModelSettings.model_validate({"distill": "none"})):
        assert streams_of(settings) == ("rgb",)


def test_the_rgb_phase_sees_nothing_of_the_joint_one() -> None:
    changes = {"fusion": "average", "distill": "none", "receivers": True, "modality": "rgb_difference"}
    assert rgb_settings(ModelSettings.model_validate(changes)) == rgb_settings(ModelSettings())
    assert set(RgbModel.model_fields) == {"trunk", "tokens", "temporal", "loss", "head_dropout", "weights"}
    assert set(SenderModel.model_fields) == {"trunk", "tokens", "modality", "loss", "head_dropout"}


@pytest.mark.parametrize("cut", [PHASES["rgb"], PHASES["sender"]])
@pytest.mark.parametrize(
    "changes", [{"trunk": {"width": 48}}, {"tokens": {"count": 7}}, {"loss": "softmax_bce"}, {"head_dropout": 0.1}]
)
def test_what_the_pretraining_phases_share_with_the_joint_one_reaches_them(cut: Any, changes: dict[str, Any]) -> None:
    settings = ModelSettings.model_validate(changes)
    for name in changes:
        assert getattr(cut(settings), name) == getattr(settings, name) != getattr(cut(ModelSettings()), name)


def test_a_name_alone_and_the_same_name_with_its_settings_are_the_same() -> None:
    short = ModelSettings.model_validate({"fusion": "mctf_official", "distill": "dense_tokens"})
    long = {"fusion": {"name": "mctf_official", "mlp_ratio": 1.0}, "distill": {"name": "dense_tokens", "weight": 90.0}}
    assert short == ModelSettings.model_validate(long)
    assert key_content(short)["distill"] == {
        "name": "dense_tokens",
        "weight": 90.0,
        "temperature": 10.0,
        "sender": "frozen",
        "into": "receivers",
        "axis": "tokens",
        "blocks_divisor": 16,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fusion": "mctff"}, r"mctff: no such fusion\. Did you mean 'mctf'"),
        ({"receivers": False}, r"distill: 'dense_tokens' needs receiver tokens.*set receivers to true"),
        ({"receivers": False, "distill": "none"}, r"fusion: 'mctf' needs receiver tokens"),
        ({"distill": {"name": "dense_tokens", "axis": "time"}}, r"'tokens' or 'channels'"),
        ({"distill": {"name": "dense_tokens", "temperature": 0}}, r"greater than 0"),
        ({"head_dropout": 1}, r"less than 1"),
        ({"tokens": {"enter": 16}}, r"tokens\.enter: must be a block of the trunk, from 0 to 15, but got 16"),
        ({"distill": {"name": "sparse_tokens", "blocks": [3, 16]}}, r"from 0 to 15, but got \[16\]"),
        ({"distill": {"name": "sparse_tokens", "blocks": [3]}, "tokens": {"enter": 4}}, r"from 4 to 15, but got \[3\]"),
    ],
)
def test_settings_that_make_no_network_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelSettings.model_validate(changes)


def test_receivers_can_be_left_out(settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]) -> None:
    changes = {"receivers": False, "fusion": "none", "distill": "none"}
    settings = ModelSettings.model_validate(settings.model_dump() | changes)
    network = build(settings, 5, clip)
    assert not any("receivers" in name for name in network.state_dict())
    network.get_submodule("head")
    alone = build(rgb_settings(settings), 5, clip)
    alone.load_state_dict(network.state_dict())
    assert torch.equal(network.eval()(streams).logits_BC, alone.eval()(streams).logits_BC)


@pytest.mark.parametrize("changes", [{}, {"modality": ["rgb_difference", "grayscale_edges"]}, {"fusion": "none"}])
def test_for_inference_senders_are_dropped_and_no_estimate_changes(changes: dict[str, Any]) -> None:
    trunk = {"width": 4, "depth": 2, "stage_starts": [1]}
    settings = ModelSettings.model_validate({"trunk": trunk, "tokens": {"count": 3}} | changes)
    network = build(settings, 5, ClipShape(2, 16)).eval()
    streams = {"rgb": torch.rand(2, 3, 2, 16, 16)}
    with torch.no_grad():
        before = network(streams).logits_BC
        less = for_inference(network)
        assert torch.equal(less(streams).logits_BC, before)
    assert not less.training
    assert not [name for name in less.state_dict() if name.startswith(("senders.", "distill."))]


def test_a_network_without_senders_is_the_same_for_inference() -> None:
    settings = rgb_settings(ModelSettings())
    with torch.device("meta"):
        network = build(settings, 5, ClipShape(4, 32))
    assert parameter_count(for_inference(network)) == parameter_count(network)
