"""What a seed sees of its data: drawn anew for each, nested, and never more than there is."""

from itertools import pairwise

import numpy as np
import pytest

from experiments.data import synthetic
from experiments.videos import VideoSet
from models.errors import UserError
from study.subset import LabelSettings, Subset, TrainSettings, draw

WHOLE = TrainSettings()
DATA = synthetic.read(synthetic.Settings(train=72, val_seen=36, val_unseen=14, test_seen=4, test_unseen=4))


def labels(trained: int | None = None, measured: int | None = None, seed: int = 0) -> Subset:
    return draw(DATA, LabelSettings(trained=trained, measured=measured), WHOLE, seed)


def kept(activities: float = 1.0, clips: float = 1.0, seed: int = 0) -> Subset:
    return draw(DATA, LabelSettings(), TrainSettings(activities=activities, clips=clips), seed)


def activities_of(subset: Subset) -> set[str]:
    return {DATA.clips[position].activity for position in subset.train}


def test_by_default_everything_is_learned_measured_and_trained_on() -> None:
    subset = labels()
    assert subset.learned == subset.measured == tuple(range(20))
    assert [DATA.clips[position].split for position in subset.train] == ["train"] * 72
    truth = [[label in clip.muscles for label in range(20)] for clip in DATA.clips]
    assert np.array_equal(subset.labels_NC, truth)


@pytest.mark.parametrize("seed", range(5))
def test_fewer_learned_labels_are_part_of_more_and_the_measured_are_the_same(seed: int) -> None:
    draws = [labels(count, 5, seed) for count in (5, 10, 15, 20)]
    for fewer, more in pairwise(draws):
        assert set(fewer.learned) < set(more.learned)
        assert fewer.measured == more.measured
    assert draws[0].learned == draws[0].measured
    assert [draw.labels_NC.shape[1] for draw in draws] == [5, 10, 15, 20]
    assert [draws[1].learned[column] for column in draws[1].columns] == list(draws[1].measured)


def test_other_seeds_draw_other_labels_that_occur_in_every_shown_split() -> None:
    draws = {labels(5, 5, seed).learned for seed in range(10)}
    assert len(draws) > 5
    for split in ("train", "val_seen", "val_unseen"):
        there = {label for clip in DATA.clips if clip.split == split for label in clip.muscles}
        assert all(set(draw) <= there for draw in draws)


def test_fewer_activities_and_clips_are_part_of_more() -> None:
    half, quarter = kept(0.5), kept(0.25)
    assert activities_of(quarter) < activities_of(half) < activities_of(kept())
    assert len(activities_of(half)) == round(0.5 * len(activities_of(kept())))
    assert len(activities_of(kept(0.001))) == 1
    assert set(quarter.train) < set(half.train)
    fewer = kept(clips=0.5)
    assert activities_of(fewer) == activities_of(kept())
    assert set(kept(clips=0.1).train) <= set(fewer.train) < set(kept().train)
    assert kept(0.5, seed=1).train != half.train


def test_a_share_of_the_training_labels_is_turned_over_for_each_seed_and_no_other_label(video_set: VideoSet) -> None:
    def noisy(noise: float, seed: int) -> np.ndarray:
        return draw(video_set, LabelSettings(noise=noise), WHOLE, seed).labels_NC

    clean = noisy(0.0, 0)
    is_train = np.array([clip.split == "train" for clip in video_set.clips])
    turned = np.stack([noisy(0.2, seed) != clean for seed in range(200)])
    assert turned[:, is_train].mean() == pytest.approx(0.2, abs=0.02)
    assert not turned[:, ~is_train].any()
    assert np.array_equal(noisy(0.2, 3), noisy(0.2, 3))
    assert not np.array_equal(turned[0], turned[1])
    assert ((noisy(0.4, 3) != clean) | ~turned[3]).all(), "what is wrong at 20 % is wrong at 40 % too"


def test_more_labels_than_there_are_cannot_be_learned() -> None:
    with pytest.raises(UserError, match=r"data\.labels\.trained: is 21, but synthetic has 20 muscle groups"):
        labels(21)


def test_a_label_that_is_not_learned_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="measured must be at most trained, which is 5, but got 6"):
        LabelSettings(trained=5, measured=6)
