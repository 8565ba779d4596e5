"""What verbs say on a terminal."""

from collections import Counter
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from study.costs import report_plan
from study.preparation import Request, prepare
from study.printing import as_csv, print_plan, print_rows, print_standing, table
from study.standing import Standing
from tests.made_spec import SPEC, UNTIL_DECIDED


def printed(*things: object, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width)
    for thing in things:
        console.print(thing)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_numbers_stand_to_the_right_and_nothing_is_cut_off() -> None:
    text = printed(table(("name", "n"), [("a" * 100, 1), ("b", 20), ("c", None)]), width=40)
    assert text.count("a") - text.count("name") == 100
    assert [line.rstrip().endswith("20") for line in text.splitlines() if line.strip().startswith("b")] == [True]


ROWS = pl.DataFrame({"arm": ["count=1", None], "map": [12.345678, 50.0], "note": ["n" * 40, "m"]})


def test_rows_stand_in_a_table_where_it_fits() -> None:
    console = Console(file=StringIO(), width=80)
    print_rows(ROWS, console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[1].split() == ["arm", "map", "note"]
    assert lines[3].split() == ["count=1", "12.35", "n" * 40]


def test_rows_too_wide_for_the_terminal_are_told_field_by_field() -> None:
    console = Console(file=StringIO(), width=30, soft_wrap=True)
    print_rows(ROWS, console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "row 1 of 2"
    assert [line.split() for line in lines[1:4]] == [["arm", "count=1"], ["map", "12.35"], ["note", "n" * 40]]
    assert lines[4] == "row 2 of 2"


def test_csv_writes_lists_as_json() -> None:
    rows = pl.DataFrame({"arm": ["a"], "scores": [[1.5, 2.0]]})
    assert as_csv(rows).splitlines() == ["arm,scores", 'a,"[1.5, 2.0]"']


def test_a_plan_says_what_is_shared_and_what_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(SPEC)
    console = Console(file=StringIO(), width=80)
    print_plan(report_plan(prepare(Request(str(tmp_path / "asked.yaml")))), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "asked: Do more tokens help?" in text
    assert "epochs: 6 with sharing, 6 without (0% saved)" in text
    assert "time left: unknown" in text
    assert "--measure" in text


def test_standings_name_what_runs_what_failed_and_what_is_damaged() -> None:
    console = Console(file=StringIO(), width=120)
    running = {"joint count=1 seed 0": (3, 8)}
    failed = {"rgb count=1 seed 1": ("Diverged: no", Path("store/runs/k/1"))}
    whole = Standing("asked", Counter(done=2, running=1, failed=1), running, failed, "Undecided: ...")
    broken = Standing("other", Counter(), {}, {}, "", "plan.json: is not JSON")
    print_standing([whole, broken], console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for part in (
        "asked: Undecided: ...",
        "running: joint count=1 seed 0: epoch 3 of 8",
        "failed: rgb count=1 seed 1: Diverged: no",
        "store/runs/k/1",
        "damaged: plan.json: is not JSON",
    ):
        assert part in text
    empty = Console(file=StringIO(), width=80)
    print_standing([], empty)
    assert "study run token_count_sweep" in empty.file.getvalue()  # type: ignore[attr-defined]


def test_a_plan_with_looks_says_what_the_first_one_and_all_of_them_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(UNTIL_DECIDED)
    console = Console(file=StringIO(), width=120)
    print_plan(report_plan(prepare(Request(str(tmp_path / "asked.yaml")))), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "seeds: until decided: 3, then of what is undecided 5, 8, 12; trials: at most 24" in text
    assert "first look: 6 trials, 12 phases, 12 epochs; time left: unknown" in text
    assert "epochs: 48 with sharing" in text


def test_a_plan_says_what_it_can_detect_and_by_which_spread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "one.yaml").write_text(SPEC)
    (tmp_path / "two.yaml").write_text(SPEC.replace("seeds: 1", "seeds: 2").replace("smallest: 1.0", "smallest: 0.5"))
    console = Console(file=StringIO(), width=200)
    for name in ("one", "two"):
        print_plan(report_plan(prepare(Request(str(tmp_path / f"{name}.yaml"))), spread=0.1), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "smallest detectable difference (80% power, points): none, for one seed gives no interval" in text
    assert "smallest detectable difference (80% power, points): 1.7 with 2 seeds" in text
    assert "spread (as given by --spread): 0.1 from seed to seed; what activities and clips add is not known" in text
