"""The command line as a user meets it: exit codes, one clear message for a mistake, no traceback."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.made_spec import SPEC

pytestmark = pytest.mark.slow


def study(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from study.cli import main; main()", *words],
        env=os.environ | {"STUDY_HOME": str(home), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a small study was run."""
    home = tmp_path_factory.mktemp("home")
    (home / "asked.yaml").write_text(SPEC)
    done = study(home, "run", str(home / "asked.yaml"))
    assert done.returncode == 0, done.stderr
    assert "Undecided" in done.stdout
    assert str(home / "out" / "asked.html") in done.stdout
    return home


def test_a_typo_is_one_message_with_line_and_nearest_name(tmp_path: Path) -> None:
    path = tmp_path / "asked.yaml"
    path.write_text(SPEC.replace("model.tokens.count: [1, 2]", "model.tokens.cuont: [1, 2]"))
    done = study(tmp_path, "run", str(path))
    assert done.returncode == 2
    assert "asked.yaml:9  model.tokens.cuont: no such setting. Did you mean 'count'?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "store").exists(), "nothing was written"


def test_a_wrong_override_says_so(tmp_path: Path) -> None:
    done = study(tmp_path, "plan", "token_count_sweep", "--set", "optim.lrr=1")
    assert done.returncode == 2
    assert "--set optim.lrr=1" in done.stderr
    assert "'lr'" in done.stderr


def test_weights_that_do_not_fit_are_refused_by_every_verb_before_any_training(tmp_path: Path) -> None:
    path = tmp_path / "asked.yaml"
    path.write_text(SPEC)
    save_file({"trunk.patches.weight": np.zeros((2, 2), np.float32)}, tmp_path / "small.safetensors")
    for verb in ("plan", "check", "run"):
        done = study(tmp_path, verb, str(path), "--set", f"model.weights={tmp_path / 'small.safetensors'}")
        assert done.returncode == 2, verb
        assert "arm count=1: model.weights: " in done.stderr
        assert "1 of another shape (trunk.patches.weight (2, 2) for" in done.stderr
        assert "Traceback" not in done.stderr
    assert not list((tmp_path / "store" / "runs").glob("*"))


def test_a_run_starts_from_the_checkpoint_of_another_and_its_page_says_so(tmp_path: Path) -> None:
    path = tmp_path / "asked.yaml"
    path.write_text(
        SPEC.replace("model.tokens.count: 2", "model.distill: none").replace(
            "model.tokens.count: [1, 2]", "model.distill: [none, dense_tokens]"
        )
    )
    assert study(tmp_path, "run", str(path)).returncode == 0
    assert "<dt>Weights at the start</dt><dd>from scratch</dd>" in (tmp_path / "out" / "asked.html").read_text()
    runs = tmp_path / "store" / "runs"
    kinds = {run: json.loads((run / "1" / "settings.json").read_text())["kind"] for run in runs.iterdir()}
    rgb = next(run for run, kind in kinds.items() if kind == "rgb")
    done = study(tmp_path, "run", str(path), "--set", f"model.weights={rgb / '1' / 'checkpoint.safetensors'}")
    assert done.returncode == 0, done.stderr
    assert len(list(runs.iterdir())) == len(kinds) + 3, "the sender is shared: another rgb and two joint phases"
    (page,) = (tmp_path / "out").glob("asked--model.weights=checkpoint.safetensors-*.html")
    assert "as model.weights in every arm; everything else from scratch" in page.read_text()
    assert study(tmp_path, "verify").stdout == "the store is sound\n"


def test_an_unknown_study_offers_the_nearest(tmp_path: Path) -> None:
    done = study(tmp_path, "run", "token_cuont_sweep")
    assert done.returncode == 2
    assert "token_count_sweep" in done.stderr


