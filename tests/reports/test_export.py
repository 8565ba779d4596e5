"""A study as files for a paper."""

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

from reports import export
from tests.reports.made_ledger import EDITION, Ledger, make_answer, make_cost_ledger, make_ledger, make_tuned_ledger
from tests.reports.made_measured import make_repeated_ledger

ALL_SPLITS = ("val_seen", "val_unseen", "test_seen", "test_unseen")


def write(ledger: Ledger, folder: Path) -> dict[str, str]:
    with ledger.connect() as connection:
        paths = export.write(connection, EDITION, make_answer(ledger.plan), ledger.plan, folder)
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}


def test_the_table_has_seen_unseen_and_their_mean(ledger: Ledger, tmp_path: Path) -> None:
    lines = write(ledger, tmp_path)["table.md"].splitlines()
    assert "| Arm | Validation seen | Validation unseen | Validation mean | Difference (points) |" in lines
    control = next(line for line in lines if "(control)" in line)
    seen, unseen, mean = (float(cell.split("±")[0]) for cell in control.split("|")[2:5])
    assert abs((seen + unseen) / 2 - mean) <= 0.1
    assert lines.index(control) < next(place for place, line in enumerate(lines) if "count=1 " in line)


def test_test_columns_are_there_once_they_are_revealed(tmp_path: Path) -> None:
    ledger = make_ledger(splits=ALL_SPLITS)
    assert "Test" not in write(ledger, tmp_path)["table.md"].split("\n\n")[1]
    assert "never opened" in write(ledger, tmp_path)["methods.md"]
    ledger.revealed_at = datetime(2026, 11, 23, 9, 0)
    files = write(ledger, tmp_path)
    assert "| Test seen | Test unseen | Test mean |" in files["table.md"]
    assert r"\multicolumn{3}{c}{Test}" in files["table.tex"]
    assert "sealed until they were opened 2026-11-23 09:00 UTC" in files["methods.md"]


def test_a_score_that_is_no_number_is_told_in_the_table(ledger: Ledger, tmp_path: Path) -> None:
    final = next(trial["final"] for trial in ledger.plan["trials"] if trial["arm"] == "count=1")
    ledger.records = [
        (*row[:5], float("nan"), row[6]) if row[0] == final and row[2:4] == ("map", "val_seen") else row
        for row in ledger.records
    ]
    (own,) = [line for line in write(ledger, tmp_path)["table.md"].splitlines() if line.startswith("| count=1 ")]
    seen, unseen, mean = (cell.strip() for cell in own.split("|")[2:5])
    assert (seen, mean) == ("NaN", "NaN")
    assert unseen != "NaN"


def test_the_methods_of_a_search_claim_nothing(ledger: Ledger, tmp_path: Path) -> None:
    ledger.plan["search"] = {"name": "search", "sampler": "nsga2", "batch": 4, "trials": 9, "against": "latency"}
    told = write(ledger, tmp_path)["methods.md"].replace("\\", "")
    assert "Optuna (nsga2, 4 at a time) picked of the 3 combinations" in told
    assert "and the least latency" in told
    assert "decide no claim" in told
    assert not re.search("Holm|max-T|error rate|At least one arm", told)


def test_the_methods_tell_who_gave_trainings_up(ledger: Ledger, tmp_path: Path) -> None:
    ledger.plan["prune"] = {"pruner": "median", "n_startup_trials": 5, "n_warmup_steps": 0}
    told = write(ledger, tmp_path)["methods.md"].replace("\\", "")
    assert "Optuna's pruner median (n_startup_trials 5, n_warmup_steps 0)" in told
    assert "It gave up 0 trainings" in told
    assert "Holm" in told


def test_arms_that_share_phases_are_said_to_whether_they_were_tuned_or_not(tmp_path: Path) -> None:
    shared = "were trained once and shared"
    whole, tuned = (write(make(), tmp_path / make.__name__)["methods.md"] for make in (make_ledger, make_tuned_ledger))
    assert (shared in whole) == (shared in tuned)


