"""How long the bootstrap of a large study takes: 10,000 resamples of 10 arms x 5 seeds x 3,000 clips x 20 labels.

At most 120 s and 2 GB are asked; fewer resamples are scaled up.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m tests.bench.bench_bootstrap [RESAMPLES]

Letters: N clips, C classes.
"""

import resource
import sys
import time
from collections.abc import Iterator

import numpy as np

from results.bootstrap import RESAMPLES, resample
from results.claim import Claim
from results.contrast import contrasts
from results.frame import Predictions
from tests.bench.rows import Row, keep

ARMS, SEEDS, CLIPS, CLASSES, ACTIVITIES, POSITIVE = 10, 5, 3_000, 20, 60, 0.25
TARGET_S = 120.0
FEWER = 1_000
"""How many are drawn if nothing else is asked for."""


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


def measure(resamples: int) -> Iterator[Row]:
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
    memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    said = f"{ARMS} arms x {SEEDS} seeds x {CLIPS} clips x {CLASSES} labels; by {resamples} resamples"
    yield Row(f"bootstrap of {RESAMPLES:,} resamples", "", wall_s * scale, "s", TARGET_S, None, said)
    print(
        f"    processor {processor_s * scale:.0f} s; contrasts with {max(resamples // 10, 2)} resamples {whole_s:.1f} s"
    )
    yield Row("peak memory of a bootstrap", "", memory_gb, "GB", 2)


if __name__ == "__main__":
    sys.exit(0 if keep("bootstrap", measure(int(sys.argv[1]) if len(sys.argv) > 1 else FEWER)) else 1)
