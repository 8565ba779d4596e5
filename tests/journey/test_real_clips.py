"""The whole way on real video: question, plan, training, ledger, answer, page; and once more, which does nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CLIPS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "exercise_clips"
needs_clips = pytest.mark.skipif(
    not (CLIPS / "manifest.csv").exists(), reason="the real clips (../shared/data/exercise_clips) are not here"
)
pytestmark = [pytest.mark.slow, needs_clips]


def study(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", "from study.cli import main; main()", *words],
        env=os.environ | {"STUDY_HOME": str(home), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_sweep_runs_on_real_clips_and_answers(tmp_path: Path) -> None:
    words = ("run", "token_count_sweep", "--profile", "smoke", "--data", str(CLIPS / "manifest.csv"))
    first = study(tmp_path, *words)
    edition = "token_count_sweep--smoke--exercise_clips"
    assert "count=20" in first.stdout
    page = tmp_path / "out" / f"{edition}.html"
    assert str(page) in first.stdout
    assert page.stat().st_size < 3_000_000
    query = "select arm, seed, split, map, key, data from finals order by all"
    rows = json.loads(study(tmp_path, "sql", query, "--json").stdout)
    assert len(rows) == 5 * 2 * 2, "five arms, two seeds, two validation splits"
    assert {row["data"] for row in rows} == {"exercise_clips"}
    assert all(0 < row["map"] <= 100 for row in rows)
    assert len({row["key"] for row in rows}) == 10
    assert study(tmp_path, "verify").stdout == "the store is sound\n"

    again = study(tmp_path, *words)
    assert first.stdout.splitlines()[-2:] == again.stdout.splitlines()[-2:], "the same answer and page"
    assert json.loads(study(tmp_path, "sql", query, "--json").stdout) == rows


def test_weights_change_in_every_phase(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    changed = ("--set", "optim.lr=1e-8", "--set", "optim.start_lr=0", "--set", "optim.final_lr=0")
    common = ("run", "token_count_sweep", "--profile", "smoke", "--data", str(CLIPS), "--set", "data.limit=2")
    study(tmp_path / "trained", *common)
    study(tmp_path / "still", *common, *changed)
    weights = [
        {
            (settings["kind"], settings["seed"], settings["settings"]["model"]["tokens"]["count"]): load_file(
                path.parent / "checkpoint.safetensors"
            )
            for path in (tmp_path / home / "store" / "runs").glob("*/1/settings.json")
            for settings in [json.loads(path.read_text())]
        }
        for home in ("trained", "still")
    ]
    assert len(weights[0]) == 30
    assert weights[0].keys() == weights[1].keys()
    for phase, trained in weights[0].items():
        still = weights[1][phase]
        assert any(abs(trained[name] - still[name]).max() > 1e-4 for name in trained), phase
