from collections.abc import Sequence
from dataclasses import replace

import pytest

from reports import caution
from reports.ran import collect
from reports.unfinished import list_unfinished
from results.contrast import Contrast
from results.tuned import SAME_CLIPS
from tests.reports.made_ledger import (
    EDITION,
    Ledger,
    digest,
    make_answer,
    make_contrast,
    make_cost_ledger,
    make_ledger,
    make_run,
    make_tuned_ledger,
)


def told(ledger: Ledger, contrasts: Sequence[Contrast] = ()) -> list[str]:
    with ledger.connect() as connection:
        facts = collect(connection, EDITION, ledger.plan)
        left = list_unfinished(connection, EDITION, ledger.plan)
        return caution.list_cautions(connection, EDITION, ledger.plan, facts, left, contrasts)


def test_a_sound_study_has_no_warning(ledger: Ledger) -> None:
    assert told(ledger, make_answer(ledger.plan).contrasts) == []


def test_a_claim_that_came_late_is_said_to_have_come_late(ledger: Ledger) -> None:
    ledger.results_before = 12
    assert told(ledger) == [
        "The claim was declared after 12 results of this study stood in the ledger: it was not blind to them."
    ]


def test_test_numbers_that_another_edition_opened_are_told(ledger: Ledger) -> None:
    trial = ledger.plan["trials"][0]
    ledger.runs[trial["final"]]["sealed_loaded"] = True
    (caution,) = told(ledger)
    assert caution.startswith("The test numbers of 1 training were opened by revealing another edition that shares it")
    ledger.revealed_at = ledger.began
    assert told(ledger) == []


def test_one_seed_is_said_to_have_no_spread() -> None:
    assert told(make_ledger(seeds=(0,)))[0].startswith("One seed only")


def test_a_choice_at_the_end_of_its_range_and_a_failed_try_are_told() -> None:
    ledger = make_tuned_ledger()
    final = next(trial["final"] for trial in ledger.plan["tuning"]["trials"] if trial["arm"] == "count=5")
    ledger.plan["tuning"]["failed"] = [final]
    assert told(ledger) == [
        "The best optim.lr is the smallest that was tried (0.0001) for count=1: a better one may lie beyond.",
        "The best optim.lr is the largest that was tried (0.01) for count=20: a better one may lie beyond.",
        SAME_CLIPS,
        "1 training of the tuning failed and could not be chosen.",
    ]
    ledger.plan["claim"]["split"] = "test_seen"
    assert SAME_CLIPS not in told(ledger), "nothing was chosen by these"
    ledger.plan["claim"]["split"] = "val_seen"
    assert SAME_CLIPS in told(ledger)
    del ledger.plan["tuning"]["chosen"]
    assert SAME_CLIPS not in told(ledger), "nothing is chosen yet"
    ledger.plan["trials"] = []
    assert not any(text.startswith("One seed only") for text in told(ledger)), "no comparison was planned yet"


def test_what_is_missing_is_counted_and_named(ledger: Ledger) -> None:
    ledger.lose("count=1", 0, phase="rgb")
    ledger.lose("count=5", 1)
    ledger.lose("count=5", 2)
    assert told(ledger) == [
        "2 planned trials are failed and in no mean: count=5.",
        "1 planned trial is blocked and in no mean: count=1.",
    ] or told(ledger) == [
        "1 planned trial is blocked and in no mean: count=1.",
        "2 planned trials are failed and in no mean: count=5.",
    ]


@pytest.mark.parametrize(
    ("column", "value", "word"),
    [
        ("commit", "f" * 40, "commits: "),
        ("diff", "abc123def456", "commits: "),
        ("device", "cuda", "devices, threads or numbers of processes: "),
        ("threads", 2, "devices, threads or numbers of processes: "),
        ("world_size", 4, "devices, threads or numbers of processes: "),
        ("versions", '{"python": "3.11.2", "torch": "2.9.0"}', "versions of torch: 2.14.1 and 2.9.0"),
    ],
)
def test_trainings_that_mix_what_they_should_not_are_told(
    ledger: Ledger, column: str, value: object, word: str
) -> None:
    run = ledger.runs[ledger.plan["trials"][0]["final"]]
    run[column] = value
    (only,) = told(ledger)
    assert only.startswith(f"The trainings mix {word}")


