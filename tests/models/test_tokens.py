import pytest
import torch
from pydantic import ValidationError

from models.tokens import Head, Tokens, TokenSettings


def test_receivers_stand_first_then_own_tokens_then_patches() -> None:
    tokens = Tokens(2, 4, receivers=True)
    torch.nn.init.constant_(tokens.receivers_KD, 1.0)
    torch.nn.init.constant_(tokens.own_KD, 2.0)
    sequence = tokens(torch.full((3, 5, 4), 3.0))
    assert sequence[:, :, 0].tolist() == [[1, 1, 2, 2, 3, 3, 3, 3, 3]] * 3
    own, receivers = tokens.split(sequence)
    assert receivers is not None
    assert (own == 2).all()
    assert (receivers == 1).all()


def test_own_tokens_differ_at_the_start_and_receivers_are_zero() -> None:
    tokens = Tokens(20, 96, receivers=True)
    assert tokens.own_KD.std().item() == pytest.approx(0.02, rel=0.1)
    assert tokens.receivers_KD is not None
    assert not tokens.receivers_KD.any()


@pytest.mark.parametrize("count", [0, 129])
def test_there_are_1_to_128_tokens(count: int) -> None:
    with pytest.raises(ValidationError):
        TokenSettings(count=count)


def test_the_head_classifies_the_mean_over_tokens() -> None:
    head = Head(4, 3, dropout=0.5, token_dropout=0.5).eval()
    tokens = torch.randn(2, 5, 4)
    torch.testing.assert_close(head(tokens), head.projection(tokens.mean(dim=1)))


def test_token_dropout_leaves_out_whole_tokens_in_training_only() -> None:
    head = Head(8, 8, dropout=0.0, token_dropout=0.5)
    torch.nn.init.eye_(head.projection.weight)
    torch.nn.init.zeros_(head.projection.bias)
    means = head.train()(torch.ones(64, 4, 8))
    assert (means == means[:, :1]).all(), "a token goes with all its channels"
    assert set(means[:, 0].tolist()) == {0.0, 0.5, 1.0, 1.5, 2.0}
    assert (head.eval()(torch.ones(64, 4, 8)) == 1).all()
