"""Do the statistics err as seldom as they say? Thousands of studies made of trainings that differ in their seed alone.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python tests/bench/bench_calibration.py [--data MANIFEST] [--studies 2000]

Trains the control of calibration.yaml 48 times (about 8 minutes of a core; what the folder holds is not trained again)
and makes studies of these trainings, 50 at a time; what these said is kept beside the trainings, for the code of
`results/` as it is, so that a run that was stopped goes on. Seeds are drawn from them with replacement, and in studies
over activities also activities, and clips within them, so that what is true of all of them is known. Adding a constant
to an arm's points makes its true difference exactly what is asked. Everything from there on is the code that answers
studies.

Equal arms differ on each activity by chance alone. In `activities, own ways` an arm's scores also have added to them
what one training's are above another's: each arm then has its own way with every activity, as other networks have.

Prints how often a study says of any arm what is not so (at most 5 % and 1 more), with fixed seeds and with looks, one
arm and five; how often an interval holds the true difference (95 % and 2 to either side); and how often a difference is
found: `study plan` foretells that it is in 80 %, here by what the study before scattered. Exits with 1 if a target is
missed.

Letters: N clips, C classes, R resamples, M trainings (of an arm, with a seed).
"""

import argparse
import hashlib
import math
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from results.answer import place  # noqa: E402 - the checkout must be on the path
from results.bootstrap import Resampled, draw, measure_draws, rank  # noqa: E402
from results.claim import Claim  # noqa: E402
from results.contrast import Contrast, compare_measured  # noqa: E402
from results.files import read_json, replace_json  # noqa: E402
from results.looks import LOOKS, take_looks  # noqa: E402
from results.measure import Measured, Model, SplitPart  # noqa: E402
from results.metric.average_precision import Ranking  # noqa: E402
from results.spread import detectable, spread_of_contrasts  # noqa: E402

SPEC = Path(__file__).with_name("calibration.yaml")
LEAST = 40
RESAMPLES = 120
BLOCK = 50
MARGIN = 1.0
ARMS = ("control", "a", "b", "c", "d", "e")
KINDS = ("seeds", "activities, equal arms", "activities, own ways")
TRUE_AT = {  # what is claimed, and the true difference at which nothing but "undecided" is right
    "better by the margin, which it is exactly": ("better", MARGIN, MARGIN),
    "better by the margin, and worse by it": ("better", MARGIN, -MARGIN),
    "better by anything, and equal": ("better", 0.0, 0.0),
}
OWN_WAY = 0.5
"""How much of the difference of two trainings an arm adds to its scores."""
POWER_AT = (1, 2, 3, 4, 6, 8)


@dataclass(frozen=True)
class Pool:
    """One split's clips, and all trainings ranked: those of equal arms, and of each arm with its own way.

    Shapes:
        activity_N, labels_NC
    """

    split: str
    activity_N: NDArray[np.str_]
    labels_NC: NDArray[np.bool_]
    ranked: Mapping[str, Sequence[Mapping[int, Ranking]]]


@dataclass(frozen=True)
class Made:
    """A study: which training stands for each arm and seed, and what was measured of it, by kind of study."""

    measured: Mapping[str, Measured]


def train(data: str | None) -> list[Path]:
    """Train every seed of the control that is not trained yet; give their predictions."""
    from study import provenance
    from study.event import Event
    from study.executor import local
    from study.preparation import Request, decode, prepare_store
    from study.worker import Orders

    prepared = decode(prepare_store(Request(str(SPEC), data=data)), 1, lambda done, in_all: None)
    plan, store = prepared.plan, prepared.store
    trials = [trial for trial in plan.trials if trial.arm.is_control]
    phases = {phase.key: phase for trial in trials for phase in trial.phases.values()}
    done = {key for key, state in store.states(phases).items() if state.name == "done"}

    def tell(event: Event) -> None:
        if event.text or event.state == "done":
            print(event.text or ".", end="", file=sys.stderr, flush=True)

    orders = Orders(store.root, prepared.sources, plan.edition.settings.resources, provenance.code(), "calibration")
    if done != set(phases):
        local.run(phases, done, orders, 1, tell)
    results = [store.result(trial.final.key) for trial in trials]
    return [result.predictions for result in results if result]


