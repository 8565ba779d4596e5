"""Only what is whole and open gets into the database: sealed, damaged and superseded numbers stay out."""

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from results import edition, ledger
from results.attempt import Store
from results.files import replace_json
from results.record import Record, RecordWriter
from study.key import key_of
from tests import made_store as made


def test_no_test_number_is_in_the_database_before_its_edition_is_revealed(made_store: Store) -> None:
    store = made_store
    made.make_store(store.root, edition="other", levels=(1, 40), seeds=(0,))
    tested = "select count(*) from {} where split like 'test%'"
    ledger.sync(store)
    assert made.rows(store, tested.format("records")) == made.rows(store, tested.format("predictions")) == [(0,)]
    edition.reveal(store, "other", "me", "study reveal")
    assert ledger.sync(store).opened == 3
    assert made.rows(store, tested.format("records")) == [(3 * 10,)]
    assert made.rows(store, tested.format("predictions")) == [(3 * 16,)]
    opened = "select edition, count(*) from finals where split like 'test%' group by all"
    assert made.rows(store, opened) == [("other", 4)]
    assert made.rows(store, "select distinct edition from curves where split like 'test%'") == [("other",)]


def test_a_test_number_among_the_shown_records_stays_out_too(made_store: Store) -> None:
    attempt, content = made.open_attempt(made_store), made.contents(5, 9)["joint"]
    made.measure(attempt, content)
    with RecordWriter(attempt.records) as writer:
        writer.write([Record("map", "test_seen", 2, 50.0, "points")])
    attempt.publish(1.0)
    assert ledger.sync(made_store).problems == ()
    assert made.rows(made_store, "select * from records where split like 'test%'") == []


def test_a_revealed_phase_that_leaves_its_edition_is_sealed_again(made_store: Store) -> None:
    ledger.sync(made_store)
    edition.reveal(made_store, made.EDITION, "me", "study reveal")
    ledger.sync(made_store)
    made.write_plan(made_store, levels=(1, 5))
    ledger.sync(made_store)
    dropped = key_of(made.contents(20, 0)["joint"])
    assert made.rows(made_store, f"select distinct split from records where key = '{dropped}' order by all") == [
        ("train",), ("val_seen",), ("val_unseen",)
    ]  # fmt: skip


def test_an_attempt_that_fails_after_another_one_was_published_is_no_news(made_store: Store) -> None:
    impatient = Store(made_store.root, alive=lambda owner: False)
    content = made.contents(5, 9)["joint"]
    first, second = made.open_attempt(impatient), made.open_attempt(impatient)
    made.measure(second, content)
    second.publish(1.0)
    ledger.sync(made_store)
    before = made.rows(made_store, "from runs order by all")
    time.sleep(0.002)  # timestamps have milliseconds
    first.fail(RuntimeError("its folder is gone"))
    made_store.database.unlink()
    ledger.sync(made_store)
    assert made.rows(made_store, "from runs order by all") == before


def test_records_of_a_killed_attempt_are_not_counted_twice(made_store: Store) -> None:
    first = made.open_attempt(made_store)
    with RecordWriter(first.records) as writer:
        writer.write(Record("seconds", "train", step, 1.0, "s") for step in (1, 2))
    first.stop("preempted")
    ledger.sync(made_store)
    content = made.contents(5, 9)["joint"]
    second = made.open_attempt(made_store)
    made.measure(second, content)
    second.publish(1.0)
    ledger.sync(made_store)
    taken = f"select distinct attempt from records where key = '{first.key}'"
    assert made.rows(made_store, taken) == [(2,)]
    assert made.rows(made_store, f"select seconds, epochs from runs where key = '{first.key}' and state = 'done'") == [
        (1.0, 2)
    ]


def test_a_diverged_loss_stays_visible(made_store: Store) -> None:
    attempt = made.open_attempt(made_store)
    with RecordWriter(attempt.records) as writer:
        writer.write([Record("loss", "train", 1, float("nan")), Record("loss", "train", 2, float("inf"))])
    with attempt.records.open("a") as file:
        file.write('{"metric":"loss","split":"tra')
    attempt.fail(RuntimeError("diverged"))
    ledger.sync(made_store)
    shown = f"select step, value::text from records where key = '{attempt.key}' order by step"
    assert made.rows(made_store, shown) == [(1, "nan"), (2, "inf")]


def damage_records(folder: Path) -> None:
    path = folder / "records.jsonl"
    path.write_text(path.read_text().replace('"metric":"loss"', '"metric";"loss"', 1))


def damage_predictions(folder: Path) -> None:
    path = folder / "predictions.parquet"
    path.write_bytes(bytes(path.stat().st_size))


def cut_predictions(folder: Path) -> None:
    path = folder / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_records, r"records\.jsonl: holds 23 whole records, but 24 were published"),
        (damage_predictions, r"predictions\.parquet: cannot be read as Parquet"),
        (cut_predictions, r"predictions\.parquet: holds \d+ bytes, but \d+ bytes were published"),
        (lambda folder: (folder / "records.jsonl").unlink(), r"records\.jsonl: is missing"),
        (lambda folder: (folder.parent / "done.json").write_text("{"), r"done\.json: is not JSON"),
    ],
)
def test_a_damaged_run_is_left_out_and_named_until_it_is_repaired(
    made_store: Store, damage: Callable[[Path], object], message: str
) -> None:
    key = key_of(made.contents(5, 0)["joint"])
    backup = made_store.root.parent / "backup"
    shutil.copytree(made_store.runs / key, backup)
    damage(made_store.runs / key / "1")
    for _ in range(2):
        (problem,) = ledger.sync(made_store).problems
        assert re.search(message, problem)
    assert made.rows(made_store, "select count(*) from finals") == [(10,)]
    assert made.rows(made_store, "select arm, seed, state from failures") == [("count=5", 0, "damaged")]
    shutil.rmtree(made_store.runs / key)
    shutil.copytree(backup, made_store.runs / key)
    assert ledger.sync(made_store).problems == ()
    assert made.rows(made_store, "select count(*) from finals") == [(12,)]


def test_sealed_files_are_proved_when_they_are_opened(made_store: Store) -> None:
    attempt = made_store.result(key_of(made.contents(5, 0)["joint"]))
    assert attempt is not None
    attempt.sealed.write_text("".join(attempt.sealed.read_text().splitlines(keepends=True)[:-1]))
    assert ledger.sync(made_store).problems == ()
    edition.reveal(made_store, made.EDITION, "me", "study reveal")
    synced = ledger.sync(made_store)
    assert synced.opened == 7
    assert "sealed.jsonl: holds 9 whole records, but 10 were published" in synced.problems[0]


def test_an_edition_that_cannot_be_read_is_named_and_the_others_go_on(made_store: Store) -> None:
    made.write_plan(made_store, "other", levels=(1,))
    replace_json(made_store.editions / "other" / "plan.json", {"edition": "other"})
    for _ in range(2):
        (problem,) = ledger.sync(made_store).problems
        assert "editions/other/plan.json: is not a plan" in problem
    assert made.rows(made_store, "select distinct edition from finals") == [(made.EDITION,)]
