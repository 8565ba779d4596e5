"""A ledger made by hand on the real schema: token counts x seeds, with curves, costs, and what a test wants wrong."""

import hashlib
import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

import results
from results.answer import Answer
from results.claim import Claim
from results.contrast import ClipPart, Contrast
from results.finals import make_view

EDITION = "token_count_sweep"
FACTOR = "model.tokens.count"
BEGAN = datetime(2026, 11, 22, 20, 9)
LABELS = ("neck", "chest", "biceps", "upper_back", "abdominals", "glutes", "quadriceps", "calves")
EPOCHS = {"rgb": 6, "sender": 6, "joint": 3, "profile": 0}


@dataclass
class Ledger:
    """An edition's rows before they are in a database; tests change them, then `connect`."""

    plan: dict[str, Any]
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: list[tuple[Any, ...]] = field(default_factory=list)
    predictions: list[tuple[Any, ...]] = field(default_factory=list)
    results_before: int = 0
    began: datetime = BEGAN
    revealed_at: datetime | None = None
    skipped: Sequence[str] = ()

    def connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.execute((Path(results.__file__).parent / "schema.sql").read_text())
        plan, edition = self.plan, self.plan["edition"]
        connection.execute(
            "insert into editions by name select $edition as edition, $study as study, $profile as profile, "
            "$data as data, $claim_hash as claim_hash, $labels as labels, $settings as settings, "
            "$before as results_before, $began as declared_at, $revealed as revealed_at, $skipped as skipped_clips",
            {
                **{name: plan[name] for name in ("edition", "study", "profile", "data", "claim_hash", "labels")},
                "settings": json.dumps(plan["settings"]),
                "before": self.results_before,
                "began": BEGAN,
                "revealed": self.revealed_at,
                "skipped": list(self.skipped),
            },
        )
        arms = [
            (edition, arm["name"], place, arm["is_control"], arm["replicate"], json.dumps(arm["levels"]))
            for place, arm in enumerate(plan["arms"])
        ]
        insert(connection, "arms", arms)
        claim = Claim.model_validate(plan["claim"])
        terms = [(arm["name"], term, sign) for arm in plan["arms"] for term, sign in claim.terms(arm["name"]).items()]
        insert(connection, "comparisons", [(edition, *term) for term in terms if claim.compares(term[0])])
        named = ("arm", "seed", "replicate", "final")
        insert(connection, "trials", [(edition, *(trial[name] for name in named)) for trial in plan["trials"]])
        tries = plan["tuning"]["trials"] if "tuning" in plan else []
        phases = [
            (
                edition,
                trial["arm"],
                trial["seed"],
                trial["replicate"],
                kind,
                place,
                EPOCHS[kind],
                key,
                trial.get("tried"),
            )
            for trial in [*tries, *plan["trials"]]
            for place, (kind, key) in enumerate(trial["phases"].items())
        ]
        insert(connection, "phases", phases)
        insert(connection, "tuning", [(edition, *_tried(trial, plan["tuning"])) for trial in tries])
        columns = [column[1] for column in connection.execute("pragma table_info('runs')").fetchall()]
        insert(connection, "runs", [tuple(run.get(column) for column in columns) for run in self.runs.values()])
        insert(connection, "records", self.records)
        insert(connection, "predictions", [row for row in self.predictions if row[0] in self.runs])
        make_view(connection)
        return connection

    def lose(self, arm: str, seed: int, *, phase: str = "joint", state: str = "failed", error: str = "boom") -> None:
        """Turn a finished phase into one without a result, and take the joint phase that needed it."""
        trial = next(trial for trial in self.plan["trials"] if (trial["arm"], trial["seed"]) == (arm, seed))
        key, final = trial["phases"][phase], trial["final"]
        run = self.runs[key]
        self.runs.pop(final)
        self.records = [row for row in self.records if row[0] not in (key, final) or state == "pruned"]
        pruned_claim = self.plan["claim_hash"] if state == "pruned" else None
        self.runs[key] = run | {"state": state, "error": error, "pruned_claim": pruned_claim}


