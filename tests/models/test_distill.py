"""Every file of `models/distill/` keeps the folder's contract; below, what single ones compute."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models import catalog
from models.build import ClipShape, ModelSettings, build, load_own_state, own_state
from models.distill import dense_tokens, final_logits, final_tokens, sparse_tokens
from models.distilling import AnyDistill, Blocks, Seen
from models.geometry import Skeleton
from models.transm3e import TransM3E
from tests.made_network import is_unread

DISTILLS = catalog.names("models.distill")
WITH_SENDER = [name for name in DISTILLS if catalog.load("models.distill", name).Settings.needs_sender]
TRUNK = Blocks(0, (8, 16))
SENDERS = {"the same": TRUNK, "narrow and deep": Blocks(0, (6, 6, 6)), "narrow and shallow": Blocks(0, (6,))}


def seen(blocks: Blocks = TRUNK, batch: int = 4) -> Seen:
    by_block = tuple(torch.randn(batch, 3, width, requires_grad=True) for width in blocks.widths)
    final = torch.randn(batch, 3, blocks.widths[-1], requires_grad=True)
    return Seen(by_block, final, torch.randn(batch, 5, requires_grad=True))


def flipped(side: Seen) -> Seen:
    assert side.logits_BC is not None
    return Seen(tuple(block.flip(0) for block in side.by_block), side.final_BKD.flip(0), side.logits_BC.flip(0))


def made(name: str, sender: Blocks = TRUNK, trunk: Blocks = TRUNK, **settings: Any) -> nn.Module:
    module = catalog.load("models.distill", name)
    torch.manual_seed(1)
    distill: nn.Module = module.Distill(module.Settings(**settings), trunk, sender)
    return distill


def changed(settings: ModelSettings, **changes: Any) -> ModelSettings:
    return ModelSettings.model_validate(settings.model_dump() | {"fusion": "average"} | changes)


def leaves(side: Seen) -> list[Tensor]:
    assert side.logits_BC is not None
    return [*side.by_block, side.final_BKD, side.logits_BC]


@pytest.mark.parametrize("name", DISTILLS)
def test_every_settings_class_says_what_it_needs(name: str) -> None:
    settings = catalog.load("models.distill", name).Settings()
    assert isinstance(settings, AnyDistill)
    assert settings.needs_sender == (name != "none")


@pytest.mark.parametrize("name", WITH_SENDER)
def test_every_distillation_pulls_the_student_alone_and_is_zero_when_it_is_the_sender(name: str) -> None:
    distill, student, sender = made(name), seen(), seen()
    loss = distill(student, sender)
    assert loss.shape == ()
    assert loss > 0
    loss.backward()
    assert any(each.grad is not None and each.grad.any() for each in leaves(student))
    assert all(each.grad is None for each in leaves(sender))
    assert distill(sender, sender).item() == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(distill(flipped(student), flipped(sender)), loss)


@pytest.mark.parametrize("name", WITH_SENDER)
def test_every_distillation_falls_when_its_gradient_is_followed(name: str) -> None:
    distill, student, sender = made(name), seen(), seen()
    loss = distill(student, sender)
    gradients = torch.autograd.grad(loss, leaves(student), allow_unused=True)
    steps = [each if down is None else each - 0.1 * down for each, down in zip(leaves(student), gradients, strict=True)]
    assert distill(Seen(tuple(steps[:-2]), *steps[-2:]), sender) < loss


@pytest.mark.parametrize("name", WITH_SENDER)
@pytest.mark.parametrize("shape", SENDERS)
def test_every_distillation_follows_a_sender_of_another_width_and_depth(name: str, shape: str) -> None:
    distill = made(name, SENDERS[shape])
    loss = distill(seen(), seen(SENDERS[shape]))
    assert loss > 0
    loss.backward()
    assert [name for name, value in distill.named_parameters() if value.grad is None or not value.grad.any()] == []
    assert bool(list(distill.parameters())) == (shape != "the same" and name != "final_logits")


@pytest.mark.parametrize("name", DISTILLS)
@pytest.mark.parametrize("sender", ["frozen", "joint"])
@pytest.mark.parametrize("into", ["receivers", "own"])
def test_every_distillation_trains_all_that_shall_be_trained(
    name: str, sender: str, into: str, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    fields = catalog.load("models.distill", name).Settings.model_fields
    wanted = {key: value for key, value in (("sender", sender), ("into", into)) if key in fields}
    network = build(changed(settings, distill={"name": name, **wanted}), 5, clip).train()
    assert isinstance(network, TransM3E)
    output = network(streams)
    assert (output.distill is not None) == (name != "none")
    assert len(output.sender_logits) == (wanted.get("sender") == "joint")
    parts = [output.logits_BC, *output.sender_logits]
    (torch.stack([part.square().sum() for part in parts]).sum() + (output.distill or 0)).backward()
    for parameter, value in network.named_parameters():
        is_frozen = is_unread(parameter) or (parameter.startswith("senders.") and wanted.get("sender") == "frozen")
        assert value.requires_grad != is_frozen, parameter
        assert (value.grad is not None) == value.requires_grad, parameter


@pytest.mark.parametrize("name", DISTILLS)
def test_every_distillation_comes_back_from_its_state_and_repeats_with_its_seed(
    name: str, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    def network() -> torch.nn.Module:
        torch.manual_seed(3)
        return build(changed(settings, distill=name), 5, clip)

    first, second = network(), network()
    load_own_state(second, own_state(first))
    one, other = first(streams), second(streams)
    assert torch.equal(one.logits_BC, other.logits_BC)
    assert one.distill is other.distill is None or torch.equal(one.distill, other.distill)


@pytest.mark.parametrize("name", DISTILLS)
def test_every_distillation_builds_and_runs_on_the_meta_device_at_full_size(name: str) -> None:
    with torch.device("meta"):
        network = build(changed(ModelSettings(), distill=name), 20, ClipShape(16, 224))
        output = network({"rgb": torch.empty(1, 3, 16, 224, 224)})
    assert output.logits_BC.shape == (1, 20)


def divergence(student: Tensor, sender: Tensor, temperature: float, dimension: int) -> float:
    aimed, given = (sender / temperature).softmax(dimension), (student / temperature).softmax(dimension)
    return (aimed * (aimed.log() - given.log())).mean().item()


@pytest.mark.parametrize(("axis", "dimension"), [("tokens", 1), ("channels", 2)])
def test_dense_tokens_is_the_mean_divergence_over_sixteen(axis: str, dimension: int) -> None:
    student, sender = seen(), seen()
    pairs = zip(student.by_block, sender.by_block, strict=True)
    total = sum(divergence(*pair, 10, dimension) for pair in pairs)
    assert made("dense_tokens", axis=axis)(student, sender).item() == pytest.approx(0.9 * 100 * total / 16, rel=1e-4)


def test_weight_and_divisor_scale_the_loss_and_the_temperature_flattens_it() -> None:
    sides = seen(), seen()
    loss = made("dense_tokens")(*sides)
    assert math.isclose(made("dense_tokens", weight=45)(*sides).item(), loss.item() / 2, rel_tol=1e-5)
    assert math.isclose(made("dense_tokens", blocks_divisor=2)(*sides).item(), loss.item() * 8, rel_tol=1e-5)
    assert made("dense_tokens", temperature=1)(*sides) > 10 * loss


def test_final_and_sparse_tokens_are_parts_of_dense_ones() -> None:
    trunk = Blocks(1, (8, 8, 16, 16, 16))  # tokens enter at block 1
    sides = seen(trunk), seen(trunk)
    each = [
        made("sparse_tokens", trunk, trunk, blocks=(block,))(*sides).item() for block in range(1, 6)
    ]  # the mean over one block
    dense = made("dense_tokens", trunk, trunk, blocks_divisor=1)(*sides).item()
    assert sum(each) == pytest.approx(dense, rel=1e-5)
    assert made("final_tokens", trunk, trunk)(*sides).item() == pytest.approx(each[-1], rel=1e-5)
    ends = made("sparse_tokens", trunk, trunk)(*sides).item()
    assert ends == pytest.approx((each[1] + each[4]) / 2, rel=1e-5)
    assert isinstance(final_tokens.Settings(), type(sparse_tokens.Settings()).__base__)


def test_a_sender_of_another_depth_is_compared_at_the_same_share_of_it() -> None:
    four, two = Blocks(0, (8,) * 4), Blocks(0, (8,) * 2)
    assert dense_tokens.Distill(dense_tokens.Settings(), four, two).pairs == [(0, 0), (1, 0), (2, 0), (3, 1)]
    assert dense_tokens.Distill(dense_tokens.Settings(), two, four).pairs == [(0, 1), (1, 3)]


def test_final_feature_compares_the_means_over_tokens_channel_by_channel() -> None:
    student, sender = seen(), seen()
    wanted = divergence(student.final_BKD.mean(1), sender.final_BKD.mean(1), 10, 1)
    assert made("final_feature")(student, sender).item() == pytest.approx(90 * wanted, rel=1e-4)


def test_final_logits_compares_the_probability_of_each_class_by_itself() -> None:
    student, sender = seen(), seen()
    assert student.logits_BC is not None
    assert sender.logits_BC is not None
    p, q = (sender.logits_BC / 10).sigmoid(), (student.logits_BC / 10).sigmoid()
    wanted = (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean().item()
    loss = made("final_logits")(student, sender)
    assert loss.item() == pytest.approx(100 * wanted, rel=1e-3)
    with pytest.raises(ValueError, match="no head"):
        final_logits.Distill(final_logits.Settings(), TRUNK, TRUNK)(student, sender._replace(logits_BC=None))


def test_own_tokens_may_follow_and_then_no_receivers_are_needed(
    settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    distill = {"name": "dense_tokens", "into": "own", "axis": "channels"}
    own = build(changed(settings, distill=distill, fusion="none", receivers=False), 5, clip).train()
    loss = own(streams).distill
    loss.backward()
    gradient = own.get_parameter("trunk.tokens.own_KD").grad
    assert gradient is not None
    assert gradient.any()


def test_a_sender_that_learns_is_moved_by_its_own_labels_and_not_by_its_follower(
    settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    network = build(changed(settings, distill={"name": "dense_tokens", "sender": "joint"}), 5, clip).train()
    assert isinstance(network, TransM3E)
    assert all(module.training for module in network.senders.modules())
    output = network(streams)
    output.distill.backward(retain_graph=True)
    assert all(value.grad is None for value in network.senders.parameters())
    output.sender_logits[0].square().sum().backward()
    assert all((value.grad is None) == is_unread(name) for name, value in network.senders.named_parameters())
    assert any(name.startswith("senders.") for name in own_state(network))


@pytest.mark.parametrize("name", [name for name in WITH_SENDER if name != "final_logits"])
def test_a_learned_projection_comes_back_from_a_checkpoint(
    name: str, settings: ModelSettings, streams: dict[str, Tensor]
) -> None:
    """A sender of another width, so that there is one; two seeds, so that it must come from the checkpoint."""
    clip = ClipShape(4, 32, Skeleton(3, 2, ((0, 1), (1, 2))))
    both = {**streams, "skeleton": torch.rand(2, 4, 3, 2)}
    asked = changed(settings, distill=name, modality={"name": "skeleton", "dropout": 0.0})
    torch.manual_seed(1)
    network = build(asked, 5, clip).train()
    torch.manual_seed(2)
    again = build(asked, 5, clip).train()
    assert isinstance(network, TransM3E)
    assert isinstance(again, TransM3E)
    again.load_senders({"skeleton": network.senders["skeleton"].state_dict()})
    for each in (network, again):  # equal receivers, as they begin, are equal after any projection
        nn.init.normal_(each.get_parameter("trunk.tokens.receivers_KD"))
    wanted = network(both).distill
    assert not torch.equal(again(both).distill, wanted)
    load_own_state(again, own_state(network))
    assert torch.equal(again(both).distill, wanted)