def read(paths: Iterable[Path], generator: np.random.Generator) -> list[Pool]:
    """Read the trainings' scores of the validation splits and rank them."""
    import polars

    tables = [polars.read_parquet(path).sort("split", "activity", "clip") for path in paths]
    pools = []
    for split in ("val_seen", "val_unseen"):
        own = [table.filter(polars.col("split") == split) for table in tables]
        scores_MNC = np.array([table["scores"].to_list() for table in own], np.float32)
        labels_NC = np.array(own[0]["labels"].to_list(), bool)
        fields = {"control": np.zeros_like(scores_MNC[0])}
        for arm in ARMS[1:]:
            one, other = generator.choice(len(scores_MNC), 2, replace=False)
            fields[arm] = OWN_WAY * (scores_MNC[one] - scores_MNC[other])
        ranked = {
            arm: [rank(scores_NC + field_NC, labels_NC) for scores_NC in scores_MNC] for arm, field_NC in fields.items()
        }
        pools.append(Pool(split, own[0]["activity"].to_numpy().astype(str), labels_NC, ranked))
    return pools


def true_ways(pools: Sequence[Pool], generator: np.random.Generator, draws: int = 1000) -> dict[str, float]:
    """Measure each arm's true difference to the control, over all trainings and many draws of activities."""
    true = dict.fromkeys(ARMS, 0.0)
    for pool in pools:
        weights_NR = draw(pool.activity_N, draws, generator)
        mean = {arm: measure(pool, pool.ranked[arm], weights_NR).map_MR.mean() for arm in ARMS}
        true |= {arm: true[arm] + (mean[arm] - mean["control"]) / len(pools) for arm in ARMS}
    return true


def measure(pool: Pool, ranked: Sequence[Mapping[int, Ranking]], weights_NR: NDArray[np.int32]) -> Resampled:
    """Measure trainings under weights of the clips."""
    return measure_draws(pool.labels_NC, ranked, weights_NR)


def make_study(pools: Sequence[Pool], fixed_M: NDArray[np.float64], generator: np.random.Generator) -> Made:
    """Draw the trainings and, for each split, activities and clips; then resample these as every study does."""
    drawn = {arm: generator.integers(len(fixed_M), size=LOOKS[-1]) for arm in ARMS}
    models: list[Model] = [(arm, seed) for arm in ARMS for seed in range(LOOKS[-1])]
    rows = {model: row for row, model in enumerate(models)}
    training_M = np.concatenate([drawn[arm] for arm in ARMS])
    equal, own = [], []
    for pool in pools:
        weights_NR, activities = draw_study(pool, generator)
        used, place_M = np.unique(training_M, return_inverse=True)
        equal.append(
            (pool, activities, measure(pool, [pool.ranked["control"][one] for one in used], weights_NR), place_M)
        )
        each = [pool.ranked[arm][one] for arm in ARMS for one in drawn[arm]]
        own.append((pool, activities, measure(pool, each, weights_NR), np.arange(len(models))))
    return Made(
        {
            "seeds": Measured(rows, fixed_M[training_M], (), ()),
            "activities, equal arms": _measured(rows, equal),
            "activities, own ways": _measured(rows, own),
        }
    )


def draw_study(pool: Pool, generator: np.random.Generator) -> tuple[NDArray[np.int32], int]:
    """Draw a study's clips, and draws of these; the first column is the study itself.

    Shapes:
        -> (N, 1 + R), and the number of activities
    """
    names = np.unique(pool.activity_N)
    index_n, slot_n = [], []
    for slot, name in enumerate(generator.choice(names, len(names))):
        own = np.flatnonzero(pool.activity_N == name)
        index_n.append(generator.choice(own, len(own)))
        slot_n.append(np.full(len(own), slot))
    index, slots = np.concatenate(index_n), np.concatenate(slot_n)
    weights_NR = np.zeros((len(pool.activity_N), 1 + RESAMPLES), np.int32)
    weights_NR[:, 0] = np.bincount(index, minlength=len(weights_NR))
    np.add.at(weights_NR[:, 1:], index, draw(slots.astype(str), RESAMPLES, generator))
    return weights_NR, len(names)