def test_a_study_of_costs_has_a_table_of_costs(tmp_path: Path) -> None:
    files = write(make_cost_ledger(), tmp_path)
    assert "| Arm | Latency (ms) | Memory (MB) | GFLOPs | Parameters (M) | Difference (%) |" in files["table.md"]
    assert "against the control" in files["methods.md"] or "percent of the control's mean" in files["methods.md"]


def test_the_methods_state_design_seeds_tests_and_corrections(tmp_path: Path) -> None:
    ledger = make_repeated_ledger()
    ledger.lose("count=5", 1)
    told = write(ledger, tmp_path)["methods.md"].replace("\\", "")
    for part in (
        "4 arms in a sweep design over model.tokens.count (1, 5 and 20), with count=20 as the control",
        "There were 3 seeds (0, 1 and 2) and 12 trials, 1 of them without a result and in no mean (1 failed)",
        "control was trained once more (control again)",
        "before the first result",
        "crossed bootstrap of 10,000 draws",
        "3 arms are corrected together by Holm's procedure, at a family-wise error rate of 5 %",
        "set to 1.0 mAP point",
        "Commit: 1938b16d66f2",
        "study run token_count_sweep --set optim.lr=0.0003",
    ):
        assert part in told


def test_the_methods_name_the_correction_that_was_used(ledger: Ledger, tmp_path: Path) -> None:
    answer = make_answer(ledger.plan)
    joint = replace(answer, contrasts=tuple(replace(one, correction="max-T") for one in answer.contrasts))
    with ledger.connect() as connection:
        export.write(connection, EDITION, joint, ledger.plan, tmp_path)
    assert "2 arms are corrected together by the step-down max-T procedure" in (tmp_path / "methods.md").read_text()


def test_the_methods_state_what_was_tuned_how_and_at_what_cost(tmp_path: Path) -> None:
    told = write(make_tuned_ledger(), tmp_path)["methods.md"].replace("\\", "")
    assert (
        "Before the comparison every arm was given the same small search over optim.lr (0.0001, 0.001 and 0.01), with "
        "1 seed each (1000) that the comparison does not use: 9 trainings, 58 % of all epochs. Each arm took the "
        "levels with the highest mean mAP over the validation splits at the last epoch: lr=0.0001 for count=1; "
        "lr=0.001 for count=5; lr=0.01 for count=20. The levels were chosen on the same clips that the arms are "
        "compared on, with other seeds: no interval covers that choice." in told
    )
    assert "with the settings of all arms under all levels of the search, the seeds" in told
    assert "There were 3 seeds (0, 1 and 2) and 9 trials" in told
    sealed = make_tuned_ledger()
    sealed.plan["claim"]["split"] = "test"
    assert "same clips" not in write(sealed, tmp_path)["methods.md"]


def test_figures_stand_alone_with_data_and_sql(ledger: Ledger, tmp_path: Path) -> None:
    files = write(ledger, tmp_path)
    drawings = {name: text for name, text in files.items() if name.endswith(".svg")}
    assert len(drawings) >= 9
    for name, text in drawings.items():
        assert len(list(ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}path"))) > 5, name
        assert "var(" not in text
        assert not re.search(r"NaN|href=\"http", text)
        assert f"edition = '{EDITION}'" in files[name.replace(".svg", ".sql")]
        assert files[name.replace(".svg", ".csv")].count("\n") > 1
        assert re.search(r"\d", files[name.replace(".svg", ".txt")])


def test_no_text_of_a_spec_becomes_markup(tmp_path: Path) -> None:
    files = write(make_ledger(evil="<script>alert(1)</script>"), tmp_path)
    assert "<script" not in files["table.md"].replace("\\<script", "")
    assert all("<script" not in text for name, text in files.items() if name.endswith(".svg"))
    hostile = make_ledger(evil="\\input{secret}")
    assert "\\input" not in write(hostile, tmp_path)["table.tex"]


def test_a_study_without_results_has_a_table_and_no_figures(ledger: Ledger, tmp_path: Path) -> None:
    ledger.runs.clear()
    ledger.records.clear()
    files = write(ledger, tmp_path)
    assert not [name for name in files if name.startswith("figures/")]
    assert "count=1" in files["table.md"]
