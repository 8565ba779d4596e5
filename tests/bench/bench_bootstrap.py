"""How long the bootstrap of a large study takes: 10,000 resamples of 10 arms x 5 seeds x 3,000 clips x 20 labels.

Run: python -m tests.bench.bench_bootstrap [resamples]
Target: at most 120 s on two cores for 10,000 resamples (fewer are scaled up), in less than 2 GB.

Letters: N clips, C classes.
"""

import resource
import sys
import time

import numpy as np

from results.bootstrap import RESAMPLES, resample
from results.claim import Claim
from results.contrast import contrasts
from results.frame import Predictions

ARMS, SEEDS, CLIPS, CLASSES, ACTIVITIES, POSITIVE = 10, 5, 3_000, 20, 60, 0.25
TARGET_S = 120.0


def predictions() -> Predictions:
    """Draw scores that are better than chance, without ties: the slowest case."""
    generator = np.random.default_rng(0)
    labels_NC = generator.random((CLIPS, CLASSES)) < POSITIVE
    return Predictions(
        tuple(f"arm {arm}" for arm in range(ARMS)),
        np.array([f"clip {clip}" for clip in range(CLIPS)]),
        np.full(CLIPS, "val_seen"),
        np.array([f"activity {clip % ACTIVITIES}" for clip in range(CLIPS)]),
        labels_NC,
        {
            f"arm {arm}": {
                seed: (generator.normal(size=labels_NC.shape) + labels_NC).astype(np.float32) for seed in range(SEEDS)
            }
            for arm in range(ARMS)
        },
    )


def main(resamples: int) -> None:
    """Time the bootstrap alone, then everything from predictions to contrasts."""
    made = predictions()
    clips = made.of("val_seen")
    models = [scores_NC for seeds in clips.scores.values() for scores_NC in seeds.values()]
    started, processor = time.perf_counter(), time.process_time()
    resample(clips, models, resamples)
    wall_s, processor_s = time.perf_counter() - started, time.process_time() - processor
    scale = RESAMPLES / resamples
    started = time.perf_counter()
    claim = Claim(split="val_seen", control="arm 0", which="any", direction="better", smallest=1.0)
    contrasts(made, claim, max(resamples // 10, 2))
    whole_s = time.perf_counter() - started
    memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{resamples} resamples of {ARMS} arms x {SEEDS} seeds x {CLIPS} clips x {CLASSES} labels: {wall_s:.1f} s")
    print(f"for {RESAMPLES}: {wall_s * scale:.0f} s (processor {processor_s * scale:.0f} s), target {TARGET_S:.0f} s")
    print(f"contrasts with {max(resamples // 10, 2)} resamples: {whole_s:.1f} s; peak memory {memory_gb:.2f} GB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RESAMPLES)
