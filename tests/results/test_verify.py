"""A sound store has nothing to name; each kind of damage is named with its file, and nothing is changed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars
import pytest

from results import edition, ledger
from results.attempt import Store
from results.files import StoreError, replace_json
from results.owner import Owner
from results.record import Record, RecordWriter, read_records
from results.soundness import Problem
from results.verify import verify
from study.key import key_of
from tests import made_store as made

CONTENT = made.contents(5, 0)["joint"]
KEY = key_of(CONTENT)
DEAD = Owner("here", 1, 0.0, machine=Owner.current().machine)


def problems(store: Store) -> list[Problem]:
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    found = verify(store, key_of)
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before
    return found


def test_a_finished_store_is_sound_before_and_after_sync_and_reveal(made_store: Store) -> None:
    assert problems(made_store) == []
    ledger.sync(made_store)
    edition.reveal(made_store, made.EDITION, "me", "study reveal")
    ledger.sync(made_store)
    assert problems(made_store) == []


def test_a_store_that_is_not_there_has_no_problems(tmp_path: Path) -> None:
    assert verify(Store(tmp_path / "store"), key_of) == []


def test_a_running_attempt_is_no_problem(made_store: Store) -> None:
    attempt = made.claim(made_store, made.contents(5, 9)["joint"])
    assert attempt is not None
    (attempt.folder / "resume.safetensors.7.tmp").touch()
    attempt.records.write_text('{"metric')
    assert problems(made_store) == []


def cut(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[:-5])

    return damage


def changed(name: str, where: float) -> Callable[[Path], None]:
    """Change one bit, at a share of the file's length."""

    def damage(folder: Path) -> None:
        path = folder / name
        content = bytearray(path.read_bytes())
        content[int(where * (len(content) - 1))] ^= 1
        path.write_bytes(content)

    return damage


