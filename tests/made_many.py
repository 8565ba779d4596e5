"""A store with many phases in every state, submitted to a SLURM that is a script: only what `status` and `watch` read.

Files are written without the API, which makes each of them safe against a crash and would take minutes here.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from results.attempt import Store
from study.executor import submission
from tests import made_store as made
from tests.made_submission import make_submission

EDITIONS = ("many_one", "many_two", "many_three", "many_four")
SEEDS = 10
EPOCHS = 50
ARRAY = 1000
STATES = ("done",) * 60 + ("queued",) * 20 + ("due",) * 14 + ("failed",) * 2 + ("running",) * 1 + ("stopped",) * 3
"""The states of a hundred phases."""
ELSEWHERE = {"host": "node7", "pid": 1, "started_at": 0.0, "command": "study run", "machine": "another machine"}


def make_many(root: Path, phases: int = 10_000) -> Store:
    """Write editions with `phases` phases in all, half of them an arm's own, and the submissions of all of them."""
    store = Store(root / "home" / "store")
    store.prepare()
    for edition in EDITIONS:
        keys = _plan(store, edition, phases // len(EDITIONS) // SEEDS // 2)
        queued = [key for number, key in enumerate(keys) if _run(store, key, number) == "queued"]
        _submit(store, edition, keys)
        _answer(root / "bin" / "squeue", store, set(queued))
    return store


def _plan(store: Store, edition: str, arms: int) -> list[str]:
    """Write an edition whose trials are two phases each."""
    made.write_plan(store, edition, levels=(1, 2), seeds=(0,))
    path = store.editions / edition / "plan.json"
    plan = json.loads(path.read_text())
    (arm, _), trials, phases = plan["arms"], [], {}
    for seed in range(SEEDS):
        for level in range(arms):
            roles = {kind: hashlib.sha256(f"{edition} {kind} {level} {seed}".encode()).hexdigest() for kind in KINDS}
            own: dict[str, Any] = {"seed": seed, "epochs": EPOCHS, "clips": 10_000}
            phases[roles["rgb"]] = own | {"kind": "rgb", "parents": {}}
            phases[roles["joint"]] = own | {"kind": "joint", "parents": {"rgb": roles["rgb"]}}
            trial = {"arm": made.arm_name(level), "seed": seed, "replicate": 0, "phases": roles}
            trials.append(trial | {"final": roles["joint"]})
    named = [arm | {"name": made.arm_name(level), "is_control": level == 0} for level in range(arms)]
    path.write_text(json.dumps(plan | {"arms": named, "phases": phases, "trials": trials}, indent=1))
    return list(phases)


KINDS = ("rgb", "joint")


def _run(store: Store, key: str, number: int) -> str:
    """Leave what a phase in its state leaves; parents, which come first of every two, are all done."""
    state = STATES[number // 2 % len(STATES)] if number % 2 else "done"
    if state in ("due", "queued"):
        return state
    attempt = store.attempt(key, 1)
    attempt.folder.mkdir(parents=True)
    at = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="milliseconds")
    content = ELSEWHERE | {"slurm_job": "7", "gpus": 1, "processors": 4, "claimed_at": at}
    (attempt.folder / "claim.json").write_text(json.dumps(content))
    attempt.records.write_text("".join(_epoch(step) for step in range(1, 11)))
    (attempt.folder / "heartbeat").touch()
    if state == "done":
        result = {"attempt": 1, "at": made.now(), "records": 30, "sealed": 0, "seconds": 500.0}
        attempt.done.write_text(json.dumps(result | {"size_bytes": {}, "sha256": {}}))
    elif state != "running":
        ended = {"error": "Diverged: nan", "traceback": "", "reason": "told to stop", "at": made.now()}
        (attempt.folder / f"{state}.json").write_text(json.dumps(ended))
    return state


def _epoch(step: int) -> str:
    records = [made.Record("loss", "train", step, 0.5), made.Record("map", "val_seen", step, 42.0, "points")]
    return "".join(one.line() for one in [*records, made.Record("seconds", "train", step, 10.0, "s")])


def _submit(store: Store, edition: str, keys: list[str]) -> None:
    arrays = enumerate([*submission.pieces(keys, ARRAY), []])
    make_submission(store, *((f"{_first(edition)}{number}", own) for number, own in arrays), edition=edition)


def _first(edition: str) -> int:
    return 10 + EDITIONS.index(edition)


def _answer(program: Path, store: Store, queued: set[str]) -> None:
    """Have a `squeue` that knows the queued phases, waits a moment as SLURM's does, and writes down each call."""
    program.parent.mkdir(exist_ok=True)
    listed = program.with_name("listed")
    with listed.open("a") as file:
        file.writelines(_rows(store, queued))
    program.write_text(f"#!/bin/sh\ndate +%s.%N >> {program.with_name('calls')}\nsleep 0.02\ncat {listed}\n")
    program.chmod(0o755)


def _rows(store: Store, queued: set[str]) -> Iterator[str]:
    for array in submission.read_all(store)[-1]["arrays"]:
        for task, key in enumerate(array["keys"]):
            if key in queued:
                yield f"{array['name']}|{array['job']}|{array['job']}|{task}|PENDING|Resources\n"
