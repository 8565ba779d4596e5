"""What arms have chosen stands in a file that is written once; everything else follows from it."""

import os
from pathlib import Path

import study
from results.clean import clean
from results.edition import digest as edition_digest
from results.files import read_json, replace_json
from results.plan import chosen_of, is_tuning, seeds_of
from results.tuned import count_failed
from study.declaration import declare
from study.preparation import Request
from tests.made_spec import TUNED
from tests.study.made_tuning import BEST, fail, finish, go_on, go_on_to_the_end, plan_now, prepared_of


def test_a_choice_is_made_once_whatever_becomes_of_the_plan_and_of_what_failed(home: Path) -> None:
    prepared = prepared_of(home)
    declared = declare(prepared, "")
    for trial in prepared.plan.tuning:
        if trial.arm.tried == "lr=0.1":
            fail(prepared, trial)
        else:
            finish(prepared, trial, 2.0 if trial.arm.tried == "lr=0.01" else 0.0)
    ahead = go_on(prepared, declared)
    assert ahead is not None
    for trial in prepared.plan.tuning:
        if trial.arm.tried == "lr=0.1":
            finish(prepared, trial, 9.0)  # by another study, say: it would be chosen now
    path = prepared.store.editions / "asked" / "plan.json"
    path.unlink()
    assert declare(prepared, "")["tuning"] == ahead["tuning"]
    other = prepared_of(home, TUNED.replace("smallest: 1.0", "smallest: 2.0"))
    assert is_tuning(declare(other, ""))
    assert chosen_of(declare(prepared_of(home), "")) == chosen_of(ahead) == dict.fromkeys(BEST, "lr=0.01")
    assert count_failed(plan_now(prepared)) == 2
    assert "lr=0.01 (count=1, count=2)" in study.plan(Request(str(home / "asked.yaml"))).tuned
    assert study.verify() == []

    replace_json(path, declared)  # as a look leaves it that was killed after it had chosen
    assert go_on(prepared, declared) is not None
    assert plan_now(prepared)["tuning"] == ahead["tuning"]
    replace_json(path, declared)
    again = declare(prepared, "")
    assert (again["tuning"], seeds_of(again)) == (ahead["tuning"], {"count=1": 2, "count=2": 2})


def test_a_choice_that_was_changed_or_lost_is_named(home: Path) -> None:
    prepared = prepared_of(home)
    ahead, _ = go_on_to_the_end(prepared)
    path = prepared.store.editions / "asked" / "chosen" / f"{ahead['claim_hash']}.json"
    fixed = read_json(path)
    assert fixed == {"chosen": BEST, "failed": []}
    before = edition_digest(path.parent.parent)
    replace_json(path, fixed | {"chosen": BEST | {"count=1": "lr=0.1"}})
    assert edition_digest(path.parent.parent) != before
    assert "differs from the plan's choice: one of them was changed." in named(path)
    replace_json(path, {"chosen": BEST})
    assert "does not say what arms have chosen (1 parts are wrong)." in named(path)
    replace_json(path, fixed | {"chosen": BEST | {"count=1": "lr=0.1"}})
    plan = path.parents[1] / "plan.json"
    copied = read_json(plan)
    replace_json(plan, copied | {"tuning": copied["tuning"] | {"chosen": BEST | {"count=1": "lr=0.1"}}})
    assert "does not follow from the trainings of the tuning, for count=1: it was changed." in named(path)
    replace_json(plan, copied)
    path.unlink()
    assert "is missing, and the plan says what arms have chosen." in named(path)
    replace_json(path, fixed)
    assert study.verify() == []
    replace_json(path.with_stem("e" * 64), fixed)
    assert "its claim is missing." in named(path.with_stem("e" * 64))


def test_a_damaged_training_of_the_tuning_is_named_and_not_taken_for_a_changed_choice(home: Path) -> None:
    prepared = prepared_of(home)
    go_on_to_the_end(prepared)
    result = prepared.store.result(prepared.plan.tuning[0].final.key)
    assert result is not None
    result.records.write_bytes(b"x\n" + result.records.read_bytes())
    assert {problem.where.split("/")[0] for problem in study.verify()} == {"runs"}
    result.records.unlink()
    assert {problem.where.split("/")[0] for problem in study.verify()} == {"runs"}


def test_a_choice_is_never_cleaned_away_and_a_write_of_it_that_was_cut_off_is(home: Path) -> None:
    prepared = prepared_of(home)
    ahead, _ = go_on_to_the_end(prepared)
    path = prepared.store.editions / "asked" / "chosen" / f"{ahead['claim_hash']}.json"
    cut = path.with_name(f"{path.name}.here.1.tmp")
    cut.touch()
    for one in (path, cut):
        os.utime(one, (0, 0))
    clean(prepared.store, dry_run=False)
    assert list(path.parent.iterdir()) == [path]


def named(path: Path) -> str:
    """Give what `study verify` says of a file, and of nothing else."""
    (problem,) = study.verify()
    assert problem.is_damage
    assert problem.where == str(path.relative_to(path.parents[3]))
    return problem.text