def _measured(rows: dict[Model, int], splits: Sequence[tuple[Pool, int, Resampled, NDArray[np.intp]]]) -> Measured:
    map_M = np.mean([resampled.map_MR[place_M, 0] for _, _, resampled, place_M in splits], axis=0)
    parts = [
        SplitPart(pool.split, activities, Resampled(resampled.map_MR[place_M, 1:], resampled.vanished_R[1:]))
        for pool, activities, resampled, place_M in splits
    ]
    return Measured(rows, map_M, tuple(parts), ())


def with_difference(measured: Measured, amount: float, ways: Mapping[str, float]) -> Measured:
    """Make the true difference of every arm `amount`, where it is `ways` so far."""
    map_M = measured.map_M.copy()
    for (arm, _), row in measured.rows.items():
        map_M[row] += amount - ways[arm] if arm != "control" else 0.0
    return replace(measured, map_M=map_M)


def contrasts(measured: Measured, claim: Claim, arms: tuple[str, ...], seeds: int) -> Sequence[Contrast]:
    """Compare at a fixed number of seeds, or as far as looks go."""
    own = replace(measured, rows={model: row for model, row in measured.rows.items() if model[0] in arms})
    if not claim.looks:
        return compare_measured(first(own, seeds), claim, arms, ())
    compare = lambda at, stopped: compare_measured(first(own, at), claim, arms, (), stopped)  # noqa: E731
    return take_looks(claim, arms, own.rows, (), compare).contrasts


def first(measured: Measured, seeds: int) -> Measured:
    """Take the first seeds; rows may be any, as long as they are of `measured`."""
    return replace(measured, rows={model: row for model, row in measured.rows.items() if model[1] < seeds})


