"""How time and memory of a training step grow with tokens, clip length and resolution; draws `network.svg`.

The joint network of the tiny profile (frozen sender, MCTF) on clips that are made up, four in a batch. All sizes take
turns in one process for the time. For the memory each has a process of its own; what that held before does not count.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m tests.bench.bench_growth [--to FOLDER]
"""

import multiprocessing
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import torch

from experiments.read import find_spec, read_spec
from models.build import ClipShape
from study.benching import PEER, Asked, Step, step_of
from study.memory import begin_phase, peak_bytes
from study.resolve import resolve
from tests.bench import curves
from tests.bench.curves import Point
from tests.bench.rows import keep

REPEATS, BATCH = 9, 4
SIZES: Mapping[str, Sequence[int]] = {
    "tokens K": (1, 4, 16, 32, 64, 128),
    "frames": (4, 8, 16, 32, 64),
    "pixels of a frame": (32**2, 64**2, 96**2, 128**2, 192**2),
}


def asked(along: str, size: int) -> Asked:
    """Ask about the tiny profile's network with one thing changed."""
    settings = resolve(read_spec(find_spec("token_count_sweep")), "tiny").control.settings
    model, shape = settings.model, ClipShape(settings.data.frames, settings.data.size)
    match along:
        case "tokens K":
            model = model.model_copy(update={"tokens": model.tokens.model_copy(update={"count": size})})
        case "frames":
            shape = shape._replace(frames=size)
        case _:
            shape = shape._replace(size=round(size**0.5))
    return Asked(model, settings.optim.joint(), shape, torch.device("cpu"), BATCH, REPEATS, PEER)


def measure() -> Iterator[Point]:
    """Measure every size of everything that grows."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["study.benching"])
    for along, sizes in SIZES.items():
        own = {size: asked(along, size) for size in sizes}
        yield from (Point("step, ms", along, size, ms) for size, ms in times_ms(own).items())
        for size, one in own.items():
            with context.Pool(1) as pool:
                yield Point("memory of a step, MB", along, size, pool.apply(peak_mb, (one,)))


def times_ms(asked_of: Mapping[int, Asked]) -> dict[int, float]:
    """Time steps of all sizes in turns; give the medians, without the first."""
    begin_phase(torch.device("cpu"))
    steps: dict[int, Step] = {size: step_of(one, "ours") for size, one in asked_of.items()}
    taken: dict[int, list[float]] = {size: [] for size in steps}
    for _ in range(1 + REPEATS):
        for size, step in steps.items():
            began = time.perf_counter()
            step()
            taken[size].append(1e3 * (time.perf_counter() - began))
    return {size: median(own[1:]) for size, own in taken.items()}


def peak_mb(one: Asked) -> float:
    """Give how much more than before a process holds at the peak of two steps, network and optimiser included."""
    torch.set_num_threads(1)
    begin_phase(one.device)
    before = peak_bytes(one.device)
    step = step_of(one, "ours")
    step()
    step()
    return (peak_bytes(one.device) - before) / 1e6


if __name__ == "__main__":
    given = curves.folder(__doc__).parse_args()
    torch.set_num_threads(1)
    points = list(measure())
    curves.tell(points)
    curves.draw(points, given.to / "network.svg")
    sys.exit(0 if keep("growth", curves.rows(points)) else 1)
