"""How planning, `sync` and `status` grow with the number of trials; draws `engine.svg`.

10^2 to 10^4 trials; 10^5, whose 200,000 folders take minutes to make, with --most 100000. Plans are of ten arms or
more of TransM3E, three phases a trial; stores hold two phases a trial, in every state, 30 records each.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m tests.bench.bench_scale [--most TRIALS] [--to FOLDER]
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from unittest import mock

import study
from results import ledger
from study.preparation import Request
from study.standing import standings
from tests.bench import curves
from tests.bench.curves import Point
from tests.bench.made_trials import home, write_spec
from tests.bench.rows import keep
from tests.made_many import make_many

ALONG, ARMS, REPEATS = "trials", 10, 2
MOST_SEEDS = 1000  # that a spec may ask for; beyond it there are more arms


def measure(most: int, folder: Path) -> Iterator[Point]:
    """Measure all three with ten times as many trials each time."""
    trials = 100
    while trials <= most:
        own = folder / str(trials)
        own.mkdir()
        with home(own / "home"):
            seeds = min(trials // ARMS, MOST_SEEDS)
            request = Request(str(write_spec(own / "asked.yaml", trials // seeds, seeds, "")))
            yield Point("plan, s", ALONG, trials, timed(lambda request=request: study.plan(request)))
        store = make_many(own, 2 * trials)
        with mock.patch.dict(os.environ, PATH=f"{own / 'bin'}:{os.environ['PATH']}"):
            yield Point("status, s", ALONG, trials, timed(lambda store=store: standings(store, None)))

        def sync(store=store) -> None:
            store.database.unlink(missing_ok=True)
            ledger.sync(store)

        yield Point("sync, s", ALONG, trials, timed(sync))
        trials *= 10


def timed(do: Callable[[], object]) -> float:
    """Give the median of how long a call takes, seconds, but for the first."""
    taken = []
    for _ in range(1 + REPEATS):
        began = time.perf_counter()
        do()
        taken.append(time.perf_counter() - began)
    return median(taken[1:])


if __name__ == "__main__":
    parser = curves.folder(__doc__)
    parser.add_argument("--most", type=int, default=10_000, help="trials at most")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="study-bench-") as name:
        points = list(measure(given.most, Path(name)))
    curves.tell(points)
    curves.draw(points, given.to / "engine.svg")
    sys.exit(0 if keep("scale", curves.rows(points)) else 1)