def test_a_second_run_trains_nothing_and_answers_the_same(ran: Path) -> None:
    before = sorted(path.stat().st_mtime_ns for path in (ran / "store" / "runs").rglob("*"))
    done = study(ran, "run", str(ran / "asked.yaml"))
    assert done.returncode == 0
    assert sorted(path.stat().st_mtime_ns for path in (ran / "store" / "runs").rglob("*")) == before


def test_status_counts_phases_and_writes_nothing(ran: Path) -> None:
    before = sorted(map(str, ran.rglob("*")))
    done = study(ran, "status", "asked")
    assert done.returncode == 0
    assert "asked" in done.stdout
    assert sorted(map(str, ran.rglob("*"))) == before


def test_sql_gives_tables_csv_json_and_parquet(ran: Path) -> None:
    query = "select arm, seed, split, map from finals order by all"
    assert "count=1" in study(ran, "sql", query).stdout
    csv = study(ran, "sql", query, "--csv").stdout.splitlines()
    assert csv[0] == "arm,seed,split,map"
    rows = json.loads(study(ran, "sql", query, "--json").stdout)
    assert len(rows) == len(csv) - 1 == 4
    assert {row["split"] for row in rows} == {"val_seen", "val_unseen"}, "test splits are sealed"
    assert study(ran, "sql", query, "--parquet", str(ran / "rows.parquet")).returncode == 0
    assert (ran / "rows.parquet").read_bytes()[:4] == b"PAR1"
    nowhere = study(ran, "sql", query, "--parquet", str(ran / "no" / "rows.parquet"))
    assert nowhere.returncode == 2
    assert f"there is no folder {ran / 'no'}. Make it" in nowhere.stderr


def test_where_there_is_no_terminal_a_table_is_as_wide_as_it_needs(ran: Path) -> None:
    lines = study(ran, "sql", "from finals").stdout.splitlines()
    assert "model.tokens.count" in lines[1]
    assert len(lines[1]) > 200
    assert "asked" in study(ran, "status").stdout


def test_a_plan_whose_clips_do_not_fit_is_shown_and_refused(ran: Path) -> None:
    large = ("--set", "data.cache=memmap", "--set", "data.slack=100000")
    done = study(ran, "plan", "token_count_sweep", "--profile", "full", *large)
    assert done.returncode == 2
    assert "of decoded clips" in done.stdout
    assert "The disk has" in done.stderr


def test_a_claim_about_a_sealed_split_is_answered_after_it_is_revealed(ran: Path, tmp_path: Path) -> None:
    path = tmp_path / "sealed.yaml"
    path.write_text(SPEC.replace("direction: better}", "direction: better}\n  split: test"))
    assert "answered after study reveal sealed" in study(tmp_path, "plan", str(path)).stdout
    done = study(tmp_path, "run", str(path))
    assert done.returncode == 0, done.stderr
    assert "which is sealed. `study reveal sealed` opens" in done.stdout
    assert "study reveal sealed" in (tmp_path / "out" / "sealed.html").read_text()
    assert study(tmp_path, "reveal", "sealed").returncode == 0
    answer = study(tmp_path, "report", "sealed")
    assert answer.returncode == 0
    assert "Undecided: " in answer.stdout
    assert "sealed." not in answer.stdout.splitlines()[0]


def test_a_damaged_claim_is_named_and_not_taken_for_a_wrong_request(ran: Path, tmp_path: Path) -> None:
    shutil.copytree(ran, tmp_path / "copy")
    (claim,) = (tmp_path / "copy" / "store" / "editions" / "asked" / "claims").iterdir()
    claim.write_text("x")
    for words in (("report", "asked"), ("run", str(ran / "asked.yaml"))):
        done = study(tmp_path / "copy", *words)
        assert done.returncode == 1, words
        assert f"{claim.name}: is not JSON" in done.stderr
    assert "count=1" in study(tmp_path / "copy", "sql", "from finals").stdout, "what was taken in stays"


