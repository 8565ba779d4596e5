"""How long trainings wait for data: decoding against bare PyAV, and the share of a tiny epoch spent on batches.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python tests/bench/bench_data.py [MANIFEST]
"""

import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
import torch
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from experiments.data import manifest  # noqa: E402 - the checkout must be on the path
from experiments.videos import VideoSet  # noqa: E402
from models.build import ClipShape, ModelSettings, build, rgb_settings  # noqa: E402
from study import augment, cache, sampling  # noqa: E402
from study.augment import AugmentSettings  # noqa: E402
from study.loader import Loader  # noqa: E402
from study.settings import SeenSettings  # noqa: E402
from study.subset import LabelSettings, TrainSettings, draw  # noqa: E402

BATCH = 16


def main(path: Path) -> None:
    """Measure everything and print one line each."""
    torch.set_num_threads(1)
    dataset = manifest.read(manifest.Settings(path=path))
    count = len(dataset.clips)
    print(f"{count} clips of {dataset.name}")
    with tempfile.TemporaryDirectory() as folder:
        decoding(dataset.without(frozenset(clip.name for clip in dataset.clips[64:])))
        for workers in (1, 2):
            began = time.perf_counter()
            kept = cache.build(dataset, SeenSettings(), Path(folder) / str(workers), workers)
            print(f"cache, {workers} workers: {time.perf_counter() - began:.1f} s, {count} clips")
        epoch(
            Loader(dataset, SeenSettings(), kept, draw(dataset, LabelSettings(), TrainSettings(), 0)),
            len(dataset.labels),
        )
    augmentation()


def decoding(dataset: VideoSet) -> None:
    """Compare our decoding of ten spread frames with PyAV decoding all frames to the last and scaling none."""
    ours, bare = [], []
    for clip in dataset.clips:
        began = time.perf_counter()
        indices = sampling.spread(dataset.length(clip), 10, None).tolist()
        dataset.frames(clip, indices, 72, "crop")
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        with av.open(str(dataset.videos[clip.name])) as container:
            container.streams.video[0].thread_count = 1
            for _ in container.decode(video=0):
                pass
        bare.append(time.perf_counter() - began)
    print(f"decoding: {np.median(ours) * 1e3:.1f} ms a clip; bare PyAV {np.median(bare) * 1e3:.1f} ms (medians)")


def epoch(loader: Loader, classes: int) -> None:
    """Train the tiny profile's tokens for two epochs and tell how much of the second was spent on waiting."""
    profile = yaml.safe_load((ROOT / "experiments" / "profiles" / "tiny.yaml").read_text())
    network = build(rgb_settings(ModelSettings.model_validate(profile["model"])), classes, ClipShape(8, 64))
    for number in (1, 2):
        waited, clips = 0.0, 0
        began = mark = time.perf_counter()
        for batch in loader.train(0, number, BATCH):
            waited += time.perf_counter() - mark
            clips += len(batch.index_B)
            network(batch.streams).logits_BC.square().mean().backward()
            mark = time.perf_counter()
        whole = time.perf_counter() - began
        print(
            f"tiny epoch {number}: {whole:.2f} s, of which {waited:.3f} s waiting ({100 * waited / whole:.1f} %), "
            f"{1e3 * waited / clips:.2f} ms a clip"
        )


def augmentation() -> None:
    """Time the augmentation of the full profile: 16 frames of 256 px become 224 px."""
    settings = AugmentSettings(crop="random_resized", rand_augment="rand-m7-n4-mstd0.5-inc1", erase=0.25)
    frames_THWC = np.random.default_rng(0).integers(0, 256, (16, 256, 256, 3), np.uint8)
    for name, used in {"crop and flip": settings.model_copy(update={"rand_augment": None}), "all": settings}.items():
        augment.apply(frames_THWC, augment.draw(used, 0, 10, "clip"), used, 224)  # imports what it needs
        began = time.perf_counter()
        for number in range(10):
            augment.apply(frames_THWC, augment.draw(used, 0, number, "clip"), used, 224)
        print(f"full augmentation, {name}: {(time.perf_counter() - began) * 100:.0f} ms a clip")


if __name__ == "__main__":
    default = ROOT.parent / "shared" / "data" / "exercise_clips" / "manifest.csv"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
