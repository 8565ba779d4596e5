"""Where a plan takes the spread from by which it says what it can detect."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from results.files import jsonable, read_json, replace_json
from results.record import Record, RecordWriter
from results.spread import ASSUMED
from study.declaration import declare
from study.preparation import Prepared, Request, prepare
from study.spreads import find_spread, foresee
from tests.made_spec import COSTS, SPEC, UNTIL_DECIDED
from tests.results.made_contrasts import make_contrast
from tests.study.test_rates import finish

TWO_SEEDS = SPEC.replace("seeds: 1", "seeds: 2")


def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str = TWO_SEEDS, name: str = "asked") -> Prepared:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / f"{name}.yaml").write_text(text)
    return prepare(Request(str(tmp_path / f"{name}.yaml")))


def answered(planned: Prepared, **changes: Any) -> None:
    declare(planned, "study run asked")
    contrasts = [jsonable(asdict(make_contrast("count=5", 0.5, 3.0, se_seed=0.5, **changes)))]
    folder = planned.store.editions / planned.plan.edition.name
    replace_json(folder / "answer.json", {"verdict": "undecided", "contrasts": contrasts})


def test_where_nothing_is_known_it_is_assumed_and_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = prepared(tmp_path, monkeypatch)
    spread = find_spread(planned)
    assert (spread.seed, spread.source) == (ASSUMED, "assumed, for want of results; --spread gives another")
    given = foresee(planned, 0.7)
    assert (given.spread.seed, given.spread.source) == (0.7, "as given by --spread")
    (amount,) = given.by_seeds.values()
    (assumed,) = foresee(planned).by_seeds.values()
    assert amount is not None
    assert assumed is not None
    assert amount < assumed


def test_finished_seeds_of_the_control_are_better_than_an_assumption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = prepared(tmp_path, monkeypatch)
    controls = [trial for trial in planned.plan.trials if trial.arm.is_control]
    for trial, seen in zip(controls[:2], (40.0, 44.0), strict=True):
        records = [Record("map", "val_seen", 1, 9.0), Record("map", "val_seen", 2, seen)]
        finish(planned, trial.final, 1.0)
        with RecordWriter(planned.store.runs / trial.final.key / "1" / "records.jsonl") as writer:
            writer.write([*records, Record("map", "val_unseen", 2, 50.0)])
    spread = find_spread(planned)
    assert spread.source == "by 2 seeds of the control, each arm as if it scattered alike"
    assert spread.seed == pytest.approx(math.sqrt(2) * math.sqrt(2))


def test_the_answer_of_a_study_like_it_is_better_still_and_its_own_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = prepared(tmp_path, monkeypatch)
    answered(prepared(tmp_path, monkeypatch, name="another"))
    assert find_spread(planned).source == "by the arms of another"
    assert find_spread(planned).seed == pytest.approx(0.5 * math.sqrt(3))
    answered(planned, seeds=(0, 1), control_seeds=(0, 1))
    assert find_spread(planned).source == "by the arms of asked"
    unlike = TWO_SEEDS.replace("  smallest:", "  over: seeds\n  smallest:")
    assert find_spread(prepared(tmp_path, monkeypatch, unlike, "unlike")).source.startswith("assumed")


def test_a_cost_scatters_in_percent_of_its_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = prepared(tmp_path, monkeypatch, COSTS.replace("seeds: 1", "seeds: 2"))
    controls = [trial for trial in planned.plan.trials if trial.arm.is_control]
    for trial, latency in zip(controls, (18.0, 22.0), strict=True):
        finish(planned, trial.final, 1.0)
        with RecordWriter(planned.store.runs / trial.final.key / "1" / "records.jsonl") as writer:
            writer.write([Record("latency_median", "inference", 1, latency)])
    assert find_spread(planned).seed == pytest.approx(math.sqrt(2) * math.sqrt(200.0)), "90 and 110 percent"


@pytest.mark.parametrize(("part", "other"), [("data", "exercise_clips"), ("profile", "tiny")])
def test_an_answer_about_other_data_or_of_another_profile_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, other: str
) -> None:
    planned = prepared(tmp_path, monkeypatch)
    another = prepared(tmp_path, monkeypatch, name="another")
    answered(another)
    file = another.store.editions / "another" / "plan.json"
    replace_json(file, read_json(file) | {part: other})
    assert find_spread(planned).source.startswith("assumed")


def test_each_look_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_seeds = foresee(prepared(tmp_path, monkeypatch, UNTIL_DECIDED)).by_seeds
    amounts = [amount for amount in by_seeds.values() if amount is not None]
    assert len(amounts) == len(by_seeds) > 1
    assert amounts == sorted(amounts, reverse=True)