def test_a_claim_that_was_changed_in_the_plan_is_not_answered_as_the_declared_one(ran: Path, tmp_path: Path) -> None:
    shutil.copytree(ran, tmp_path / "copy")
    path = tmp_path / "copy" / "store" / "editions" / "asked" / "plan.json"
    plan = json.loads(path.read_text())
    path.write_text(json.dumps(plan | {"claim": plan["claim"] | {"smallest": 0.0, "alpha": 0.4}}))
    done = study(tmp_path / "copy", "report", "asked")
    assert done.returncode == 1
    assert "differs from the plan's claim: one of them was changed. Run the study again" in done.stderr
    assert study(tmp_path / "copy", "verify").returncode == 1
    path.write_text(json.dumps(plan | {"claim_hash": "0" * 64}))
    assert "the claim that the plan names is missing" in study(tmp_path / "copy", "report", "asked").stderr
    assert study(tmp_path / "copy", "run", str(ran / "asked.yaml")).returncode == 0
    assert study(tmp_path / "copy", "verify").stdout == "the store is sound\n"


def test_the_query_of_a_chart_can_be_asked_again_and_may_begin_with_a_comment(ran: Path, tmp_path: Path) -> None:
    shutil.copytree(ran, tmp_path / "copy")
    assert study(tmp_path / "copy", "export", "asked", "--to", str(tmp_path / "paper")).returncode == 0
    queries = sorted((tmp_path / "paper").glob("**/figures/*.sql"))
    assert len(queries) >= 3
    done = study(tmp_path / "copy", "sql", f"-- what a chart shows\n{queries[0].read_text()}", "--csv")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(queries[0].with_suffix(".csv").read_text().splitlines()) > 1


@pytest.mark.parametrize("after_s", [0.4, 0.8, 1.2])
def test_ctrl_c_before_anything_began_is_one_message(ran: Path, after_s: float) -> None:
    command = [sys.executable, "-c", "from study.cli import main; main()", "plan", "token_count_sweep"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "RecursionError" not in errors
    assert process.returncode in (0, 1)
    assert errors in ("", "stopped. Nothing that was measured is lost; the same command goes on from there\n")


def test_sql_that_writes_is_refused(ran: Path) -> None:
    done = study(ran, "sql", "delete from records")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert study(ran, "sql", "select count(*) n from records", "--csv").stdout != "n\n0\n"


def test_the_store_verifies_and_reports_again(ran: Path) -> None:
    assert study(ran, "verify").stdout == "the store is sound\n"
    done = study(ran, "report", "asked")
    assert done.returncode == 0
    assert "asked.html" in done.stdout


def test_a_damaged_result_is_named_and_ends_in_an_error(ran: Path, tmp_path: Path) -> None:
    shutil.copytree(ran, tmp_path / "copy")
    torn = next((tmp_path / "copy" / "store" / "runs").glob("*/1/predictions.parquet"))
    torn.write_bytes(torn.read_bytes()[:100])
    (tmp_path / "copy" / "store" / "study.duckdb").unlink()
    for words in (("report", "asked"), ("run", str(ran / "asked.yaml"))):
        done = study(tmp_path / "copy", *words)
        assert done.returncode == 1, words
        assert "damaged" in done.stdout
        assert torn.parent.parent.name in done.stdout
    assert torn.parent.parent.name in study(tmp_path / "copy", "sql", "select 1").stderr


def test_a_study_that_was_never_run_cannot_be_reported(ran: Path) -> None:
    done = study(ran, "report", "askd")
    assert done.returncode == 2
    assert "asked" in done.stderr


def test_reveal_opens_the_test_splits_of_all_arms_at_once(ran: Path, tmp_path: Path) -> None:
    assert study(ran, "reveal", "asked").returncode == 0
    rows = json.loads(study(ran, "sql", "select distinct arm, split from finals", "--json").stdout)
    assert {(row["arm"], row["split"]) for row in rows} >= {("count=1", "test_seen"), ("count=2", "test_unseen")}
    assert "revealed" in json.dumps([path.name for path in (ran / "store" / "editions" / "asked").iterdir()])
