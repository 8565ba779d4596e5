"""Damage: what it does to frames, and that it depends on nothing but seed and clip.

Letters: B batch, T frame, C channel, H W rows and columns.
"""

from typing import Any

import pytest
import torch
from torch import Tensor

from study.damage import ProbeSettings, damaged

CLIPS = ["a", "b", "c"]


def numbered(frames: int = 8) -> Tensor:
    """Give clips whose every pixel is the number of its frame, (3, 3, T, 8, 8)."""
    return torch.arange(frames).float().view(1, 1, -1, 1, 1).expand(3, 3, -1, 8, 8).clone()


def shown(settings: dict[str, Any], seed: int = 0, clips: list[str] = CLIPS) -> Tensor:
    return damaged({"rgb": numbered()}, clips, ProbeSettings(**settings), seed)["rgb"][:, 0, :, 0, 0]


def test_clean_clips_stay_as_they_are() -> None:
    streams = {"rgb": numbered(), "skeleton": torch.rand(3, 8, 5, 2)}
    done = damaged(streams, CLIPS, ProbeSettings(tokens="sender"), 0)
    assert all(torch.equal(done[name], stream) for name, stream in streams.items())


def test_a_dropped_frame_shows_the_one_before_it_that_was_not() -> None:
    for frames_T in shown({"input": "dropped"}):
        assert frames_T[0] == 0
        kept = frames_T.unique()
        assert len(kept) == 4, "half of 8 are dropped"
        assert torch.equal(frames_T, torch.stack([kept[kept <= time].max() for time in range(8)]))
    assert len(shown({"input": "dropped", "dropped": 0.25})[0].unique()) == 6


def test_shuffled_frames_are_the_same_frames_in_another_order() -> None:
    for frames_T in shown({"input": "shuffled"}):
        assert torch.equal(frames_T.sort().values, torch.arange(8.0))
        assert not torch.equal(frames_T, torch.arange(8.0))


@pytest.mark.parametrize("what", ["dropped", "shuffled"])
def test_a_clip_is_damaged_alike_whatever_its_batch_and_differently_for_each_seed(what: str) -> None:
    together, alone = shown({"input": what}), shown({"input": what}, clips=["b", "x", "y"])
    assert torch.equal(together[1], alone[0])
    assert not torch.equal(together[0], together[1])
    assert not torch.equal(together, shown({"input": what}, seed=1))


def test_all_streams_of_a_clip_lose_the_same_frames() -> None:
    joints = torch.arange(8.0).view(1, -1, 1, 1).expand(3, -1, 5, 2)
    done = damaged({"rgb": numbered(), "skeleton": joints}, CLIPS, ProbeSettings(input="dropped"), 0)
    assert torch.equal(done["rgb"][:, 0, :, 0, 0], done["skeleton"][:, :, 0, 0])


def test_blur_takes_away_detail_and_leaves_means_and_skeletons() -> None:
    noise, joints = torch.rand(3, 3, 4, 64, 64), torch.rand(3, 4, 5, 2)
    done = damaged({"rgb": noise, "skeleton": joints}, CLIPS, ProbeSettings(input="blurred"), 0)
    assert done["rgb"].shape == noise.shape
    assert done["rgb"].std() < 0.3 * noise.std()
    assert done["rgb"].mean().item() == pytest.approx(noise.mean().item(), abs=0.01)
    assert torch.equal(done["skeleton"], joints)
    edge = torch.zeros(1, 1, 1, 64, 64)
    edge[..., 32:] = 1
    wide = damaged({"rgb": edge}, ["a"], ProbeSettings(input="blurred", blur=0.1), 0)["rgb"]
    sharp = damaged({"rgb": edge}, ["a"], ProbeSettings(input="blurred", blur=0.02), 0)["rgb"]
    assert ((wide > 0.1) & (wide < 0.9)).sum() > ((sharp > 0.1) & (sharp < 0.9)).sum() > 0


def test_the_least_damage_that_can_be_set_is_still_damage_and_the_most_still_works() -> None:
    assert len(shown({"input": "dropped", "dropped": 0.01})[0].unique()) == 7
    assert len(shown({"input": "dropped", "dropped": 0.99})[0].unique()) == 1
    most = damaged({"rgb": torch.rand(1, 3, 2, 64, 64)}, ["a"], ProbeSettings(input="blurred", blur=0.3), 0)
    assert most["rgb"].isfinite().all()
    with pytest.raises(ValueError, match=r"less than or equal to 0\.3"):
        ProbeSettings(blur=0.31)
