"""Is the training real? The control of token_count_sweep over three seeds, against scoring by label frequencies.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python tests/bench/bench_learning.py [MANIFEST]

Trains nine phases (some minutes) in a folder of its own. Exits with 1 if the control stays below what is asked: on
rendered clips 2 times the label frequencies on seen activities and 1.3 times on unseen ones, on others 1.6 times on
seen ones.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from experiments.clip import DataSet  # noqa: E402 - the checkout must be on the path
from results.metric.average_precision import mean_average_precision  # noqa: E402
from results.record import read_records  # noqa: E402
from study import provenance  # noqa: E402
from study.event import Event  # noqa: E402
from study.executor import local  # noqa: E402
from study.preparation import Prepared, Request, decode, prepare_store  # noqa: E402
from study.settings import workers_of  # noqa: E402
from study.training import SHOWN_SPLITS  # noqa: E402
from study.worker import Orders  # noqa: E402

ASKED = {"synthetic": {"val_seen": 2.0, "val_unseen": 1.3}}
ASKED_OF_OTHERS = {"val_seen": 1.6}


def main(data: str | None) -> bool:
    """Train, print a line for each split, and tell whether the control reaches what is asked."""
    prepared = prepare_store(Request("token_count_sweep", data=data))
    workers = workers_of(prepared.plan.edition.settings.resources)
    prepared = decode(prepared, workers, lambda done, in_all: None)
    finals = train_control(prepared, workers)
    dataset = prepared.ways[prepared.plan.edition.control.name].source.dataset()
    asked = ASKED.get(dataset.name, ASKED_OF_OTHERS)
    reached = True
    for split in SHOWN_SPLITS:
        base = of_frequencies(dataset, split)
        ratios = np.array([final[split] for final in finals]) / base
        reached &= ratios.mean() >= asked.get(split, 0.0)
        print(
            f"{dataset.name}, {split}: label frequencies {base:.1f}; control {ratios.mean() * base:.1f} over "
            f"{len(finals)} seeds, {ratios.mean():.2f} times ({ratios.min():.2f} to {ratios.max():.2f}); "
            f"asked {asked.get(split, 'nothing')}"
        )
    return reached


def train_control(prepared: Prepared, workers: int) -> list[dict[str, float]]:
    """Train every seed of the control; give the last mAP (points) of each split, a seed each."""
    plan, store = prepared.plan, prepared.store
    trials = [trial for trial in plan.trials if trial.arm.is_control]
    phases = {phase.key: phase for trial in trials for phase in trial.phases.values()}
    resources = plan.edition.settings.resources
    orders = Orders(store.root, prepared.sources, resources, provenance.code(), "bench_learning")
    schedule = local.run(phases, (), orders, workers, tell)
    assert schedule.done == set(phases), schedule.failed
    results = [store.result(trial.final.key) for trial in trials]
    return [
        {record.split: record.value for record in read_records(one.records) if record.metric == "map"}
        for one in results
        if one is not None
    ]


def tell(event: Event) -> None:
    """Print what went wrong, and a dot for a phase that is done."""
    if event.text:
        print(event.text)
    elif event.state == "done":
        print(".", end="", file=sys.stderr, flush=True)


def of_frequencies(dataset: DataSet, split: str) -> float:
    """Give the mAP (points) of scoring every clip of `split` with the training frequencies of the labels."""

    def truth(name: str) -> np.ndarray:
        rows = [clip.muscles for clip in dataset.clips if clip.split == name]
        labels_NC = np.zeros((len(rows), len(dataset.labels)), dtype=bool)
        for row, muscles in zip(labels_NC, rows, strict=True):
            row[list(muscles)] = True
        return labels_NC

    labels_NC = truth(split)
    return mean_average_precision(np.tile(truth("train").mean(axis=0), (len(labels_NC), 1)), labels_NC)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["STUDY_HOME"] = home
        sys.exit(0 if main(sys.argv[1] if len(sys.argv) > 1 else None) else 1)
