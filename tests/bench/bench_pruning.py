"""What each pruner saves, and how often it gives up the best arm: replayed over recorded curves of real trainings.

Run: python -m tests.bench.bench_pruning [studies] [path of nanogpt_val_curves.csv.gz]

A replayed study is six arms (fewer, if there are no more) with three runs each and one grid of measured steps, drawn
from the recorded ones; the first arm is the control, which is never given up. Two trainings go on at a time, seed after
seed. The best arm is the one whose three runs end with the lowest mean loss: *lost* is the share of studies in which
one of its runs was given up (it then has no interval), *all lost* that in which all were, *clear* that in which one
was of those studies whose best arm leads by more than two standard errors. All are over the studies whose best arm is
not the control.

Letters: A arms, S runs.
"""

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna
import polars as pl

from models import catalog
from models.settings import Frozen
from study.prune import make_pruner

CURVES = Path(__file__).parents[3] / "shared/data/curves/nanogpt_val_curves.csv.gz"
STUDIES, ARMS, SEEDS, WORKERS, LEAST_ARMS = 1000, 6, 3, 2, 4
PRUNERS: dict[str, dict[str, Any]] = {
    "median": {},
    "median, from the third measurement on": {"n_warmup_steps": 3},
    "percentile 25": {"percentile": 25.0},
    "percentile 75": {"percentile": 75.0},
    "successive_halving": {},
    "successive_halving, factor 2": {"reduction_factor": 2},
    "hyperband": {},
    "patient 1 (median)": {"patience": 1},
    "patient 0 (median)": {"patience": 0},
}
"""Label, which begins with a pruner's name -> what differs from its defaults."""

Curve = tuple[float, ...]


class Replayed(NamedTuple):
    """How one study went: shares of the epochs and of the runs of the best arm that were given up.

    `lost` is NaN where the best arm is the control; `is_clear` tells whether the best arm leads by more than noise.
    """

    saved: float
    lost: float
    is_clear: bool


def read_families(path: Path) -> list[dict[str, list[Curve]]]:
    """Read the arms with enough runs, by the grid of steps that they were measured at: arm -> curves, higher better."""
    rows = pl.read_csv(path).filter(pl.col("step") > 0).sort("step")
    runs = rows.group_by("arm", "run").agg(pl.col("step"), -pl.col("val_loss"))
    families: dict[tuple[int, ...], dict[str, list[Curve]]] = defaultdict(lambda: defaultdict(list))
    for arm, _, steps, values in sorted(runs.iter_rows()):
        families[tuple(steps)][arm].append(tuple(values))
    enough = ({arm: own for arm, own in family.items() if len(own) >= SEEDS} for family in families.values())
    return [family for family in enough if len(family) >= LEAST_ARMS]


def draw(family: dict[str, list[Curve]], generator: np.random.Generator) -> list[list[Curve]]:
    """Draw a study: the curves of each arm, seed by seed; the first arm is the control."""
    arms = generator.permutation(sorted(family))[:ARMS]
    return [[family[arm][run] for run in generator.permutation(len(family[arm]))[:SEEDS]] for arm in arms]


def replay(arms: list[list[Curve]], settings: Frozen, name: str) -> Replayed:
    """Let a pruner judge the trainings of a study while they go on, and see what it gives up."""
    epochs = len(arms[0][0])
    study = optuna.create_study(study_name=name, direction="maximize", pruner=make_pruner(settings, epochs))
    waiting = [(arm, study.ask(), arms[arm][seed]) for seed in range(SEEDS) for arm in range(len(arms))]
    going: list[list[Any]] = []
    trained, given_up = 0, [0] * len(arms)
    while waiting or going:
        while waiting and len(going) < WORKERS:
            going.append([*waiting.pop(0), 0])
        for one in list(going):
            arm, trial, curve, epoch = one
            trial.report(curve[epoch], epoch + 1)
            one[3], trained = epoch + 1, trained + 1
            is_pruned = trial.should_prune() and arm > 0
            if one[3] == epochs:
                study.tell(trial, curve[-1])
            elif is_pruned:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                given_up[arm] += 1
            else:
                continue
            going.remove(one)
    finals_AS = np.array([[curve[-1] for curve in own] for own in arms])
    *_, second, best = np.argsort(finals_AS.mean(axis=1))
    error = np.sqrt(finals_AS[[second, best]].var(axis=1, ddof=1).sum() / SEEDS)
    is_clear = finals_AS[best].mean() - finals_AS[second].mean() > 2 * error
    saved = 1 - trained / (len(arms) * SEEDS * epochs)
    return Replayed(saved, given_up[best] / SEEDS if best else float("nan"), bool(is_clear))


def main(studies: int, path: Path) -> None:
    """Replay as many studies with each pruner, the same ones for all."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    families = read_families(path)
    sizes = [len(family) for family in families]
    print(f"{len(families)} grids of steps with {min(sizes)} to {max(sizes)} arms; {studies} studies for each pruner")
    print(f"{'pruner':40} {'epochs saved':>12} {'lost':>8} {'all lost':>9} {'clear':>8}")
    for label, changes in PRUNERS.items():
        generator = np.random.default_rng(0)
        settings = catalog.load("study.prune", label.split()[0].rstrip(",")).Settings(**changes)
        drawn = (draw(families[number % len(families)], generator) for number in range(studies))
        replayed = [replay(arms, settings, f"study-{number}") for number, arms in enumerate(drawn)]
        counted = [one for one in replayed if not np.isnan(one.lost)]
        lost, clear = np.array([one.lost for one in counted]), np.array([one.is_clear for one in counted])
        shares = (np.mean(lost > 0), np.mean(lost == 1), np.mean(lost[clear] > 0))
        saved = np.mean([one.saved for one in replayed])
        print(f"{label:40} {saved:>12.1%} {shares[0]:>8.1%} {shares[1]:>9.1%} {shares[2]:>8.1%}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES, Path(sys.argv[2]) if len(sys.argv) > 2 else CURVES)
