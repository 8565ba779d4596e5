"""Batches: what they hold, what they depend on, and that the two ways to make them agree."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments.data import manifest
from experiments.videos import VideoSet
from study.augment import AugmentSettings
from study.cache import build
from study.distributed import ProcessGroup
from study.loader import Batch, Loader
from study.settings import SeenSettings
from study.subset import LabelSettings, Subset, TrainSettings, draw

EXERCISES = Path(__file__).parents[2].parent / "shared" / "data" / "exercise_clips" / "manifest.csv"
SMALL = SeenSettings(frames=4, size=12, margin=4, slack=2)
STREAMS = ("rgb", "depth", "skeleton")


def whole(dataset: VideoSet) -> Subset:
    return draw(dataset, LabelSettings(), TrainSettings(), seed=0)


def cached(dataset: VideoSet, folder: Path, settings: SeenSettings = SMALL, streams: Any = ("rgb",)) -> Loader:
    cache = build(dataset, settings, folder / "cache", streams=streams)
    return Loader(dataset, settings, cache, whole(dataset), streams)


def pictures(batches: Iterator[Batch]) -> dict[int, torch.Tensor]:
    return {
        int(index): picture
        for batch in batches
        for index, picture in zip(batch.index_B, batch.streams["rgb"], strict=True)
    }


def test_an_epoch_shows_every_training_clip_once_and_keeps_the_last_batch(video_set: VideoSet, tmp_path: Path) -> None:
    loader = cached(video_set, tmp_path)

    batches = list(loader.train(seed=0, epoch=1, batch=2))

    assert [len(batch.index_B) for batch in batches] == [2, 2, 1]
    assert loader.steps(2) == 3
    assert (
        sorted(torch.cat([batch.index_B for batch in batches]).tolist()) == loader.indices("train") == [0, 1, 2, 3, 4]
    )
    assert batches[0].streams["rgb"].shape == (2, 3, 4, 12, 12)
    assert batches[0].streams["rgb"].dtype == torch.float32


def test_labels_are_those_of_the_clips(video_set: VideoSet, tmp_path: Path) -> None:
    batch = next(cached(video_set, tmp_path).evaluate("val_seen", 8))

    assert batch.index_B.tolist() == [5, 6]
    assert batch.labels_BC.tolist() == [[0, 0, 1, 1], [1, 0, 0, 1]]
    assert batch.labels_BC.dtype == torch.float32


def test_a_clip_looks_the_same_whatever_the_batch_and_what_came_before(video_set: VideoSet, tmp_path: Path) -> None:
    loader = cached(video_set, tmp_path)
    once = pictures(loader.train(seed=3, epoch=2, batch=2))

    list(loader.train(seed=3, epoch=1, batch=5))
    again = pictures(loader.train(seed=3, epoch=2, batch=5))
    without_others = video_set.without(frozenset({video_set.clips[6].name, video_set.clips[1].name}))
    fewer = pictures(cached(without_others, tmp_path).train(seed=3, epoch=2, batch=2))

    assert all(torch.equal(once[index], again[index]) for index in range(5))
    assert torch.equal(once[4], fewer[3]), "the clip after the one that is left out"


def test_order_and_pictures_change_with_seed_and_epoch(video_set: VideoSet, tmp_path: Path) -> None:
    loader = cached(video_set, tmp_path)
    epochs = [next(loader.train(seed, epoch, 5)) for seed, epoch in [(0, 1), (0, 2), (1, 1), (1, 2)]]

    assert len({tuple(batch.index_B.tolist()) for batch in epochs}) > 1
    shown = [pictures(iter([batch]))[0] for batch in epochs]
    assert all(not torch.equal(shown[0], other) for other in shown[1:])


def test_evaluation_is_in_order_and_shows_the_centre(video_set: VideoSet, tmp_path: Path) -> None:
    settings = SMALL.model_copy(update={"mean": (0.1, 0.2, 0.3), "std": (0.5, 0.25, 0.2)})
    cache = build(video_set, settings, tmp_path / "cache")
    loader = Loader(video_set, settings, cache, whole(video_set))

    (batch,) = loader.evaluate("val_seen", 8)

    kept = torch.from_numpy(cache.stream("rgb")[5:7, 1:5, 2:14, 2:14].copy()).permute(0, 4, 1, 2, 3) / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1, 1) for values in (settings.mean, settings.std))
    torch.testing.assert_close(batch.streams["rgb"], (kept - mean) / std)


def test_views_come_one_after_the_other_for_the_same_clips(video_set: VideoSet, tmp_path: Path) -> None:
    settings = SMALL.model_copy(update={"views": 3})
    single, loader = cached(video_set, tmp_path), cached(video_set, tmp_path, settings)

    batches = list(loader.evaluate("train", 3))

    assert [batch.index_B.tolist() for batch in batches] == [[0, 1, 2]] * 3 + [[3, 4]] * 3
    assert torch.equal(batches[1].streams["rgb"], next(single.evaluate("train", 3)).streams["rgb"])
    assert not torch.equal(batches[0].streams["rgb"], batches[2].streams["rgb"])


def test_a_split_without_clips_gives_no_batch(video_set: VideoSet, tmp_path: Path) -> None:
    assert list(cached(video_set, tmp_path).evaluate("test_unseen", 4)) == []


FULL = AugmentSettings(crop="random_resized", rand_augment="rand-m7-n4-mstd0.5-inc1", erase=0.5)


@pytest.mark.parametrize("augment", [AugmentSettings(), FULL], ids=["tiny", "full"])
def test_decoding_on_the_fly_gives_what_the_cache_gives(
    video_set: VideoSet, tmp_path: Path, augment: AugmentSettings
) -> None:
    settings = SMALL.model_copy(update={"augment": augment})
    kept = cached(video_set, tmp_path, settings, STREAMS)
    decoded = Loader(video_set, settings, None, whole(video_set), STREAMS)

    for one, other in zip(kept.train(0, 1, 2), decoded.train(0, 1, 2), strict=True):
        assert one.index_B.tolist() == other.index_B.tolist()
        for name in STREAMS:
            torch.testing.assert_close(one.streams[name], other.streams[name], rtol=0, atol=0, equal_nan=True)


def test_every_stream_has_its_shape(video_set: VideoSet, tmp_path: Path) -> None:
    batch = next(cached(video_set, tmp_path, streams=STREAMS).evaluate("val_seen", 8))

    assert batch.streams["depth"].shape == (2, 1, 4, 12, 12)
    assert 0 <= float(batch.streams["depth"].min()) < float(batch.streams["depth"].max()) <= 1
    assert batch.streams["skeleton"].shape == (2, 4, 33, 2)
    assert not bool(batch.streams["skeleton"].isnan().any())


def test_missing_joints_stay_missing(video_set: VideoSet, tmp_path: Path) -> None:
    settings = SMALL.model_copy(update={"views": 3})

    first = next(cached(video_set, tmp_path, settings, STREAMS).evaluate("val_seen", 8)).streams["skeleton"]

    assert bool(first[:, 0, 0].isnan().all())
    assert int(first.isnan().sum()) == 2 * 2


def test_workers_change_nothing_and_live_across_epochs(video_set: VideoSet) -> None:
    settings = SMALL.model_copy(update={"stride": 3})
    here, elsewhere = (Loader(video_set, settings, None, whole(video_set), loader_workers=count) for count in (0, 1))
    before = torch.get_rng_state()

    next(elsewhere.train(0, 5, 1))  # an epoch that is given up
    for epoch in (1, 2):
        for one, other in zip(here.train(0, epoch, 2), elsewhere.train(0, epoch, 2), strict=True):
            assert torch.equal(one.index_B, other.index_B)
            assert torch.equal(one.streams["rgb"], other.streams["rgb"])

    assert torch.equal(torch.get_rng_state(), before), "the training's own draws are left alone"


@pytest.mark.parametrize("workers", [0, 1])
def test_parts_of_processes_are_the_batches_of_one_however_many_workers_there_are(
    video_set: VideoSet, workers: int
) -> None:
    """Five clips in batches of 2 for two processes: one has none of the last batch, and shows one that counts not."""
    alone = Loader(video_set, SMALL, None, whole(video_set))
    parts = [
        Loader(video_set, SMALL, None, whole(video_set), ("rgb",), workers, ProcessGroup(rank, 2)) for rank in (0, 1)
    ]
    ways: list[Callable[[Loader], Iterator[Batch]]] = [
        lambda loader: loader.train(0, 1, 2),
        lambda loader: loader.evaluate("train", 2),
    ]
    for batches_of in ways:
        for batch, *own in zip(batches_of(alone), *map(batches_of, parts), strict=True):
            counted = [part for part in own if part.is_counted]
            assert pictures(iter(counted)).keys() == pictures(iter([batch])).keys()
            for index, picture in pictures(iter(counted)).items():
                assert torch.equal(picture, pictures(iter([batch]))[index])
            assert [part.whole for part in own] == [batch.whole] * 2 == [len(batch.index_B)] * 2
            assert sum(part.share for part in own) == batch.share == 1
            assert all(len(part.index_B) == 1 for part in own)
        assert len(counted) == 1


def test_an_iteration_that_a_later_one_ended_says_so(video_set: VideoSet) -> None:
    loader = Loader(video_set, SMALL, None, whole(video_set))
    first = loader.train(0, 1, 1)
    next(first)
    next(loader.train(0, 2, 1))

    with pytest.raises(RuntimeError, match="ended by a later one"):
        next(first)


def test_a_start_may_lie_anywhere_where_frames_are_decoded_with_a_stride(video_set: VideoSet) -> None:
    settings = SMALL.model_copy(update={"stride": 2, "augment": AugmentSettings(crop="none", flip=0)})
    first = video_set.without(frozenset(c.name for c in video_set.clips[1:]))
    loader = Loader(first, settings, None, whole(first))

    starts = {next(loader.train(0, epoch, 1)).streams["rgb"].numpy().tobytes() for epoch in range(120)}

    assert len(starts) == 24 - 3 * 2, "as many as there is room for"


@pytest.mark.skipif(not EXERCISES.is_file(), reason="../shared/data/exercise_clips is not there")
def test_real_clips_are_loaded(tmp_path: Path) -> None:
    dataset = manifest.read(manifest.Settings(path=EXERCISES))
    some = dataset.without(frozenset(clip.name for clip in dataset.clips[12:]))
    settings = SeenSettings()
    loader = Loader(some, settings, build(some, settings, tmp_path, 1), whole(some))

    for split in {clip.split for clip in some.clips}:
        for batch in loader.evaluate(split, 4):
            assert batch.streams["rgb"].shape[1:] == (3, 8, 64, 64)
            assert bool((batch.streams["rgb"].std(dim=(1, 2, 3, 4)) > 0.1).all())
            assert bool((batch.labels_BC.sum(1) > 0).all())


def test_training_batches_have_the_learned_labels_of_the_kept_clips(video_set: VideoSet, tmp_path: Path) -> None:
    subset = draw(video_set, LabelSettings(noise=0.4, trained=3), TrainSettings(clips=0.5), seed=3)
    loader = Loader(video_set, SMALL, None, subset)
    batch = next(loader.train(7, 1, 100))
    assert sorted(batch.index_B.tolist()) == list(subset.train)
    assert loader.steps(1) == len(subset.train) < 5
    assert torch.equal(batch.labels_BC, torch.from_numpy(subset.labels_NC)[batch.index_B])
    assert batch.labels_BC.shape[1] == 3
