import pytest
import torch
from torch import nn

from study.optim import OptimSettings, lr_at, parameter_groups

SETTINGS = OptimSettings(lr=1.0, start_lr=0.1, final_lr=0.01, warmup_fraction=0.2)


def test_the_rate_rises_to_lr_and_falls_to_the_final_one() -> None:
    rates = [lr_at(step, 100, SETTINGS) for step in range(100)]
    assert rates[0] < rates[10] < rates[19]
    assert max(rates) == rates[20] == pytest.approx(1.0)
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[-1] == pytest.approx(0.01, abs=0.01)


def test_a_phase_of_one_step_has_a_rate() -> None:
    assert 0.1 <= lr_at(0, 1, SETTINGS) <= 1.0


def test_no_warm_up_starts_at_lr() -> None:
    assert lr_at(0, 10, SETTINGS.model_copy(update={"warmup_fraction": 0.0})) == pytest.approx(1.0)


def test_biases_and_norms_are_not_decayed_and_frozen_parameters_are_left_out() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2), nn.Linear(2, 2))
    network[2].requires_grad_(False)
    decayed, spared = parameter_groups(network, 0.05)
    assert decayed["weight_decay"] == 0.05
    assert spared["weight_decay"] == 0.0
    assert [tuple(parameter.shape) for parameter in decayed["params"]] == [(2, 3)]
    assert sum(parameter.numel() for parameter in spared["params"]) == 2 + 2 + 2


def test_a_negative_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        OptimSettings(lr=-1.0)


def test_one_step_of_the_groups_changes_every_trainable_parameter() -> None:
    network = nn.Linear(2, 2)
    before = [parameter.clone() for parameter in network.parameters()]
    network(torch.ones(1, 2)).sum().backward()
    torch.optim.AdamW(parameter_groups(network, 0.1), lr=0.1).step()
    assert all(not torch.equal(new, old) for new, old in zip(network.parameters(), before, strict=True))
