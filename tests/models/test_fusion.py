"""Every file of `models/fusion/` keeps the folder's contract; below, what single ones compute."""

import math

import pytest
import torch
from torch import Tensor, nn

from models import catalog
from models.build import ClipShape, ModelSettings, build, load_own_state, own_state
from models.errors import UserError
from models.fusion import mctf, mctf_official

FUSIONS = catalog.names("models.fusion")
TOKENS, WIDTH = 3, 8


def fusion(name: str, seed: int = 0) -> nn.Module:
    module = catalog.load("models.fusion", name)
    torch.manual_seed(seed)
    made: nn.Module = module.Fusion(module.Settings(), TOKENS, WIDTH)
    return made


def lively(module: nn.Module) -> nn.Module:
    """Draw weights large enough for every part to show in the result."""
    torch.manual_seed(1)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    return module


def two_sides(batch: int = 4) -> tuple[Tensor, Tensor]:
    return torch.randn(batch, TOKENS, WIDTH, requires_grad=True), torch.randn(batch, TOKENS, WIDTH, requires_grad=True)


@pytest.mark.parametrize("name", FUSIONS)
def test_every_fusion_gives_tokens_and_a_gradient_to_all_it_is_made_of(name: str) -> None:
    own, receivers = two_sides()
    made = fusion(name)
    fused = made(own, receivers)
    assert fused.shape == own.shape
    (fused * torch.randn_like(fused)).sum().backward()
    assert own.grad is not None
    assert own.grad.all()
    needs_receivers = catalog.load("models.fusion", name).NEEDS_RECEIVERS
    assert (receivers.grad is not None) == needs_receivers
    assert [part for part, value in made.named_parameters() if value.grad is None or not value.grad.any()] == []


@pytest.mark.parametrize("name", FUSIONS)
def test_every_fusion_without_need_of_receivers_does_without(name: str) -> None:
    if catalog.load("models.fusion", name).NEEDS_RECEIVERS:
        with pytest.raises(TypeError):
            fusion(name)(two_sides()[0], None)
    else:
        own = two_sides()[0]
        assert fusion(name)(own, None).shape == own.shape


@pytest.mark.parametrize("name", FUSIONS)
def test_every_fusion_gives_the_same_for_the_same_seed_and_any_order_of_the_batch(name: str) -> None:
    own, receivers = two_sides()
    fused = fusion(name)(own, receivers)
    assert torch.equal(fused, fusion(name)(own, receivers))
    torch.testing.assert_close(fusion(name)(own.flip(0), receivers.flip(0)).flip(0), fused)


@pytest.mark.parametrize("name", FUSIONS)
def test_every_fusion_comes_back_from_its_state_in_the_whole_network(
    name: str, settings: ModelSettings, clip: ClipShape, streams: dict[str, Tensor]
) -> None:
    settings = ModelSettings.model_validate(settings.model_dump() | {"fusion": name})
    network, again = build(settings, 5, clip), build(settings, 5, clip)
    load_own_state(again, own_state(network))
    assert torch.equal(network.eval()(streams).logits_BC, again.eval()(streams).logits_BC)


@pytest.mark.parametrize("name", FUSIONS)
def test_every_fusion_builds_and_runs_on_the_meta_device_at_full_size(name: str) -> None:
    with torch.device("meta"):
        network = build(ModelSettings.model_validate({"fusion": name}), 20, ClipShape(16, 224))
        assert network({"rgb": torch.empty(1, 3, 16, 224, 224)}).logits_BC.shape == (1, 20)


def test_average_and_none_are_what_they_say() -> None:
    own, receivers = two_sides()
    torch.testing.assert_close(fusion("average")(own, receivers), (own + receivers) / 2)
    assert torch.equal(fusion("none")(own, receivers), own)


def test_mctf_adds_mutual_attention_and_then_an_mlp_to_the_mean() -> None:
    own, receivers = two_sides()
    made = lively(fusion("mctf"))
    attended = made.attention(made.norm_own(own), made.norm_receivers(receivers))
    assert attended.std() > 0.1
    mixed = (own + receivers) / 2 + attended
    torch.testing.assert_close(made(own, receivers), mixed + made.mlp(made.norm_mixed(mixed)))


def test_mutual_attention_weighs_each_sides_values_by_three_maps() -> None:
    own, receivers = two_sides()
    attention = lively(mctf.MutualAttention(WIDTH))

    def attend(q: Tensor, k: Tensor) -> Tensor:
        return (q @ k.mT / math.sqrt(WIDTH)).softmax(dim=-1)

    (q, k, v), (q_received, k_received, v_received) = (
        getattr(attention, side)(tokens).chunk(3, dim=-1) for side, tokens in (("own", own), ("receivers", receivers))
    )
    across = attend(q, k_received), attend(q_received, k)
    ours = attend(q, k) @ v + across[0] @ v + across[1] @ v
    theirs = attend(q_received, k_received) @ v_received + across[0] @ v_received + across[1] @ v_received
    torch.testing.assert_close(attention(own, receivers), attention.project(torch.cat((ours, theirs), dim=-1)))


def test_mctf_does_not_depend_on_the_order_of_tokens_but_the_official_one_does() -> None:
    own, receivers = two_sides()
    order = torch.tensor([2, 0, 1])
    drawn, coded = lively(fusion("mctf")), lively(fusion("mctf_official"))
    torch.testing.assert_close(drawn(own[:, order], receivers[:, order]), drawn(own, receivers)[:, order])
    assert not torch.allclose(coded(own[:, order], receivers[:, order]), coded(own, receivers)[:, order], atol=0.1)


def test_the_official_residual_is_the_mean_and_not_the_mixture() -> None:
    own, receivers = two_sides()
    made = lively(fusion("mctf_official"))
    for parameter in made.get_submodule("mlp.2").parameters():
        nn.init.zeros_(parameter)
    torch.testing.assert_close(made(own, receivers), (own + receivers) / 2)


def test_the_mlp_is_as_wide_as_its_ratio_says() -> None:
    for module in (mctf, mctf_official):
        made = module.Fusion(module.Settings(mlp_ratio=2.0), TOKENS, WIDTH)
        assert made.get_submodule("mlp.0").weight.shape == (2 * WIDTH, WIDTH)


def test_sum_product_and_concat_are_what_they_say() -> None:
    own, receivers = two_sides()
    torch.testing.assert_close(fusion("sum")(own, receivers), own + receivers)
    torch.testing.assert_close(fusion("product")(own, receivers), own * receivers)
    concat = lively(fusion("concat"))
    torch.testing.assert_close(concat(own, receivers), concat.project(torch.cat((own, receivers), dim=-1)))


@pytest.mark.parametrize("name", ["self_attention", "cross_attention"])
def test_attending_fusions_look_at_all_tokens_and_need_no_order(name: str) -> None:
    own, receivers = two_sides()
    made = lively(fusion(name))
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(made(own[:, order], receivers[:, order]), made(own, receivers)[:, order])
    moved = receivers.detach().clone()
    moved[:, 0] += torch.randn(WIDTH)
    assert not torch.allclose(made(own, moved)[:, 1:], made(own, receivers)[:, 1:])
    with pytest.raises(UserError, match=r"model\.fusion\.heads: must divide the width 8 .*, but is 3"):
        catalog.load("models.fusion", name).Fusion(catalog.load("models.fusion", name).Settings(heads=3), TOKENS, WIDTH)
