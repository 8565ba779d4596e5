"""Ledgers that hold more than an edition of scores: a control trained once more, and costs at inference."""

import json
from typing import Any

from tests.reports.made_ledger import FACTOR, Ledger, digest, make_ledger, make_run


def make_repeated_ledger(shift: float = 0.3, **changes: Any) -> Ledger:
    """Make an edition whose control was trained once more; seed 0 scores `shift` points less, seed 2 more."""
    ledger = make_ledger(**changes)
    control = next(arm for arm in ledger.plan["arms"] if arm["is_control"])
    again = {"name": "control again", "is_control": False, "levels": {FACTOR: 20}, "replicate": 1, "weights": []}
    ledger.plan["arms"].append(again)
    for trial in [trial for trial in ledger.plan["trials"] if trial["arm"] == control["name"]]:
        first, seed = trial["final"], trial["seed"]
        final = digest("again", seed)
        phases = trial["phases"] | {"joint": final}
        ledger.plan["trials"].append({**trial, "arm": again["name"], "replicate": 1, "phases": phases, "final": final})
        ledger.plan["phases"][final] = ledger.plan["phases"][first]
        ledger.runs[final] = ledger.runs[first] | {"key": final, "replicate": 1}
        own = [row for row in ledger.records if row[0] == first]
        ledger.records += [(final, *row[1:5], row[5] + shift * (seed - 1), row[6]) for row in own]
    return ledger


def make_measured_ledger(**changes: Any) -> Ledger:
    """Make an edition of scores whose networks another study measured at inference: each later one 2 ms slower.

    Its trainings differ from the measurements in what costs nothing at inference: distillation and loss.
    """
    ledger = make_ledger(**changes)
    for place, arm in enumerate(arm["name"] for arm in ledger.plan["arms"]):
        network = {"tokens": {"count": arm}, "loss": {"name": "bce"}, "distill": {"name": "none"}}
        data = {"frames": 8, "size": 64, "margin": 8}
        for trial in ledger.plan["trials"]:
            if trial["arm"] == arm:
                trained = network | {"loss": {"name": "focal"}, "weights": "some.pth"}
                ledger.runs[trial["final"]]["settings"] = json.dumps({"data": data | {"margin": 4}, "model": trained})
        key = digest("profile", arm)
        measured = {"settings": json.dumps({"data": data, "model": network, "device": "cpu"}), "device": "cpu, a chip"}
        ledger.runs[key] = make_run("profile", key, 0, 0) | measured
        costs = {"latency_median": 4.0 + 2 * place, "peak_memory": 3e6 + place * 1e5, "gflops": 0.1 + place / 100}
        ledger.records += [(key, 1, metric, "inference", 50, value, "") for metric, value in costs.items()]
    return ledger
