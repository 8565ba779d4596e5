import os
from collections.abc import Callable
from pathlib import Path

import torch

from study.checkpoint import Resume, load_resume, load_weights, save_resume, save_weights


def test_weights_come_back_as_they_were(tmp_path: Path) -> None:
    weights = {"a.weight": torch.randn(3, 2), "a.bias": torch.zeros(3, dtype=torch.bfloat16)}
    save_weights(tmp_path / "w.safetensors", weights)
    read = load_weights(tmp_path / "w.safetensors")
    assert read.keys() == weights.keys()
    assert all(torch.equal(read[name], weights[name]) for name in weights)


def test_a_network_without_weights_comes_back_without_any(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", {})
    assert load_weights(tmp_path / "w.safetensors") == {}


def test_a_training_comes_back_with_its_epoch_and_who_trained_it(tmp_path: Path) -> None:
    resume = Resume(3, {"w": torch.ones(2)}, {"0.exp_avg": torch.zeros(2), "0.step": torch.tensor(7.0)}, processes=4)
    save_resume(tmp_path / "r.safetensors", resume)
    read = load_resume(tmp_path / "r.safetensors")
    assert (read.epoch, read.processes) == (3, 4)
    assert torch.equal(read.network["w"], torch.ones(2))
    assert float(read.optimiser["0.step"]) == 7.0


FULL_DISK = """
import sys
from pathlib import Path
import torch
from results.files import UnwritableError
from study.checkpoint import load_weights, save_weights
path = Path(sys.argv[1]) / "w.safetensors"
save_weights(path, {"w": torch.ones(2)})
try:
    save_weights(path, {"w": torch.ones(500_000)})
except UnwritableError as error:
    print(error)
print([path.name for path in path.parent.iterdir()], load_weights(path)["w"].tolist())
"""


def test_a_save_that_does_not_fit_leaves_the_old_file_and_nothing_else(run_on_small_disk: Callable[[str], str]) -> None:
    message, left = run_on_small_disk(FULL_DISK).splitlines()
    assert "w.safetensors: cannot write: the disk is full (ENOSPC)" in message
    assert left == "['w.safetensors'] [1.0, 1.0]"


def test_the_file_is_never_seen_half_written(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, {"w": torch.ones(1000)})
    inode = path.stat().st_ino
    save_weights(path, {"w": torch.zeros(1000)})
    assert path.stat().st_ino != inode, "a new file takes the old one's place"
    assert os.listdir(tmp_path) == ["w.safetensors"]
