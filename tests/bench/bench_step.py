"""The network of the paper against torchvision's, at full size: steps, passes, memory; as `study bench`.

OMP_WAIT_POLICY=PASSIVE python tests/bench/bench_step.py
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


def main() -> bool:
    """Print a line for each ratio, and tell whether all are as small as they should be."""
    import torch

    import study

    torch.set_num_threads(os.cpu_count() or 1)
    met = []
    for ratio in study.bench(repeats=3):
        met.append(ratio.is_met)
        print(
            f"{ratio.what}: {ratio.ours:.3g} {ratio.unit}; {ratio.against}: {ratio.theirs:.3g} {ratio.unit}; "
            f"{ratio.value:.2f} times (at most {ratio.required:.2f})",
            flush=True,
        )
    return all(met)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
