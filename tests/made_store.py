"""A small store made through the real API: an edition whose arms differ in the signal of their random scores.

Every trial is `rgb` (shared by all arms of a seed) and `joint` (its own). Nothing is trained; every file is real.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from results import predictions
from results.attempt import Attempt, Store, now
from results.claim import claim_hash
from results.files import link_json, replace_json
from results.metric.average_precision import average_precision
from results.owner import Owner
from results.query import connect
from results.record import Record, RecordWriter
from study.key import key_of

EDITION = "token_count_sweep"
LABELS = ("neck", "back", "legs")
SPLITS = ("val_seen", "val_unseen", "test_seen", "test_unseen")
FACTOR = "model.tokens.count"

Content = dict[str, Any]


def make_store(
    root: Path,
    edition: str = EDITION,
    levels: Sequence[int] = (1, 5, 20),
    seeds: Sequence[int] = (0, 1),
    clips: int = 8,
    epochs: int = 2,
) -> Store:
    """Write an edition, planned and finished, into the store at `root`; the last level is the control.

    Args:
        clips: number of clips in each of the four evaluation splits.
    """
    store = Store(root)
    write_plan(store, edition, levels, seeds, epochs)
    for trial in read_plan(store, edition)["trials"]:
        for content in contents(trial["level"], trial["seed"], epochs).values():
            train(store, content, clips)
    return store


def write_plan(
    store: Store,
    edition: str = EDITION,
    levels: Sequence[int] = (1, 5, 20),
    seeds: Sequence[int] = (0, 1),
    epochs: int = 2,
    **changes: Any,
) -> None:
    """Write an edition's claim and plan; `changes` replace parts of the plan."""
    store.prepare()
    folder = store.editions / edition
    (folder / "claims").mkdir(parents=True, exist_ok=True)
    arms = [arm_name(level) for level in levels]
    question = {"ask": "How many tokens?", "source": "open"}
    claim = {
        "metric": "map", "split": "val", "control": arms[-1], "which": "any", "direction": "better", "smallest": 1.0,
        "alpha": 0.05, "over": "seeds_and_activities",
    }  # fmt: skip
    trials = [(level, seed, contents(level, seed, epochs)) for seed in seeds for level in levels]
    plan = {
        "edition": edition,
        "study": edition.partition("--")[0],
        "profile": "tiny",
        "data": "synthetic",
        "overrides": {},
        "at": now(),
        "command": f"study run {edition}",
        "question": question,
        "claim": claim,
        "design": "sweep",
        "factors": {FACTOR: list(levels)},
        "charts": [],
        "labels": list(LABELS),
        "settings": {},
        "spec_settings": {},
        "notes": [],
        "caches": [],
        "clips_from": "",
        "fingerprints": ["d" * 64],
        "arms": [
            {
                "name": arm_name(level),
                "is_control": level == levels[-1],
                "levels": {FACTOR: level},
                "replicate": 0,
                "weights": [],
            }
            for level in levels
        ],
        "phases": {key_of(one): _phase(one) for _, _, phases in trials for one in phases.values()},
        "trials": [
            {
                "arm": arm_name(level),
                "level": level,
                "seed": seed,
                "replicate": 0,
                "phases": {kind: key_of(content) for kind, content in phases.items()},
                "final": key_of(phases["joint"]),
            }
            for level, seed, phases in trials
        ],
    } | changes
    fixed = {name: plan[name] for name in ("edition", "question", "claim", "arms")} | {"data": "d" * 64}
    digest = claim_hash(fixed)
    declared = {"fixed": fixed, "hash": digest, "declared_at": now(), "results_before": 0}
    link_json(folder / "claims" / f"{digest}.json", declared)
    replace_json(folder / "plan.json", plan | {"claim_hash": digest})


def read_plan(store: Store, edition: str = EDITION) -> Content:
    content: Content = json.loads((store.editions / edition / "plan.json").read_text())
    return content


def arm_name(level: int) -> str:
    return f"count={level}"


def contents(level: int, seed: int, epochs: int = 2) -> dict[str, Content]:
    """Give the hashed content of a trial's phases."""
    rgb = _content("rgb", {"epochs": epochs}, seed, {})
    joint = _content("joint", {"epochs": epochs, "count": level}, seed, {"rgb": key_of(rgb)})
    return {"rgb": rgb, "joint": joint}