def test_what_is_measured_beside_trainings_is_not_held_against_them(ledger: Ledger) -> None:
    trial = ledger.plan["trials"][0]
    key = digest("profile", trial["arm"])
    ledger.runs[key] = make_run("profile", key, 0, 0) | {"device": "cpu, a chip"}
    ledger.plan["phases"][key] = ledger.plan["phases"][trial["final"]] | {"kind": "profile"}
    trial["phases"]["profile"] = key
    assert told(ledger) == []


def test_what_tuned_the_arms_is_not_held_against_their_comparison() -> None:
    ledger = make_tuned_ledger()
    before = told(ledger)
    ledger.runs[ledger.plan["tuning"]["trials"][0]["final"]]["commit"] = "f" * 40
    assert told(ledger) == before


def test_skipped_clips_are_named(ledger: Ledger) -> None:
    ledger.skipped = ["squat_01.mp4", "squat_02.mp4"]
    assert told(ledger) == ["2 clips were left out as unreadable: squat_01.mp4 and squat_02.mp4."]


def test_muscles_that_vanish_from_resamples_are_told(ledger: Ledger) -> None:
    contrast = make_contrast("count=1", 1.0, (0, 1, 2), vanished=0.123)
    assert told(ledger, [contrast])[0].startswith("In up to 12 % of the resamples")


def test_arms_beside_the_claim_are_told_about_too(ledger: Ledger) -> None:
    aside = make_contrast("count=1", 1.0, (0, 1, 2), is_claimed=False, is_paired=False)
    lone = make_contrast("count=5", 1.0, (0,), is_claimed=False)
    assert [text.partition(":")[0] for text in told(ledger, [aside, lone])] == [
        "Compared unpaired, for want of two seeds shared with the control",
        "One seed to compare gives no interval",
    ]
    assert told(ledger, [replace(aside, is_claimed=True), replace(lone, is_claimed=True)]) == []


def test_notes_of_the_plan_are_passed_on(ledger: Ledger) -> None:
    ledger.plan["notes"] = ["count=8 has the settings of count=5: trained once."]
    assert told(ledger) == ledger.plan["notes"]


def test_a_score_that_is_not_a_number_is_named(ledger: Ledger) -> None:
    final = ledger.plan["trials"][0]["final"]
    ledger.records = [
        (*row[:5], float("nan"), row[6]) if row[0] == final and row[2:4] == ("map", "val_seen") else row
        for row in ledger.records
    ]
    assert told(ledger) == ["The mAP is not a number for count=1 seed 0 on val_seen: left out of the charts."]


def test_a_sound_measurement_has_no_warning_and_no_score_is_missed() -> None:
    assert told(make_cost_ledger()) == []


def test_measurements_that_mix_devices_are_told() -> None:
    ledger = make_cost_ledger()
    ledger.runs[ledger.plan["trials"][0]["final"]]["device"] = "cuda, a card"
    (only,) = told(ledger)
    assert only.startswith("The measurements mix devices, threads or numbers of processes: cpu, a processor, 1 thread")
    assert "cuda, a card, 1 thread" in only


def test_a_machine_that_had_other_work_is_told() -> None:
    ledger = make_cost_ledger()
    first = ledger.plan["trials"][0]["final"]
    ledger.records = [
        (*row[:5], 2.6, row[6]) if row[0] == first and row[2] == "load" else row for row in ledger.records
    ]
    (only,) = told(ledger)
    assert only.startswith("The machine had other work when 1 measurement began (load average up to 2.6)")


def test_muscles_that_work_in_no_clip_of_a_split_or_in_all_are_named(ledger: Ledger) -> None:
    def labelled(row: tuple[object, ...]) -> tuple[object, ...]:
        labels = list(row[-1])  # type: ignore[call-overload]
        labels[0], labels[3] = 0, 1
        return (*row[:-1], labels)

    ledger.predictions = [labelled(row) if row[3] == "val_seen" else row for row in ledger.predictions]
    assert told(ledger) == [
        "On val_seen no clip is positive for neck: the mAP there is over the others.",
        "On val_seen upper back works in every clip: an average precision of 100 there says nothing.",
    ]


def test_runs_of_two_numerics_are_told(ledger: Ledger) -> None:
    for place, run in enumerate(ledger.runs.values()):
        run["numerics"] = 1 if place == 0 else 2
    (only,) = told(ledger)
    assert only.startswith("The trainings mix NUMERICS: 1 and 2.")
