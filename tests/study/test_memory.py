import numpy as np
import torch

from study.memory import peak_bytes, start_peak

CPU = torch.device("cpu")


def test_a_peak_is_forgotten_when_a_new_phase_starts() -> None:
    start_peak(CPU)
    held = np.ones(200_000_000, dtype=np.uint8)
    high = peak_bytes(CPU)
    del held
    start_peak(CPU)
    assert high - peak_bytes(CPU) > 100_000_000
