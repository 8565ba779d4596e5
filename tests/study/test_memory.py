import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from study.memory import begin_phase, peak_bytes

CPU = torch.device("cpu")


def test_mapped_files_are_nobodys_memory(tmp_path: Path) -> None:
    kept = np.lib.format.open_memmap(tmp_path / "clips.npy", "w+", np.uint8, (200_000_000,))
    kept[:] = 1
    kept.flush()
    del kept
    begin_phase(CPU)
    before = peak_bytes(CPU)
    mapped = np.load(tmp_path / "clips.npy", mmap_mode="r")
    assert int(mapped.sum()) == 200_000_000
    assert peak_bytes(CPU) - before < 50_000_000


def test_a_peak_is_forgotten_when_a_new_phase_starts() -> None:
    begin_phase(CPU)
    held = np.ones(200_000_000, dtype=np.uint8)
    high = peak_bytes(CPU)
    del held
    begin_phase(CPU)
    assert high - peak_bytes(CPU) > 100_000_000


def test_what_is_kept_for_the_next_step_counts_for_no_later_phase() -> None:
    code = "from tests.study.test_memory import kept; kept()"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)


def kept() -> None:
    """Free 150 MB in pieces that glibc keeps; in a process of its own, since nothing can undo what it was told."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    begin_phase(CPU)
    before, least = resident(), peak_bytes(CPU)
    pieces = [np.ones(15_000_000, dtype=np.uint8) for _ in range(10)]
    pieces.clear()
    assert resident() - before > 100_000_000
    begin_phase(CPU)
    assert peak_bytes(CPU) - least < 50_000_000