def missing(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def double_record(folder: Path) -> None:
    record = next(read_records(folder / "records.jsonl"))
    with RecordWriter(folder / "records.jsonl") as writer:
        writer.write([record])


def other_settings(folder: Path) -> None:
    replace_json(folder / "settings.json", CONTENT | {"seed": 1})


def other_columns(folder: Path) -> None:
    polars.read_parquet(folder / "predictions.parquet").drop("scores").write_parquet(folder / "predictions.parquet")


def unreadable_parquet(folder: Path) -> None:
    path = folder / "predictions.parquet"
    path.write_bytes(bytes(path.stat().st_size))


def unreadable_weights(folder: Path) -> None:
    path = folder / "checkpoint.safetensors"
    path.write_bytes(b"\xff" * path.stat().st_size)


def empty_weights(folder: Path) -> None:
    (folder / "checkpoint.safetensors").write_bytes(b"")


def other_attempt(folder: Path) -> None:
    done = json.loads((folder.parent / "done.json").read_text())
    (folder.parent / "done.json").write_text(json.dumps(done | {"attempt": 3}))


def no_done(folder: Path) -> None:
    (folder.parent / "done.json").write_text('{"attempt": 1')


@pytest.mark.parametrize(
    ("damage", "name", "message"),
    [
        (cut("records.jsonl"), "1/records.jsonl", "the last line is torn, but the run is done"),
        (cut("records.jsonl"), "1/records.jsonl", "holds 23 records, but 24 were published"),
        (cut("sealed.jsonl"), "1/sealed.jsonl", "holds 9 records, but 10 were published"),
        (changed("records.jsonl", 0.5), "1/records.jsonl", "was changed after it was published"),
        (changed("checkpoint.safetensors", 1.0), "1/checkpoint.safetensors", "was changed after it was published"),
        (changed("predictions.parquet", 0.3), "1/predictions.parquet", "was changed after it was published"),
        (double_record, "1/records.jsonl", "holds loss of train, step 1, 2 times"),
        (cut("checkpoint.safetensors"), "1/checkpoint.safetensors", "cannot be read as safetensors"),
        (unreadable_weights, "1/checkpoint.safetensors", "cannot be read as safetensors"),
        (empty_weights, "1/checkpoint.safetensors", "cannot be read as safetensors"),
        (missing("checkpoint.safetensors"), "1/checkpoint.safetensors", "is missing, but the run is done"),
        (missing("provenance.json"), "1/provenance.json", "is missing, but the run is done"),
        (cut("provenance.json"), "1/provenance.json", "is not JSON"),
        (unreadable_parquet, "1/predictions.parquet", "cannot be read as Parquet"),
        (other_columns, "1/predictions.parquet", "has columns clip, activity, split, seed, motion, labels"),
        (other_settings, "1/settings.json", "its content has the key"),
        (cut("settings.json"), "1/settings.json", "is not JSON"),
        (other_attempt, "done.json", "names attempt 3, but the attempts are: 1"),
        (no_done, "done.json", "is not JSON"),
    ],
)
def test_damage_of_a_result_is_named(
    made_store: Store, damage: Callable[[Path], None], name: str, message: str
) -> None:
    damage(made_store.runs / KEY / "1")
    found = problems(made_store)
    (told,) = [problem for problem in found if message in problem.text and problem.where == f"runs/{KEY}/{name}"]
    assert told.is_damage
    assert "run the study again" in told.text
    assert str(told).startswith(f"runs/{KEY}/{name}: ")


def test_a_result_whose_parent_was_removed_is_named(made_store: Store) -> None:
    parent = CONTENT["parents"]["rgb"]
    shutil.rmtree(made_store.runs / parent)
    children = [
        problem for problem in problems(made_store) if f"its rgb phase {parent} is not in the store" in problem.text
    ]
    assert len(children) == 3


def test_what_a_kill_left_is_named_as_harmless(made_store: Store) -> None:
    attempt = made.claim(made_store, made.contents(5, 9)["joint"], DEAD)
    assert attempt is not None
    with RecordWriter(attempt.records) as writer:
        writer.write([Record("loss", "train", 1, 0.5)])
    with attempt.records.open("a") as file:
        file.write('{"metric":"lo')
    (attempt.folder / "resume.safetensors.7.tmp").touch()
    (made_store.root / "study.duckdb.7.tmp").touch()
    (made_store.runs / KEY / "1" / "resume.safetensors").touch()
    (made_store.runs / "notes.txt").touch()
    found = problems(made_store)
    assert not any(problem.is_damage for problem in found)
    where = f"runs/{attempt.key}/1"
    assert {problem.where: problem.text.split(":")[0].split(".")[0] for problem in found} == {
        "study.duckdb.7.tmp": "does not belong to the store",
        "runs/notes.txt": "is a file among the runs' folders",
        f"runs/{KEY}/1/resume.safetensors": "training state of a finished run",
        where: "was begun and never ended",
        f"{where}/records.jsonl": "the last line is torn, by a kill",
        f"{where}/resume.safetensors.7.tmp": "does not belong to a run",
    }


def test_an_attempt_that_another_one_finished_may_go(made_store: Store) -> None:
    killed = made.claim(made_store, made.contents(5, 9)["joint"], DEAD)
    assert killed is not None
    for content in made.contents(5, 9).values():
        made.train(made_store, content)
    (problem,) = problems(made_store)
    assert not problem.is_damage
    assert problem.text.endswith("Attempt 2 finished it; `study clean` frees this one.")


@pytest.mark.parametrize("content", ["x", "[]", "{}"])
def test_a_damaged_claim_is_named_by_its_file(made_store: Store, content: str) -> None:
    (path,) = (made_store.editions / made.EDITION / "claims").iterdir()
    path.write_text(content)
    (problem,) = problems(made_store)
    assert problem.is_damage
    assert problem.where == f"editions/{made.EDITION}/claims/{path.name}"
    assert "is no claim" in problem.text


def test_a_damaged_note_of_who_opened_the_splits_is_named(made_store: Store) -> None:
    (made_store.editions / made.EDITION / "revealed.json").write_text("{")
    (problem,) = problems(made_store)
    assert problem.is_damage
    assert "revealed.json: is not JSON" in problem.text


def test_an_edition_is_held_to_its_claim(made_store: Store) -> None:
    folder = made_store.editions / made.EDITION
    plan = made.read_plan(made_store)
    replace_json(folder / "plan.json", plan | {"claim": plan["claim"] | {"smallest": 9.0}})
    assert ["differs from the plan's claim" in problem.text for problem in problems(made_store)] == [True]
    replace_json(folder / "plan.json", plan | {"claim_hash": "e" * 64})
    (problem,) = problems(made_store)
    assert problem.where == f"editions/{made.EDITION}/claims/{'e' * 64}.json"
    replace_json(folder / "plan.json", {"edition": made.EDITION})
    (problem,) = problems(made_store)
    assert problem.is_damage
    assert "is not a plan" in problem.text
    (folder / "plan.json").unlink()
    (problem,) = problems(made_store)
    assert not problem.is_damage


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arms": []}, "what it fixes has the hash"),
        ({"data": float("nan")}, "is no claim (ValueError: "),
    ],
)
def test_a_claim_that_was_changed_after_it_was_declared_is_named(
    made_store: Store, change: dict[str, Any], message: str
) -> None:
    (path,) = (made_store.editions / made.EDITION / "claims").iterdir()
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"fixed": content["fixed"] | change}))
    (problem,) = problems(made_store)
    assert problem.is_damage
    assert problem.where.endswith(path.name)
    assert message in problem.text


def test_a_claim_under_another_name_is_named(made_store: Store) -> None:
    (path,) = (made_store.editions / made.EDITION / "claims").iterdir()
    shutil.copy(path, path.with_name(f"{'e' * 64}.json"))
    (problem,) = problems(made_store)
    assert problem.where == f"editions/{made.EDITION}/claims/{'e' * 64}.json"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("delete from records where key = '{key}' and metric = 'loss'", "holds 18 records of attempt 1 at {key}"),
        ("insert into records from records where key = '{key}'", "holds 48 records of attempt 1 at {key}"),
        ("insert into records values ('{key}', 1, 'map', 'test_seen', 2, 9, '')", "shows test numbers of {key}"),
        ("drop table records", "does not exist"),
    ],
)
def test_a_database_that_differs_from_the_files_is_named(made_store: Store, sql: str, message: str) -> None:
    ledger.sync(made_store)
    with duckdb.connect(made_store.database) as connection:
        connection.execute("drop view if exists finals; drop view if exists curves")
        connection.execute(sql.format(key=KEY))
    (problem,) = problems(made_store)
    assert problem.is_damage
    assert message.format(key=KEY) in problem.text
    assert "Remove study.duckdb and run `study sync`" in problem.text


def test_what_is_not_synced_yet_is_no_problem(made_store: Store) -> None:
    ledger.sync(made_store)
    made.train(made_store, made.contents(5, 9)["rgb"])
    assert problems(made_store) == []


def test_a_store_of_a_newer_version_is_refused(made_store: Store) -> None:
    (made_store.root / "VERSION").write_text("2")
    with pytest.raises(StoreError, match="newer version"):
        verify(made_store, key_of)
