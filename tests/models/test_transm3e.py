from typing import cast

import pytest
import torch
from torch import Tensor, nn

from models.build import ClipShape, ModelSettings, build, load_own_state, own_state, rgb_settings, sender_settings
from models.errors import UserError
from models.geometry import Skeleton
from models.tokens import Head
from models.transm3e import SenderNetwork, Taught, TransM3E
from models.trunk import Trunk
from models.weights import WeightsError
from tests.made_network import UNREAD

CLASSES = 5


@pytest.fixture
def network(settings: ModelSettings, clip: ClipShape) -> TransM3E:
    network = build(settings, CLASSES, clip)
    assert isinstance(network, TransM3E)
    return network


@pytest.fixture
def rgb(settings: ModelSettings, clip: ClipShape) -> dict[str, Tensor]:
    return own_state(build(rgb_settings(settings), CLASSES, clip))


@pytest.fixture
def sender(settings: ModelSettings, clip: ClipShape) -> dict[str, Tensor]:
    return own_state(build(sender_settings(settings)["rgb_difference"], CLASSES, clip))


def sender_of(network: TransM3E) -> SenderNetwork:
    sender = network.senders["rgb_difference"]
    assert isinstance(sender, SenderNetwork)
    return sender


def spoil(module: nn.Module) -> None:
    for parameter in module.parameters():
        nn.init.constant_(parameter, torch.nan)


def test_in_evaluation_neither_the_sender_nor_its_stream_can_change_a_prediction(
    network: TransM3E, streams: dict[str, Tensor]
) -> None:
    sender_of(network).stream = "auxiliary"
    prediction = network.eval()(streams)
    assert prediction.distill is None
    spoil(network.senders)
    with_noise = network({**streams, "auxiliary": torch.full_like(streams["rgb"], torch.nan)})
    assert torch.equal(with_noise.logits_BC, prediction.logits_BC)
    with pytest.raises(KeyError, match="auxiliary"):
        network.train()(streams)


def test_in_training_the_sender_drives_the_distillation_loss_alone(
    network: TransM3E, streams: dict[str, Tensor]
) -> None:
    before = network.train()(streams)
    assert before.distill is not None
    assert before.distill > 0
    spoil(network.senders)
    after = network(streams)
    assert torch.equal(after.logits_BC, before.logits_BC)
    assert after.distill is not None
    assert after.distill.isnan()


def test_the_sender_stays_in_evaluation_and_without_gradients(network: TransM3E, streams: dict[str, Tensor]) -> None:
    network.train().train(True)
    assert network.training
    assert not any(module.training for module in network.senders.modules())
    output = network(streams)
    (output.logits_BC.sum() + output.distill).backward()
    for parameter in network.senders.parameters():
        assert not parameter.requires_grad
        assert parameter.grad is None


def test_the_gradient_reaches_every_weight_that_is_trained(network: TransM3E, streams: dict[str, Tensor]) -> None:
    output = network.train()(streams)
    (output.logits_BC.square().sum() + output.distill).backward()
    trained = {name: value.grad for name, value in network.named_parameters() if value.requires_grad}
    assert [name for name, gradient in trained.items() if gradient is None or not gradient.any()] == []
    untrained = {name for name, value in network.named_parameters() if not value.requires_grad}
    assert {name for name in untrained if not name.startswith("senders.")} == {
        f"trunk.blocks.3.attention.{part}" for part in UNREAD
    }


