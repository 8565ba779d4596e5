"""How long trainings wait for data: the rate of the cache build against bare PyAV, and an epoch's share of waiting.

Bare PyAV decodes all frames of the same files in as many processes, and scales none. All but PyAV and numpy is imported
where it is used, since every process that decodes imports this file first. Needs clips that are video files;
without a manifest it takes that of the exercise clips beside the checkout, and says so if there is none.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m tests.bench.bench_data [MANIFEST]
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import av
import numpy as np

from tests.bench.rows import Row, keep, ratio

if TYPE_CHECKING:
    from experiments.videos import VideoSet

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT.parent / "shared" / "data" / "exercise_clips" / "manifest.csv"
BATCH, FRAMES, TURNS = 16, 10, 3


def measure(path: Path) -> Iterator[Row]:
    """Measure everything."""
    from experiments.data import manifest

    dataset = manifest.read(manifest.Settings(path=path))
    with tempfile.TemporaryDirectory(prefix="study-bench-") as folder:
        yield from decoding(dataset, Path(folder))
        yield epoch(dataset, Path(folder) / "0")
    augmentation()


def decoding(dataset: "VideoSet", folder: Path) -> Iterator[Row]:
    """Build the cache and decode with bare PyAV, on all cores, in turns; compare clips a second."""
    from experiments.clip import fingerprint
    from study import cache
    from study.settings import SeenSettings

    cores, count = len(os.sched_getaffinity(0)), len(dataset.clips)
    mark = fingerprint(dataset)  # a run has it before it decodes

    def ours() -> None:
        cache.build(dataset, SeenSettings(), folder / str(len(rates["ours"])), cores, mark=mark)

    ways: dict[str, Callable[[], object]] = {"ours": ours}
    ways |= {way.__name__: partial(spread, way, dataset, cores) for way in (decoded, as_arrays)}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, do in ways.items():
            began = time.perf_counter()
            do()
            rates[name].append(count / (time.perf_counter() - began))
    own, bare, arrays = rates.values()
    named = f"bare PyAV on {cores} cores"
    what, said = "decode rate of the cache build", f"clips a second, {count} clips of 8 frames, 64 px"
    for against, theirs, asked in ((named, bare, 1.0), (f"{named}, with {FRAMES} frames as arrays", arrays, None)):
        turns = ", ".join(f"{one / other:.2f}" for one, other in zip(own, theirs, strict=True))
        value, of = ratio(fmean(own), fmean(theirs), said)
        yield Row(what, against, value, "", asked, asked, f"{of}; {turns}", "at least")


def spread(way: Callable[[str], None], dataset: "VideoSet", cores: int) -> None:
    """Have as many processes as cores decode all clips, each with one thread."""
    with get_context("spawn").Pool(cores) as pool:
        pool.map(way, [str(dataset.videos[clip.name]) for clip in dataset.clips], chunksize=4)


def decoded(path: str) -> None:
    """Decode all frames of a video."""
    with av.open(path) as container:
        container.streams.video[0].thread_count = 1
        for _ in container.decode(video=0):
            pass


def as_arrays(path: str) -> None:
    """Likewise, and turn some into arrays of their own size, which is the least that a training could use."""
    from study import sampling

    with av.open(path) as container:
        container.streams.video[0].thread_count = 1
        frames = list(container.decode(video=0))
        np.stack([frames[index].to_ndarray(format="rgb24") for index in sampling.spread(len(frames), FRAMES, None)])


def epoch(dataset: "VideoSet", folder: Path) -> Row:
    """Train the tiny profile's tokens for two epochs and tell how much of the second was spent on waiting."""
    import torch
    import yaml

    from models.build import ClipShape, ModelSettings, build, rgb_settings
    from study import cache
    from study.loader import Loader
    from study.memory import begin_phase
    from study.settings import SeenSettings
    from study.subset import LabelSettings, TrainSettings, draw

    torch.set_num_threads(1)
    begin_phase(torch.device("cpu"))
    kept = cache.build(dataset, SeenSettings(), folder)
    loader = Loader(dataset, SeenSettings(), kept, draw(dataset, LabelSettings(), TrainSettings(), 0))
    profile = yaml.safe_load((ROOT / "experiments" / "profiles" / "tiny.yaml").read_text())
    network = build(rgb_settings(ModelSettings.model_validate(profile["model"])), len(dataset.labels), ClipShape(8, 64))
    for number in (1, 2):
        waited, clips = 0.0, 0
        began = mark = time.perf_counter()
        for batch in loader.train(0, number, BATCH):
            waited += time.perf_counter() - mark
            clips += len(batch.index_B)
            network(batch.streams).logits_BC.square().mean().backward()
            mark = time.perf_counter()
        whole = time.perf_counter() - began
    said = f"{1e3 * waited / clips:.2f} of {1e3 * whole / clips:.2f} ms a clip, {clips} clips, second epoch"
    return Row("waiting for data, tiny epoch", "its time", 100 * waited / whole, "%", 5, 2, said)


def augmentation() -> None:
    """Time the augmentation of the full profile: 16 frames of 256 px become 224 px."""
    from study import augment
    from study.augment import AugmentSettings

    settings = AugmentSettings(crop="random_resized", rand_augment="rand-m7-n4-mstd0.5-inc1", erase=0.25)
    frames_THWC = np.random.default_rng(0).integers(0, 256, (16, 256, 256, 3), np.uint8)
    for name, used in {"crop and flip": settings.model_copy(update={"rand_augment": None}), "all": settings}.items():
        augment.apply(frames_THWC, augment.draw(used, 0, 10, "clip"), used, 224)  # imports what it needs
        began = time.perf_counter()
        for number in range(10):
            augment.apply(frames_THWC, augment.draw(used, 0, number, "clip"), used, 224)
        print(f"full augmentation, {name}: {(time.perf_counter() - began) * 100:.0f} ms a clip")


if __name__ == "__main__":
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else MANIFEST
    if not given.exists():
        print("data: not measured. It needs clips that are video files: python -m tests.bench.bench_data MANIFEST")
        sys.exit(0)
    sys.exit(0 if keep("data", measure(given)) else 1)