class Tally:
    """Counts what studies said, by words."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.counts = Counter(counts)

    def share(self, *words: object) -> float:
        """Give the percentage of studies of which something was counted."""
        return 100 * self.counts[str(words)] / self.counts["studies"]

    def add(self, made: Made, ways: Mapping[str, float], foretold: Mapping[tuple[str, int], float]) -> None:
        """Let a study answer every claim.

        Args:
            foretold: the differences that 80 % of studies are to find, by kind and seeds.
        """
        self.counts["studies"] += 1
        nothing = dict.fromkeys(ARMS, 0.0)
        for kind, measured in made.measured.items():
            own = ways if kind == KINDS[2] else nothing
            over = "seeds" if kind == "seeds" else "seeds_and_activities"
            for name, (direction, smallest, true) in TRUE_AT.items():
                shown = with_difference(measured, true, own)
                for arms in (ARMS[:2], ARMS):
                    for seeds in (*LOOKS, 0):
                        claim = Claim(
                            control="control", which="any", direction=direction, smallest=smallest, over=over,
                            looks=() if seeds else LOOKS,
                        )  # fmt: skip
                        found = contrasts(shown, claim, arms, seeds)
                        said = any(place(claim, one.low, one.high) != "open" for one in found)
                        column = f"{seeds} seeds" if seeds else "looks"
                        self.counts[str((kind, name, len(arms) - 1, column))] += said
                        if smallest == 0 and seeds and len(arms) == 2:
                            self.counts[str((kind, "held", seeds))] += bool(found[0].low <= true <= found[0].high)
            self._find(kind, over, measured, own, foretold)

    def _find(
        self,
        kind: str,
        over: str,
        measured: Measured,
        ways: Mapping[str, float],
        foretold: Mapping[tuple[str, int], float],
    ) -> None:
        claim = Claim(control="control", which="any", direction="better", smallest=MARGIN, over=over)
        for seeds in LOOKS:
            differences: list[tuple[object, float]] = [(at, at) for at in POWER_AT]
            for name, true in [*differences, ("foretold", foretold[kind, seeds])]:
                (one,) = contrasts(with_difference(measured, true, ways), claim, ARMS[:2], seeds)
                self.counts[str((kind, "found", seeds, name))] += place(claim, one.low, one.high) == "claimed"


def show(tally: Tally) -> bool:
    """Print the tables; tell whether all targets are met."""
    number, met = tally.counts["studies"], True
    error = 100 * math.sqrt(0.05 * 0.95 / number)
    print(f"\n{number} studies; one standard error of 5 % is {error:.1f} points\n")
    for kind in KINDS:
        print(f"## Over {kind}: studies that say of any arm what is not so, %")
        columns = [f"{seeds} seeds" for seeds in LOOKS] + ["looks"]
        print(f"| claim (true difference) | arms | {' | '.join(columns)} |")
        for name in TRUE_AT:
            for arms in (1, 5):
                shares = [tally.share(kind, name, arms, column) for column in columns]
                met &= max(shares) <= 6.0
                print(f"| {name} | {arms} | {' | '.join(f'{share:.1f}' for share in shares)} |")
        held = {seeds: tally.share(kind, "held", seeds) for seeds in LOOKS}
        met &= all(93.0 <= share <= 97.0 for share in held.values())
        told = ", ".join(f"{share:.1f} % at {seeds}" for seeds, share in held.items())
        print(f"95 % intervals that hold the true difference: {told}")
        for seeds in LOOKS:
            curve = ", ".join(f"{true}: {tally.share(kind, 'found', seeds, true):.0f}" for true in POWER_AT)
            reached = tally.share(kind, "found", seeds, "foretold")
            print(f"found at {seeds} seeds, %, by true difference: {curve}; foretold to be 80: {reached:.0f}")
        print()
    return met


def foretell(made: Made) -> dict[tuple[str, int], float]:
    """Say from what difference on 80 % of studies find it, by kind and seeds, as `study plan` does after a study."""
    found: dict[tuple[str, int], float] = {}
    for kind, measured in made.measured.items():
        over = "seeds" if kind == "seeds" else "seeds_and_activities"
        claim = Claim(control="control", which="any", direction="better", smallest=MARGIN, over=over)
        seen = [asdict(contrast) for contrast in contrasts(measured, claim, ARMS, LOOKS[-1])]
        spread = spread_of_contrasts(seen, "")
        assert spread is not None, "twelve seeds give intervals"
        amounts = detectable(spread, claim, 1, LOOKS).by_seeds
        found |= {(kind, seeds): amount or math.nan for seeds, amount in amounts.items()}
    return found


def main(data: str | None, studies: int, seed: int) -> bool:
    """Train, make studies, count and print."""
    generator = np.random.default_rng(seed)
    paths = train(data)
    if len(paths) < LEAST:
        raise SystemExit(f"{len(paths)} trainings are done; {LEAST} are needed. Run it again.")
    pools = read(paths, generator)
    fixed_M = np.mean(
        [measure(p, p.ranked["control"], np.ones((len(p.labels_NC), 1), np.int32)).map_MR[:, 0] for p in pools], axis=0
    )
    clips = " + ".join(f"{len(pool.labels_NC)} clips of {len(np.unique(pool.activity_N))} activities" for pool in pools)
    print(f"{len(paths)} trainings, mAP {fixed_M.mean():.1f} +- {fixed_M.std(ddof=1):.2f}; {clips}")
    ways = true_ways(pools, generator)
    print(f"own ways: {', '.join(f'{arm} {way:+.2f}' for arm, way in ways.items() if arm != 'control')}", flush=True)
    kept = Path(os.environ["STUDY_HOME"]) / f"calibration-{code_digest()}-{seed}.json"
    tally = Tally(read_json(kept) if kept.exists() else {})
    while tally.counts["studies"] < studies:
        generator = np.random.default_rng([seed, tally.counts["studies"]])
        before = make_study(pools, fixed_M, generator)
        for _ in range(BLOCK):
            made = make_study(pools, fixed_M, generator)
            tally.add(made, ways, foretell(before))
            before = made
        replace_json(kept, dict(tally.counts))
        print(f"{tally.counts['studies']} studies", file=sys.stderr, flush=True)
    return show(tally)


def code_digest() -> str:
    """Hash the code that answers studies, and this file."""
    paths = [Path(__file__), *sorted((ROOT / "results").glob("**/*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data")
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", default=os.path.join(tempfile.gettempdir(), "study_calibration"))
    given = parser.parse_args()
    os.environ["STUDY_HOME"] = given.folder
    sys.exit(0 if main(given.data, given.studies, given.seed) else 1)
