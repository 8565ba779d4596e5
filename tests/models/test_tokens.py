import pytest
import torch
from pydantic import ValidationError

from models.errors import UserError
from models.tokens import Head, Tokens, TokenSettings


def test_receivers_stand_first_then_own_tokens_then_patches() -> None:
    tokens = Tokens(2, 4, groups=1)
    torch.nn.init.constant_(tokens.receivers_KD, 1.0)
    torch.nn.init.constant_(tokens.own_KD, 2.0)
    sequence = tokens(torch.full((3, 5, 4), 3.0))
    assert sequence[:, :, 0].tolist() == [[1, 1, 2, 2, 3, 3, 3, 3, 3]] * 3
    own, receivers = tokens.split(sequence)
    assert (own == 2).all()
    assert [(group == 1).all() for group in receivers] == [True]


def test_every_group_of_receivers_is_taken_out_by_itself() -> None:
    tokens = Tokens(2, 1, groups=3)
    assert tokens.receivers_KD is not None
    tokens.receivers_KD.data = torch.arange(6.0).unsqueeze(1)
    own, receivers = tokens.split(tokens(torch.zeros(1, 5, 1)))
    assert tokens.count == 8
    assert torch.equal(own[0], tokens.own_KD)
    assert [group[0, :, 0].tolist() for group in receivers] == [[0, 1], [2, 3], [4, 5]]
    assert Tokens(2, 1).split(torch.zeros(1, 5, 1)).receivers == ()


def test_own_tokens_differ_at_the_start_and_receivers_are_zero() -> None:
    tokens = Tokens(20, 96, groups=1)
    assert tokens.own_KD.std().item() == pytest.approx(0.02, rel=0.1)
    assert tokens.receivers_KD is not None
    assert not tokens.receivers_KD.any()


@pytest.mark.parametrize("count", [0, 129])
def test_there_are_1_to_128_tokens(count: int) -> None:
    with pytest.raises(ValidationError):
        TokenSettings(count=count)


def test_the_head_classifies_the_mean_over_tokens() -> None:
    head = Head(4, 3, TokenSettings(dropout=0.5), dropout=0.5).eval()
    tokens = torch.randn(2, 5, 4)
    torch.testing.assert_close(head(tokens), head.projection(tokens.mean(dim=1)))


def test_token_dropout_leaves_out_whole_tokens_in_training_only() -> None:
    head = Head(8, 8, TokenSettings(dropout=0.5), dropout=0.0)
    torch.nn.init.eye_(head.projection.weight)
    torch.nn.init.zeros_(head.projection.bias)
    means = head.train()(torch.ones(64, 4, 8))
    assert (means == means[:, :1]).all(), "a token goes with all its channels"
    assert set(means[:, 0].tolist()) == {0.0, 0.5, 1.0, 1.5, 2.0}
    assert (head.eval()(torch.ones(64, 4, 8)) == 1).all()


def test_per_label_reads_every_class_from_its_own_token() -> None:
    head = Head(4, 3, TokenSettings(count=3, read_out="per_label"), dropout=0.5).eval()
    tokens = torch.randn(2, 3, 4)
    logits = head(tokens)
    for label in range(3):
        torch.testing.assert_close(logits[:, label], head.projection(tokens[:, label])[:, label])


def test_per_label_needs_as_many_tokens_as_labels() -> None:
    with pytest.raises(
        UserError, match=r"per_label .* model\.tokens\.count must be the number of labels, 20, but is 7"
    ):
        Head(4, 20, TokenSettings(count=7, read_out="per_label"), dropout=0.5)