def _tried(trial: dict[str, Any], tuning: dict[str, Any]) -> tuple[Any, ...]:
    """Give a trial of the tuning as a row of its table."""
    place = [f"lr={level}" for level in tuning["levels"]["optim.lr"]].index(trial["tried"])
    is_chosen = tuning["chosen"].get(trial["arm"]) == trial["tried"] if "chosen" in tuning else None
    told = (trial["arm"], trial["tried"], place, json.dumps(trial["levels"]), trial["seed"], trial["final"])
    return (*told, is_chosen)


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        columns = ", ".join(f"unnest(${place})" for place in range(1, len(rows[0]) + 1))
        connection.execute(
            f"insert into {table} select {columns}", [list(column) for column in zip(*rows, strict=True)]
        )


def make_plan(levels: Sequence[Any], control: Any, seeds: Sequence[int], factor: str, evil: str) -> dict[str, Any]:
    short = factor.rpartition(".")[2]
    arms = [
        {
            "name": f"{short}={level}{evil}",
            "is_control": level == control,
            "levels": {factor: level},
            "replicate": 0,
            "weights": [],
        }
        for level in levels
    ]
    trials = []
    for seed in seeds:
        for arm in arms:
            names = {"rgb": arm["name"], "sender": "shared", "joint": arm["name"]}
            phases = {kind: digest(kind, name, seed) for kind, name in names.items()}
            trials.append(
                {"arm": arm["name"], "seed": seed, "replicate": 0, "phases": phases, "final": phases["joint"]}
            )
    claim = {
        "metric": "map",
        "split": "val",
        "control": next(arm["name"] for arm in arms if arm["is_control"]),
        "which": "any",
        "direction": "better",
        "smallest": 1.0,
        "alpha": 0.05,
        "over": "seeds_and_activities",
    }
    return {
        "edition": EDITION,
        "study": EDITION,
        "profile": "tiny",
        "data": "synthetic",
        "overrides": {"optim.lr": 0.0003},
        "claim_hash": digest("claim"),
        "at": "2026-11-22T20:08:58.120+00:00",
        "command": "study run token_count_sweep --set optim.lr=0.0003",
        "question": {
            "ask": f"How many classification tokens does a muscle group need?{evil}",
            "source": "Paper, ablation of the number of tokens",
        },
        "claim": claim,
        "design": "sweep",
        "factors": {factor: list(levels)},
        "charts": None,
        "labels": list(LABELS),
        "settings": {
            "model": {"tokens": {"count": control, "dropout": 0.0}},
            "optim": {"lr": 0.0003},
            "signatures": {"overfitting": 10.0, "reliance": 2.0, "instability": 0.1, "alike": 0.6, "damage": 5.0},
        },
        "spec_settings": {},
        "arms": arms,
        "phases": _planned(trials),
        "trials": trials,
    }


