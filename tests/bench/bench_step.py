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


def measure(repeats: int) -> Iterator[Row]:
    """Measure on all processors, and say what each ratio was made of."""
    for one in study.bench(repeats=repeats):
        value, said = ratio(one.ours, one.theirs, one.unit)
        yield Row(one.what, one.against, value, "", one.required, one.stretch, said)


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 1)
    sys.exit(0 if keep("step", measure(int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS)) else 1)
