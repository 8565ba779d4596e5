"""How large a page of 50 arms is, and how long it and each of its charts take: budget 3 MB and 5 s.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python tests/bench/bench_page.py
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from experiments.clip import MUSCLES  # noqa: E402
from reports import export, figure, headline, index, page  # noqa: E402
from tests.reports import made_ledger  # noqa: E402
from tests.reports.made_ledger import EDITION, EPOCHS, make_answer, make_ledger  # noqa: E402

ARMS, SEEDS, REPEATS = 50, 5, 3
MUSCLE_GROUPS = {"8 muscle groups": made_ledger.LABELS, "20 muscle groups": MUSCLES}


def main() -> None:
    EPOCHS["rgb"], EPOCHS["joint"] = 40, 10
    levels = {"names": tuple(f"kind {number:02}" for number in range(ARMS)), "numbers": tuple(range(1, ARMS + 1))}
    for what, labels in MUSCLE_GROUPS.items():
        made_ledger.LABELS = labels
        for kind, own in levels.items():
            measure(f"{ARMS} arms ({kind}), {SEEDS} seeds, 50 epochs, {what}", own)


def measure(what: str, levels: tuple[object, ...]) -> None:
    """Build a page a few times and tell its size, its time, and what its charts take of it."""
    ledger = make_ledger(levels, levels[7], tuple(range(SEEDS)), factor="fusion")
    answer, times = make_answer(ledger.plan), []
    with ledger.connect() as connection, tempfile.TemporaryDirectory(prefix="study-bench-") as folder:
        for _ in range(REPEATS):
            began = time.process_time(), time.perf_counter()
            out = page.build(connection, EDITION, answer, ledger.plan, Path(folder) / "page.html").path
            times.append((time.process_time() - began[0], time.perf_counter() - began[1]))
        processor, wall = (median(column) for column in zip(*times, strict=True))
        size = f"{out.stat().st_size / 1e6:.2f} MB"
        print(f"{what}: {size}, {processor:.2f} s of processor (first {times[0][0]:.2f}), {wall:.2f} s")
        told = {**ledger.plan, "answer": headline.as_plain(answer)}
        for name, (took_s, bytes_) in figures(connection, told).items():
            print(f"    {name:<18} {took_s:5.2f} s  {bytes_ / 1e3:6.0f} kB")
        began_s = time.process_time()
        index.build(Path(folder))
        print(f"    index of one page  {time.process_time() - began_s:5.2f} s")
        began_s = time.process_time()
        export.write(connection, EDITION, answer, ledger.plan, Path(folder) / "export")
        print(f"    export             {time.process_time() - began_s:5.2f} s")


def figures(connection: object, plan: dict[str, object]) -> dict[str, tuple[float, int]]:
    """Give each chart's processor time and the size of its drawing and data."""
    taken = {}
    for drawn in figure.draw_figures(connection, EDITION, plan):
        began = time.process_time()
        figure.draw_figures(connection, EDITION, {**plan, "charts": [drawn.name]})
        taken[drawn.name] = (time.process_time() - began, len(drawn.block) + len(drawn.link or ""))
    return taken


if __name__ == "__main__":
    main()