def claim(store: Store, content: Content, owner: Owner | None = None) -> Attempt | None:
    key = key_of(content)
    return store.claim(key, content | {"key": key}, owner or Owner.current("study run"))


def train(store: Store, content: Content, clips: int = 8, signal: float | None = None) -> Attempt | None:
    """Claim, measure and publish a phase; None if it is done already or somebody holds it."""
    attempt = claim(store, content)
    if attempt is not None:
        measure(attempt, content, clips, signal)
        assert attempt.publish(seconds=1.0)
    return attempt


def open_attempt(store: Store, level: int = 5, seed: int = 9) -> Attempt:
    """Claim the `joint` phase of a trial that is not trained yet."""
    attempt = claim(store, contents(level, seed)["joint"])
    assert attempt is not None
    return attempt


def rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    """Ask the database as it is, without types made plain."""
    with connect(store) as connection:
        return connection.execute(sql).fetchall()


def measure(attempt: Attempt, content: Content, clips: int = 8, signal: float | None = None) -> None:
    """Write every file that publishing asks for.

    Args:
        signal: what a positive label adds to a score, beside noise of 1; by the level of the arm if None.
    """
    generator = np.random.default_rng(int(attempt.key[:8], 16))
    epochs = content["settings"]["epochs"]
    labels_NC, activities = _truth(clips)
    signal = 0.5 * np.log1p(content["settings"].get("count", 0)) if signal is None else signal
    scores = {
        split: (generator.normal(size=labels_NC.shape) + signal * labels_NC).astype(np.float32) for split in SPLITS
    }
    with RecordWriter(attempt.records) as shown, RecordWriter(attempt.sealed) as sealed:
        for step in range(1, epochs + 1):
            shown.write([Record("loss", "train", step, 1 / step), Record("seconds", "train", step, 0.5, "s")])
            for split in SPLITS[:2]:
                shown.write(_records(split, step, scores[split], labels_NC))
        for split in SPLITS[2:]:
            sealed.write(_records(split, epochs, scores[split], labels_NC))
    scored = predictions.Scored(
        [f"{split}/{clip}" for split in SPLITS for clip in range(clips)],
        activities * len(SPLITS),
        [split for split in SPLITS for _ in range(clips)],
        np.arange(len(SPLITS) * clips, dtype=np.float32),
        np.concatenate([scores[split] for split in SPLITS]),
        np.tile(labels_NC, (len(SPLITS), 1)),
    )
    predictions.write(attempt.predictions, content["seed"], scored)
    save_file({"head": np.zeros(2, np.float32)}, attempt.checkpoint)
    save_file({"head": np.zeros(2, np.float32)}, attempt.resume)
    attempt.log.write_text("epoch 1\n")
    replace_json(
        attempt.provenance,
        {
            "commit": "0" * 40, "diff": None, "versions": {"torch": "2.14.1"}, "device": "cpu", "threads": 1,
            "world_size": 1, "command": "study run", "host": "here", "seconds": 1.0, "peak_memory_bytes": 2**20,
            "parameters": 1000,
        },
    )  # fmt: skip


def _phase(content: Content) -> Content:
    own = {name: content[name] for name in ("kind", "seed", "parents")}
    return own | {"epochs": content["settings"]["epochs"], "clips": 2}


def _content(kind: str, settings: Content, seed: int, parents: dict[str, str]) -> Content:
    return {
        "numerics": 1, "kind": kind, "settings": settings, "seed": seed, "replicate": 0, "data": "d" * 64,
        "parents": parents,
    }  # fmt: skip


def _truth(clips: int) -> tuple[NDArray[np.bool_], list[str]]:
    """Label clips by activity, so that every label has clips with and without it."""
    activities = [f"activity {clip % 4}" for clip in range(clips)]
    pattern_NC = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1], [1, 0, 1]], dtype=bool)
    return pattern_NC[np.arange(clips) % 4], activities


def _records(split: str, step: int, scores_NC: NDArray[np.float32], labels_NC: NDArray[np.bool_]) -> list[Record]:
    precision_C = average_precision(scores_NC, labels_NC)
    return [
        Record("loss", split, step, 1.0),
        Record("map", split, step, float(precision_C.mean()), "points"),
        *(
            Record(f"ap.{label}", split, step, float(value), "points")
            for label, value in zip(LABELS, precision_C, strict=True)
        ),
    ]
