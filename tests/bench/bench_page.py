"""How long a page of 50 arms, its charts and its export take, and how large it is: budget 5 s and 3 MB.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m tests.bench.bench_page
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from experiments.clip import MUSCLES
from reports import export, figure, headline, index, page
from tests.bench.rows import Row, keep
from tests.reports import made_ledger
from tests.reports.made_ledger import EDITION, EPOCHS, make_answer, make_ledger

ARMS, SEEDS, REPEATS = 50, 5, 3


def measure() -> Iterator[Row]:
    """Build the page with names and with numbers as levels."""
    EPOCHS["rgb"], EPOCHS["joint"], made_ledger.LABELS = 40, 10, MUSCLES
    levels = {"names": tuple(f"kind {number:02}" for number in range(ARMS)), "numbers": tuple(range(1, ARMS + 1))}
    for kind, own in levels.items():
        yield from build(f"page of {ARMS} arms, levels are {kind}", own)


def build(what: str, levels: tuple[object, ...]) -> Iterator[Row]:
    """Build a page a few times and tell its time, its size, and what its charts take of it."""
    ledger = make_ledger(levels, levels[7], tuple(range(SEEDS)), factor="fusion")
    answer, times = make_answer(ledger.plan), []
    with ledger.connect() as connection, tempfile.TemporaryDirectory(prefix="study-bench-") as folder:
        for _ in range(REPEATS):
            began = time.perf_counter()
            out = page.build(connection, EDITION, answer, ledger.plan, Path(folder) / "page.html").path
            times.append(time.perf_counter() - began)
        said = f"its answer given; {SEEDS} seeds, 50 epochs, {len(MUSCLES)} muscle groups; the first {times[0]:.1f} s"
        yield Row(what, "", median(times), "s", 5, 2.5, said)
        yield Row(f"size of the page, {what.rpartition(', ')[2]}", "", out.stat().st_size / 1e6, "MB", 3)
        told = {**ledger.plan, "answer": headline.as_plain(answer)}
        for name, (took_s, bytes_) in figures(connection, told).items():
            print(f"    {name:<18} {took_s:5.2f} s  {bytes_ / 1e3:6.0f} kB")
        began = time.process_time()
        index.build(Path(folder))
        print(f"    index of one page  {time.process_time() - began:5.2f} s")
        began = time.process_time()
        export.write(connection, EDITION, answer, ledger.plan, Path(folder) / "export")
        print(f"    export             {time.process_time() - began:5.2f} s")


def figures(connection: object, plan: dict[str, object]) -> dict[str, tuple[float, int]]:
    """Give each chart's processor time and the size of its drawing and data."""
    taken = {}
    for drawn in figure.draw_figures(connection, EDITION, plan):
        began = time.process_time()
        figure.draw_figures(connection, EDITION, {**plan, "charts": [drawn.name]})
        taken[drawn.name] = (time.process_time() - began, len(drawn.block) + len(drawn.link or ""))
    return taken


if __name__ == "__main__":
    sys.exit(0 if keep("page", measure()) else 1)
