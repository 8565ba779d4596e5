from collections import Counter

from experiments.clip import Clip
from study.dataset import beyond


def clips(split: str, activity: str, count: int) -> list[Clip]:
    return [Clip(f"{split}-{activity}-{index}", split, activity, (0,)) for index in range(count)]


def test_a_limit_keeps_that_many_of_every_split_spread_over_activities() -> None:
    all_ = (*clips("train", "squat", 9), *clips("train", "plank", 2), *clips("val_seen", "squat", 3))
    dropped = beyond(4, all_)
    kept = [clip for clip in all_ if clip.name not in dropped]
    assert Counter(clip.split for clip in kept) == {"train": 4, "val_seen": 3}
    assert Counter(clip.activity for clip in kept if clip.split == "train") == {"squat": 2, "plank": 2}


def test_the_order_of_clips_does_not_change_what_is_kept() -> None:
    all_ = (*clips("train", "squat", 5), *clips("train", "plank", 5))
    assert beyond(3, all_) == beyond(3, all_[::-1])


def test_a_limit_above_what_there_is_drops_nothing() -> None:
    assert beyond(10, tuple(clips("train", "squat", 5))) == frozenset()
