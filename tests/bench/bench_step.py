"""The network of the paper against torchvision's, at full size: steps, passes, memory; as `study bench`.

OMP_WAIT_POLICY=PASSIVE python -m tests.bench.bench_step [REPEATS]
"""

import os
import sys
from collections.abc import Iterator

import torch

import study
from tests.bench.rows import Row, keep, ratio

REPEATS = 3
STRETCH = {"joint step, fp32": 0.85, "joint step, bf16": 0.55, "peak memory of a joint step": 0.55}
"""By how the measurement is called; passes have their own."""


def measure(repeats: int) -> Iterator[Row]:
    """Measure on all processors, and say what each ratio was made of."""
    for one in study.bench(repeats=repeats):
        value, said = ratio(one.ours, one.theirs, one.unit)
        best = None if one.required is None else stretch(one.what)
        yield Row(one.what, one.against, value, "", one.required, best, said)


def stretch(what: str) -> float:
    """Give what a ratio may become at best."""
    passes = 0.5 if what.endswith("bf16") else 0.85
    return next((asked for name, asked in STRETCH.items() if what.startswith(name)), passes)


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 1)
    sys.exit(0 if keep("step", measure(int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS)) else 1)