def test_without_a_sender_there_is_no_distillation_in_training(
    settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    settings = ModelSettings.model_validate(settings.model_dump() | {"distill": "none", "modality": "rgb_difference"})
    network = build(settings, CLASSES, clip)
    assert network.train()(streams).distill is None
    assert not any(name.startswith("senders.") for name in network.state_dict())


def test_order_in_the_batch_does_not_matter(network: TransM3E, streams: dict[str, Tensor]) -> None:
    forwards, backwards = network.eval()(streams), network({"rgb": streams["rgb"].flip(0)})
    torch.testing.assert_close(backwards.logits_BC.flip(0), forwards.logits_BC)


def test_it_starts_from_its_parents(
    network: TransM3E, rgb: dict[str, Tensor], sender: dict[str, Tensor], streams: dict[str, Tensor]
) -> None:
    fresh = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_parents(rgb, {"rgb_difference": sender})
    for name, value in network.state_dict().items():
        if name.startswith("senders."):
            assert torch.equal(value, sender[name.removeprefix("senders.rgb_difference.")])
        elif name in rgb:
            assert torch.equal(value, rgb[name])
        else:
            assert name == "trunk.tokens.receivers_KD" or name.startswith("fusion.")
            assert torch.equal(value, fresh[name])
    assert network.train()(streams).logits_BC.isfinite().all()


def test_parents_that_do_not_fit_are_named_with_their_number(
    network: TransM3E, rgb: dict[str, Tensor], sender: dict[str, Tensor]
) -> None:
    short = {name: value for name, value in rgb.items() if name != "trunk.norm.bias"}
    with pytest.raises(WeightsError, match=r"RGB phase.*1 missing \(trunk\.norm\.bias\).*build the network"):
        network.load_parents(short, {"rgb_difference": sender})
    lacking = {name: value for name, value in sender.items() if name != "sender.trunk.norm.bias"}
    with pytest.raises(WeightsError, match=r"sender phase \(rgb_difference\).*1 missing \(sender\.trunk\.norm\.bias\)"):
        network.load_parents(rgb, {"rgb_difference": lacking})
    with pytest.raises(WeightsError, match=r"RGB phase.*1 not known here \(fusion\.gate\)"):
        network.load_parents({**rgb, "fusion.gate": torch.zeros(1)}, {"rgb_difference": sender})
    wide = {**rgb, "trunk.tokens.own_KD": torch.zeros(4, 8)}
    with pytest.raises(WeightsError, match=r"1 of another shape \(trunk\.tokens\.own_KD \(4, 8\) for \(3, 8\)\)"):
        network.load_parents(wide, {"rgb_difference": sender})


def test_a_sender_must_come_if_and_only_if_it_is_needed(
    settings: ModelSettings, clip: ClipShape, network: TransM3E, rgb: dict[str, Tensor], sender: dict[str, Tensor]
) -> None:
    with pytest.raises(WeightsError, match=r"sender phase \(rgb_difference\).*missing \(sender\."):
        network.load_parents(rgb, {})
    alone = build(ModelSettings.model_validate(settings.model_dump() | {"distill": "none"}), CLASSES, clip)
    assert isinstance(alone, TransM3E)
    alone.load_parents(rgb, {})
    with pytest.raises(WeightsError, match=r"sender phase \(rgb_difference\).*not known here \(sender\."):
        alone.load_parents(rgb, {"rgb_difference": sender})


class Gate(nn.Module):
    def __init__(self, opening: float) -> None:
        super().__init__()
        self.opening = nn.Parameter(torch.tensor(opening))

    def forward(self, sequence: Tensor) -> Tensor:
        return sequence * (1 + self.opening)


def test_a_temporal_module_may_be_new_but_comes_along_if_the_parent_had_it(
    settings: ModelSettings, clip: ClipShape, rgb: dict[str, Tensor]
) -> None:
    def joint() -> TransM3E:
        gates = dict.fromkeys((0, 2), lambda *_: Gate(0.0))
        trunk = Trunk(settings.trunk, settings.tokens, clip, groups=1, temporal=gates)
        return TransM3E(trunk, Head(32, CLASSES, settings.tokens, dropout=0), nn.Identity(), {})

    joint().load_parents(rgb, {})
    entered = rgb | {f"trunk.temporal.{index}.opening": torch.tensor(0.5) for index in (0, 2)}
    network = joint()
    network.load_parents(entered, {})
    assert network.state_dict()["trunk.temporal.2.opening"] == 0.5
    with pytest.raises(WeightsError, match=r"1 missing \(trunk\.temporal\.2\.opening\)"):
        network.load_parents({name: value for name, value in entered.items() if "temporal.2" not in name}, {})


def test_a_checkpoint_holds_everything_but_the_sender_and_comes_back(
    settings: ModelSettings, clip: ClipShape, network: TransM3E, streams: dict[str, Tensor]
) -> None:
    kept = own_state(network)
    assert kept.keys() == {name for name in network.state_dict() if not name.startswith("senders.")}
    again = build(settings, CLASSES, clip)
    load_own_state(again, kept)
    assert torch.equal(again.eval()(streams).logits_BC, network.eval()(streams).logits_BC)
    with pytest.raises(WeightsError, match=r"the checkpoint.*1 missing \(head\.projection\.bias\)"):
        load_own_state(again, {name: value for name, value in kept.items() if name != "head.projection.bias"})


def test_taught_by_true_tokens_fusion_gets_the_senders_last_ones(network: TransM3E, streams: dict[str, Tensor]) -> None:
    taught, own = Taught(network).eval(), network.trunk(streams["rgb"]).own
    sent = sender_of(network).sender(streams["rgb"]).own
    torch.testing.assert_close(taught(streams).logits_BC, network.head(network.fusion(own, sent)))
    before = taught(streams).logits_BC
    nn.init.normal_(next(sender_of(network).parameters()))
    assert not torch.allclose(taught(streams).logits_BC, before)


def test_taught_by_several_senders_fusion_gets_the_mean_of_their_tokens(
    settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    both = {"modality": ["rgb_difference", "grayscale_edges"]}
    network = build(ModelSettings.model_validate(settings.model_dump() | both), CLASSES, clip)
    assert isinstance(network, TransM3E)
    sent = [cast("SenderNetwork", each).sender(streams["rgb"]).own for each in network.eval().senders.values()]
    fused = network.fusion(network.trunk(streams["rgb"]).own, torch.stack(sent).mean(dim=0))
    torch.testing.assert_close(Taught(network)(streams).logits_BC, network.head(fused))


def test_senders_of_another_width_cannot_take_the_receivers_place(
    settings: ModelSettings, streams: dict[str, Tensor]
) -> None:
    chain = Skeleton(3, 2, ((0, 1), (1, 2)))
    skeleton = ModelSettings.model_validate(settings.model_dump() | {"modality": "skeleton"})
    network = build(skeleton, CLASSES, ClipShape(4, 32, chain))
    assert isinstance(network, TransM3E)
    with pytest.raises(UserError, match=r"sender skeleton have width 64, and those of the trunk 32: .* to 32"):
        Taught(network)
