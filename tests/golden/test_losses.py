"""The losses of a small trial, pinned: a change that should not alter results shows equal losses.

A commit that alters them on purpose raises `study.key.NUMERICS`, says why, and writes the file anew:

    python -m tests.golden.test_losses
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from results.attempt import Store
from results.owner import Owner
from results.record import read_records
from study.key import NUMERICS
from study.leg import Place
from study.preparation import Prepared, Request, prepare
from study.training import train

FILE = Path(__file__).with_name("losses.json")
SETTINGS = {
    "data.limit": 8,
    "data.frames": 4,
    "data.size": 16,
    "data.margin": 2,
    "model.trunk.width": 8,
    "model.trunk.depth": 2,
    "model.trunk.stage_starts": [1],
    "model.trunk.patch_kernel": [3, 7, 7],
    "model.trunk.patch_stride": [2, 4, 4],
    "model.trunk.patch_padding": [1, 3, 3],
    "model.trunk.key_value_stride": [1, 2, 2],
    "model.head_dropout": 0.1,
    "optim.lr": 2e-3,
    "optim.batch": 4,
    "phases.rgb_epochs": 3,
    "phases.sender_epochs": 2,
    "phases.joint_epochs": 2,
    "phases.evaluate_every": 1,
}
RELATIVE = 1e-3  # processors round differently; a change of the mathematics shows in the second digit


def losses() -> dict[str, Any]:
    """Train one trial with all three phases; give the losses of every split, an epoch each, by phase."""
    prepared = prepare(Request("token_count_sweep", profile="smoke", overrides=SETTINGS))
    trial = prepared.plan.trials[0]
    assert trial.arm.is_control
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {kind: _losses(prepared, kind) for kind in trial.phases} | {"numerics": NUMERICS}
    finally:
        torch.set_num_threads(threads)


def _losses(prepared: Prepared, kind: str) -> dict[str, list[float]]:
    phase, store = prepared.plan.trials[0].phases[kind], prepared.store
    way = prepared.ways[prepared.plan.edition.control.name]
    cache = way.source.decode(way.frames, way.streams)
    resources = prepared.plan.edition.settings.resources
    place = Place(way.source.dataset(), cache, resources, {"commit": "none", "diff": None}, "golden")
    attempt = Store(store.root).claim(phase.key, phase.content | {"key": phase.key}, Owner.current("golden"))
    assert attempt is not None
    train(phase, place, store, attempt)
    found: dict[str, list[float]] = {}
    for record in read_records(attempt.records):
        if record.metric == "loss":
            found.setdefault(record.split, []).append(record.value)
    return found


def test_losses_are_those_that_were_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path))
    pinned = json.loads(FILE.read_text())
    assert pinned["numerics"] == NUMERICS, "NUMERICS was raised: pin the new losses and say why they are new"
    found = losses()
    for kind in ("rgb", "sender", "joint"):
        assert found[kind].keys() == pinned[kind].keys()
        for split, values in pinned[kind].items():
            np.testing.assert_allclose(found[kind][split], values, rtol=RELATIVE, err_msg=f"{kind}, {split}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STUDY_HOME"] = folder
        FILE.write_text(json.dumps(losses(), indent=1) + "\n")
