"""Verbs that only read answer at once: they never import torch, and the layers below never do."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import made_store as made

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "timm", "torch_geometric", "optuna", "submitit")
LIGHT_MODULES = (
    "study",
    "study.cli",
    "study.verbs",
    "study.standing",
    "study.exporting",
    "study.reporting",
    "study.machine",
    "study.following",
    "study.watch_screen",
    "study.executor.ended",
    "study.executor.inspection",
    "study.executor.slurm",
    "study.executor.task",
    "experiments.read",
    "experiments.data.manifest",
    "experiments.data.musclemap",
    "experiments.data.synthetic",
    "results.ledger",
    "results.contrast",
    "results.answer",
    "results.verify",
    "reports.page",
    "reports.index",
)


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_a_light_module_imports_nothing_heavy(module: str) -> None:
    assert heavy_after(f"import {module}") == []


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["list"],
        ["status"],
        ["report", made.EDITION],
        ["export", made.EDITION],
        ["sql", "select * from finals"],
        ["verify"],
        ["doctor"],
        ["clean", "--dry-run"],
    ],
)
def test_a_verb_that_only_reads_never_imports_torch(words: list[str], tmp_path: Path) -> None:
    assert heavy_after_verb(words, tmp_path) == []


@pytest.mark.parametrize("verb", ["list", "status"])
def test_whoever_looks_around_waits_for_no_numpy(verb: str, tmp_path: Path) -> None:
    assert heavy_after_verb([verb], tmp_path, (*HEAVY, "numpy", "polars", "duckdb", "altair")) == []


def heavy_after_verb(words: list[str], home: Path, heavy: Sequence[str] = HEAVY) -> list[str]:
    """Run a verb on a store with an edition; name the heavy packages it has imported."""
    made.make_store(home / "store")
    code = f"""
import sys
from study import cli
sys.argv = ["study", *{words!r}]
try:
    cli.main()
except SystemExit as ended:
    assert not ended.code, ended.code
"""
    return heavy_after(code, {"STUDY_HOME": str(home)}, heavy)


def test_a_study_that_neither_prunes_nor_searches_needs_no_optuna() -> None:
    assert "optuna" not in heavy_after("import study.runner, study.submitting, study.executor.task")


def heavy_after(code: str, environment: dict[str, str] | None = None, heavy: Sequence[str] = HEAVY) -> list[str]:
    """Run `code` in a fresh process and name the heavy packages it has imported."""
    code += f"\nimport json, sys; print(json.dumps([m for m in {tuple(heavy)!r} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | (environment or {}), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names