def _planned(trials: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    phases = {}
    for trial in trials:
        for kind, key in trial["phases"].items():
            starts = {name: other for name, other in trial["phases"].items() if name != "joint"}
            parents = starts if kind == "joint" else {}
            phases[key] = {"kind": kind, "seed": trial["seed"], "epochs": EPOCHS[kind], "parents": parents}
    return phases


def make_ledger(
    levels: Sequence[Any] = (1, 5, 20),
    control: Any = 20,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    factor: str = FACTOR,
    splits: Sequence[str] = ("val_seen", "val_unseen"),
    evil: str = "",
) -> Ledger:
    """Make an edition whose trials are all done; more tokens score higher, unseen activities lower."""
    ledger = Ledger(make_plan(levels, control, seeds, factor, evil))
    draw = random.Random(5)
    places = {arm["name"]: place for place, arm in enumerate(ledger.plan["arms"])}
    for number, trial in enumerate(ledger.plan["trials"]):
        quality = 40 + 6 * math.log(1 + places[trial["arm"]]) + draw.gauss(0, 0.8)
        for kind, key in trial["phases"].items():
            if key in ledger.runs:
                continue
            size = {"parameters": 423_123 + 40_000 * places[trial["arm"]]}
            ledger.runs[key] = make_run(kind, key, trial["seed"], number) | size
            for step in range(1, EPOCHS[kind] + 1):
                epoch = step + (EPOCHS["rgb"] if kind == "joint" else 0)
                ledger.records += measure(key, step, quality, 1 - math.exp(-epoch / 3), splits, draw)
        ledger.predictions += score(trial["final"], trial["seed"], quality / 40, splits, draw)
    return ledger


def make_probed_ledger(**changes: Any) -> Ledger:
    """Make an edition whose other arms are probes of the control: one with sender tokens, the rest with damage."""
    ledger = make_ledger(**changes)
    control = next(arm["name"] for arm in ledger.plan["arms"] if arm["is_control"])
    finals = {trial["seed"]: trial["final"] for trial in ledger.plan["trials"] if trial["arm"] == control}
    for place, arm in enumerate(arm["name"] for arm in ledger.plan["arms"] if not arm["is_control"]):
        probe = {"input": "clean", "tokens": "sender"} if place == 0 else {"input": "shuffled", "tokens": "receivers"}
        for trial in ledger.plan["trials"]:
            if trial["arm"] == arm:
                ledger.plan["phases"][trial["final"]]["kind"] = "probe"
                ledger.runs[trial["final"]]["settings"] = json.dumps({"probe": probe})
                ledger.runs[trial["final"]]["parents"] = json.dumps({"joint": finals[trial["seed"]]})
    return ledger


def make_tuned_ledger(**changes: Any) -> Ledger:
    """Make an edition whose arms were tuned over three learning rates; each chose the one that is best for it."""
    ledger, draw = make_ledger(**changes), random.Random(7)
    levels, chosen = (0.0001, 0.001, 0.01), {}
    trials: list[dict[str, Any]] = []
    for place, arm in enumerate(arm["name"] for arm in ledger.plan["arms"]):
        chosen[arm] = f"lr={levels[place % 3]}"
        for number, level in enumerate(levels):
            phases = {kind: digest("tuning", kind, arm, level) for kind in ("rgb", "sender", "joint")}
            own = {"arm": arm, "seed": 1000, "replicate": 0, "phases": phases, "final": phases["joint"]}
            trials.append(own | {"tried": f"lr={level}", "levels": {"optim.lr": level}})
            for kind, key in phases.items():
                ledger.runs[key] = make_run(kind, key, 1000, number)
                best = 45 if chosen[arm] == f"lr={level}" else 35
                for step in range(1, EPOCHS[kind] + 1):
                    ledger.records += measure(key, step, best, 1.0, ("val_seen", "val_unseen"), draw)
    tuned = _planned(trials)
    ledger.plan["tuning"] = {"levels": {"optim.lr": list(levels)}, "seeds": [1000], "phases": tuned, "trials": trials}
    ledger.plan["tuning"]["chosen"] = chosen
    ledger.plan["phases"] |= tuned
    return ledger


def make_run(kind: str, key: str, seed: int, number: int) -> dict[str, Any]:
    return {
        "key": key,
        "attempt": 1,
        "phase": kind,
        "state": "done",
        "seed": seed,
        "replicate": 0,
        "epochs": EPOCHS[kind],
        "seconds": 2.5 * EPOCHS[kind],
        "peak_memory_bytes": 812_000_000,
        "parameters": 423_123,
        "finished_at": BEGAN + timedelta(seconds=40 * number),
        "commit": "1938b16d66f2",
        "device": "cpu",
        "threads": 1,
        "world_size": 1,
        "host": "node-1",
        "versions": json.dumps({"python": "3.11.2", "torch": "2.14.1"}),
        "log": f"runs/{key}/1/log.txt",
    }


def measure(
    key: str, step: int, quality: float, learnt: float, splits: Sequence[str], draw: random.Random
) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = [(key, 1, "loss", "train", step, 0.7 - 0.5 * learnt, "")]
    for split in splits:
        base = quality if split.endswith("_seen") else 0.7 * quality
        precisions = [learnt * base + 6 * math.sin(place) + draw.gauss(0, 2) for place in range(len(LABELS))]
        rows.append((key, 1, "map", split, step, sum(precisions) / len(precisions), "points"))
        rows.append((key, 1, "loss", split, step, 0.8 - 0.4 * learnt, ""))
        named = zip(LABELS, precisions, strict=True)
        rows += [(key, 1, f"ap.{label}", split, step, value, "points") for label, value in named]
    return rows


def score(key: str, seed: int, strength: float, splits: Sequence[str], draw: random.Random) -> list[tuple[Any, ...]]:
    """Score two clips of each of six activities of a split; most neighbours have nearly the same muscle groups."""
    rows: list[tuple[Any, ...]] = []
    for split in splits:
        for activity in range(6):
            first = 4 if activity == 5 else activity // 2
            works = [int(place in range(first, first + 4)) for place in range(len(LABELS))]
            for clip in range(2):
                scores = [strength * each + draw.gauss(0, 0.3) for each in works]
                name = f"{split} {activity}"
                rows.append((key, f"{name} {clip}", name, split, seed, 2.0 * activity + clip, scores, works))
    return rows


def make_answer(plan: dict[str, Any], verdict: Any = "undecided", evil: str = "") -> Answer:
    """Give contrasts that rise with the arms, with intervals of 2.1 points to either side."""
    others = [arm["name"] for arm in plan["arms"] if not arm["is_control"]]
    seeds = tuple(sorted({trial["seed"] for trial in plan["trials"]}))
    contrasts = tuple(make_contrast(arm, 1.2 * place - 2.5, seeds) for place, arm in enumerate(others))
    return Answer(verdict, f"{verdict.capitalize()}: what the data say.{evil}", contrasts, note=f"A note.{evil}")


def make_contrast(arm: str, difference: float, seeds: tuple[int, ...], half: float = 2.1, **changes: Any) -> Contrast:
    whole = Contrast(
        arm=arm,
        control="count=20",
        difference=difference,
        low=difference - half,
        high=difference + half,
        p=0.02,
        p_adjusted=0.04,
        alpha=0.0125,
        seeds=seeds,
        control_seeds=seeds,
        df=4.2,
        se_seed=0.5,
        se_clips=0.6,
        clips=(ClipPart("val_seen", 6, 0.2), ClipPart("val_unseen", 3, 0.16)),
        vanished=0.0,
        is_claimed=True,
        is_paired=True,
        left_out=(),
    )
    return replace(whole, **changes)


def make_cost_ledger(
    arms: Sequence[str] = ("whole", "one token", "no fusion"), seeds: Sequence[int] = (0, 1, 2)
) -> Ledger:
    """Make an edition about the latency of inference: every later arm is a tenth faster and smaller than the first."""
    plan = make_plan(arms, arms[0], seeds, "network", "")
    changes = {"metric": "latency", "split": "inference", "smallest": 5.0, "over": "seeds"}
    plan["claim"] = plan["claim"] | changes
    for trial in plan["trials"]:
        trial["phases"] = {"profile": digest("profile", trial["arm"], trial["seed"])}
        trial["final"] = trial["phases"]["profile"]
    plan["phases"] = _planned(plan["trials"])
    ledger, draw = Ledger(plan), random.Random(5)
    places = {arm["name"]: place for place, arm in enumerate(plan["arms"])}
    for number, trial in enumerate(plan["trials"]):
        key, share = trial["final"], 0.9 ** places[trial["arm"]]
        cpu = {"epochs": 0, "seconds": 1.5, "device": "cpu, a processor", "parameters": round(423_123 * share)}
        ledger.runs[key] = make_run("profile", key, trial["seed"], number) | cpu
        latencies = sorted(8 * share * (1 + 0.05 * draw.random()) for _ in range(5))
        ledger.records += [
            (key, 1, "latency", "inference", repeat, value, "ms") for repeat, value in enumerate(latencies, start=1)
        ]
        told = {
            "latency_median": latencies[2],
            "latency_spread": latencies[3] - latencies[1],
            "peak_memory": 3e6 * share,
            "gflops": 0.1 * share,
            "load": 0.3,
        }
        ledger.records += [(key, 1, metric, "inference", 5, value, "") for metric, value in told.items()]
    return ledger


def digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
