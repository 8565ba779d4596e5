"""The database says what the files say: no more, no less, however and whenever it was made."""

import multiprocessing
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from results import ledger
from results.attempt import Attempt, Store
from results.files import StoreError, replace_json
from results.record import Record, RecordWriter
from study.key import key_of
from tests import made_store as made

TABLES = ("editions", "claims", "arms", "trials", "phases", "runs", "records", "predictions", "sources")
VIEWS = ("finals", "curves", "costs", "failures")


def dump(store: Store, tables: tuple[str, ...] = TABLES + VIEWS) -> dict[str, list[Any]]:
    with ledger.connect(store) as connection:
        return {name: connection.execute(f"from {name} order by all").fetchall() for name in tables}


def rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    with ledger.connect(store) as connection:
        return connection.execute(sql).fetchall()


def open_attempt(store: Store, level: int = 5, seed: int = 9) -> Attempt:
    attempt = made.claim(store, made.contents(level, seed)["joint"])
    assert attempt is not None
    return attempt


def test_every_trial_has_one_row_for_each_validation_split(made_store: Store) -> None:
    assert str(ledger.sync(made_store)) == "read 8 runs and 1 editions anew, opened the test splits of 0 runs"
    finals = ledger.query(made_store, "from finals order by arm, seed, split")
    assert finals.columns == [
        "study", "edition", "profile", "data", "arm", "is_control", "seed", "replicate", "split", "step",
        "model.tokens.count", "map", "loss", "ap.back", "ap.legs", "ap.neck", "seconds", "peak_memory_bytes",
        "parameters", "key", "commit", "pruned",
    ]  # fmt: skip
    assert finals.height == 3 * 2 * 2
    first = finals.row(0, named=True)
    assert (first["arm"], first["seed"], first["split"], first["step"]) == ("count=1", 0, "val_seen", 2)
    assert first["map"] == pytest.approx((first["ap.back"] + first["ap.legs"] + first["ap.neck"]) / 3)
    assert (first["seconds"], first["parameters"], first["pruned"]) == (2.0, 1000, False)
    assert set(finals["is_control"].to_list()) == {True, False}


def test_a_second_sync_does_nothing(made_store: Store) -> None:
    ledger.sync(made_store)
    before = made_store.database.stat()
    assert ledger.sync(made_store) == ledger.Synced()
    after = made_store.database.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_database_made_step_by_step_equals_one_made_anew(made_store: Store) -> None:
    store = made_store
    ledger.sync(store)
    failed, stopped, pruned = open_attempt(store, 1), open_attempt(store, 5), open_attempt(store, 20)
    with RecordWriter(stopped.records) as writer:
        writer.write([Record("loss", "train", 1, 0.5)])
    ledger.sync(store)
    failed.fail(RuntimeError("out of memory"))
    stopped.stop("preempted")
    pruned.prune(made.EDITION, step=1, reason="hopeless")
    made.write_plan(store, seeds=(0, 1, 9))
    ledger.sync(store)
    made.train(store, made.contents(5, 9)["joint"])
    made.train(store, made.contents(20, 9)["joint"])
    ledger.sync(store)
    ledger.reveal(store, made.EDITION, "me", "study reveal")
    made.make_store(store.root, edition="other", levels=(1, 40), seeds=(0,))
    ledger.sync(store)
    shutil.rmtree(store.runs / key_of(made.contents(1, 1)["joint"]))
    ledger.sync(store)
    step_by_step = dump(store)
    store.database.unlink()
    ledger.sync(store)
    assert dump(store) == step_by_step
    assert {name: len(some) for name, some in step_by_step.items() if not some} == {}


def test_a_phase_that_trials_share_is_stored_once_and_its_cost_is_shared(made_store: Store) -> None:
    ledger.sync(made_store)
    assert rows(made_store, "select count(*), count(distinct key) from runs") == [(8, 8)]
    shares = rows(made_store, "select distinct phase, shared_by from costs order by all")
    assert shares == [("joint", 1), ("rgb", 3)]
    assert rows(made_store, "select round(sum(seconds / shared_by), 9), sum(seconds) from costs") == [(8.0, 12.0)]


def test_editions_that_share_phases_keep_their_own_rows(made_store: Store) -> None:
    made.make_store(made_store.root, edition="other", levels=(5, 40), seeds=(0,))
    ledger.sync(made_store)
    assert rows(made_store, "select edition, count(*) from finals group by all order by all") == [
        ("other", 4), ("token_count_sweep", 12)
    ]  # fmt: skip
    shared = "select edition, is_control, map from finals where arm = 'count=5' and seed = 0 and split = 'val_seen'"
    (_, _, one), (_, _, other) = rows(made_store, shared)
    assert one == other


def test_only_finished_trials_appear_in_finals(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    made.write_plan(store, seeds=(0,))
    made.train(store, made.contents(5, 0)["rgb"])
    ledger.sync(store)
    assert rows(store, "select * from finals") == []
    made.train(store, made.contents(5, 0)["joint"])
    ledger.sync(store)
    assert rows(store, "select distinct arm from finals") == [("count=5",)]


def test_factors_of_all_editions_are_columns_with_types_that_hold_their_levels(made_store: Store) -> None:
    levels = [
        {"model.fusion": "mctf", "optim.lr": 1, "a.flag": True},
        {"model.fusion": None, "optim.lr": 0.5, "a.flag": False},
    ]
    arms = [
        {"name": made.arm_name(level), "is_control": level == 1, "levels": factors}
        for level, factors in zip((1, 5), levels, strict=True)
    ]
    made.write_plan(made_store, "mixed", levels=(1, 5), arms=arms)
    ledger.sync(made_store)
    finals = ledger.query(made_store, "from finals")
    kinds = {name: str(finals.schema[name]) for name in ("model.fusion", "optim.lr", "a.flag", "model.tokens.count")}
    assert kinds == {
        "model.fusion": "String",
        "optim.lr": "Float64",
        "a.flag": "Boolean",
        "model.tokens.count": "Int64",
    }
    factors = '"model.fusion", "optim.lr", "a.flag", "model.tokens.count"'
    picked = f"select distinct {factors} from finals where edition = 'mixed'"
    assert sorted(rows(made_store, picked), key=str) == [("mctf", 1.0, True, None), (None, 0.5, False, None)]


def test_labels_that_differ_in_case_share_a_column(made_store: Store) -> None:
    made.write_plan(made_store, "shouted", levels=(1,), labels=["NECK", "o'neill"])
    ledger.sync(made_store)
    columns = ledger.query(made_store, "from finals").columns
    assert [name for name in columns if name.startswith("ap.")] == ["ap.NECK", "ap.back", "ap.legs", "ap.o'neill"]
    assert rows(made_store, "select count(\"ap.neck\") from finals where edition = 'token_count_sweep'") == [(12,)]


def test_no_test_number_is_in_the_database_before_its_edition_is_revealed(made_store: Store) -> None:
    store = made_store
    made.make_store(store.root, edition="other", levels=(1, 40), seeds=(0,))
    tested = "select count(*) from {} where split like 'test%'"
    ledger.sync(store)
    assert rows(store, tested.format("records")) == rows(store, tested.format("predictions")) == [(0,)]
    ledger.reveal(store, "other", "me", "study reveal")
    assert ledger.sync(store).opened == 3
    assert rows(store, tested.format("records")) == [(3 * 10,)]
    assert rows(store, tested.format("predictions")) == [(3 * 16,)]
    opened = "select edition, count(*) from finals where split like 'test%' group by all"
    assert rows(store, opened) == [("other", 4)]
    assert rows(store, "select distinct edition from curves where split like 'test%'") == [("other",)]


def test_a_test_number_among_the_shown_records_stays_out_too(made_store: Store) -> None:
    attempt, content = open_attempt(made_store), made.contents(5, 9)["joint"]
    made.measure(attempt, content)
    with RecordWriter(attempt.records) as writer:
        writer.write([Record("map", "test_seen", 2, 50.0, "points")])
    attempt.publish(1.0)
    assert ledger.sync(made_store).problems == ()
    assert rows(made_store, "select * from records where split like 'test%'") == []


def test_a_revealed_phase_that_leaves_its_edition_is_sealed_again(made_store: Store) -> None:
    ledger.sync(made_store)
    ledger.reveal(made_store, made.EDITION, "me", "study reveal")
    ledger.sync(made_store)
    made.write_plan(made_store, levels=(1, 5))
    ledger.sync(made_store)
    dropped = key_of(made.contents(20, 0)["joint"])
    assert rows(made_store, f"select distinct split from records where key = '{dropped}' order by all") == [
        ("train",), ("val_seen",), ("val_unseen",)
    ]  # fmt: skip


def test_failures_show_what_went_wrong_until_it_is_mended(made_store: Store) -> None:
    made.write_plan(made_store, seeds=(9,))
    failed, stopped = open_attempt(made_store, 1), open_attempt(made_store, 5)
    failed.fail(RuntimeError("out of memory"))
    stopped.stop("preempted")
    ledger.sync(made_store)
    shown = "select arm, phase, attempt, state, error, log from failures order by arm"
    assert rows(made_store, shown) == [
        ("count=1", "joint", 1, "failed", "RuntimeError: out of memory", f"runs/{failed.key}/1/log.txt"),
        ("count=5", "joint", 1, "stopped", "preempted", f"runs/{stopped.key}/1/log.txt"),
    ]
    made.train(made_store, made.contents(1, 9)["joint"])
    ledger.sync(made_store)
    assert [arm for arm, *_ in rows(made_store, shown)] == ["count=5"]
    history = f"select attempt, state from runs where key = '{failed.key}' order by attempt"
    assert rows(made_store, history) == [(1, "failed"), (2, "done")]


def test_an_attempt_that_fails_after_another_one_was_published_is_no_news(made_store: Store) -> None:
    impatient = Store(made_store.root, alive=lambda owner: False)
    content = made.contents(5, 9)["joint"]
    first, second = open_attempt(impatient), open_attempt(impatient)
    made.measure(second, content)
    second.publish(1.0)
    ledger.sync(made_store)
    before = dump(made_store, ("runs",))
    time.sleep(0.002)  # timestamps have milliseconds
    first.fail(RuntimeError("its folder is gone"))
    made_store.database.unlink()
    ledger.sync(made_store)
    assert dump(made_store, ("runs",)) == before


def test_a_pruned_trial_stays_marked_when_another_edition_finishes_its_key(made_store: Store) -> None:
    for edition in (made.EDITION, "other"):
        made.write_plan(made_store, edition, levels=(5,), seeds=(9,))
    pruned = open_attempt(made_store)
    with RecordWriter(pruned.records) as writer:
        writer.write([Record("loss", "train", 1, 0.5)])
    pruned.prune(made.EDITION, step=1, reason="hopeless")
    ledger.sync(made_store)
    assert rows(made_store, "select edition, step, pruned from curves where seed = 9 order by all") == [
        ("other", 1, False), (made.EDITION, 1, True)
    ]  # fmt: skip
    assert rows(made_store, "select * from finals where seed = 9") == []
    made.train(made_store, made.contents(5, 9)["joint"])
    ledger.sync(made_store)
    assert rows(made_store, "select distinct edition, pruned from finals where seed = 9 order by all") == [
        ("other", False), (made.EDITION, True)
    ]  # fmt: skip


def test_records_of_a_killed_attempt_are_not_counted_twice(made_store: Store) -> None:
    first = open_attempt(made_store)
    with RecordWriter(first.records) as writer:
        writer.write(Record("seconds", "train", step, 1.0, "s") for step in (1, 2))
    first.stop("preempted")
    ledger.sync(made_store)
    content = made.contents(5, 9)["joint"]
    second = open_attempt(made_store)
    made.measure(second, content)
    second.publish(1.0)
    ledger.sync(made_store)
    taken = f"select distinct attempt from records where key = '{first.key}'"
    assert rows(made_store, taken) == [(2,)]
    assert rows(made_store, f"select seconds, epochs from runs where key = '{first.key}' and state = 'done'") == [
        (1.0, 2)
    ]


def test_a_diverged_loss_stays_visible(made_store: Store) -> None:
    attempt = open_attempt(made_store)
    with RecordWriter(attempt.records) as writer:
        writer.write([Record("loss", "train", 1, float("nan")), Record("loss", "train", 2, float("inf"))])
    with attempt.records.open("a") as file:
        file.write('{"metric":"loss","split":"tra')
    attempt.fail(RuntimeError("diverged"))
    ledger.sync(made_store)
    assert rows(made_store, f"select step, value::text from records where key = '{attempt.key}' order by step") == [
        (1, "nan"), (2, "inf")
    ]  # fmt: skip


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
    assert rows(made_store, "select count(*) from finals") == [(10,)]
    assert rows(made_store, "select arm, seed, state from failures") == [("count=5", 0, "damaged")]
    shutil.rmtree(made_store.runs / key)
    shutil.copytree(backup, made_store.runs / key)
    assert ledger.sync(made_store).problems == ()
    assert rows(made_store, "select count(*) from finals") == [(12,)]


def test_sealed_files_are_proved_when_they_are_opened(made_store: Store) -> None:
    attempt = made_store.result(key_of(made.contents(5, 0)["joint"]))
    assert attempt is not None
    attempt.sealed.write_text("".join(attempt.sealed.read_text().splitlines(keepends=True)[:-1]))
    assert ledger.sync(made_store).problems == ()
    ledger.reveal(made_store, made.EDITION, "me", "study reveal")
    synced = ledger.sync(made_store)
    assert synced.opened == 7
    assert "sealed.jsonl: holds 9 whole records, but 10 were published" in synced.problems[0]


def test_an_edition_that_cannot_be_read_is_named_and_the_others_go_on(made_store: Store) -> None:
    made.write_plan(made_store, "other", levels=(1,))
    replace_json(made_store.editions / "other" / "plan.json", {"edition": "other"})
    for _ in range(2):
        (problem,) = ledger.sync(made_store).problems
        assert "editions/other: the plan or a claim lacks a part" in problem
    assert rows(made_store, "select distinct edition from finals") == [(made.EDITION,)]


def test_a_reader_keeps_what_it_opened_while_others_sync(made_store: Store) -> None:
    ledger.sync(made_store)
    with ledger.connect(made_store) as reader, made_store.database.open("rb") as file:
        content = file.read()
        before = reader.execute("select count(*) from runs").fetchall()
        made.train(made_store, made.contents(5, 9)["rgb"])
        ledger.sync(made_store)
        assert reader.execute("select count(*) from runs").fetchall() == before == [(8,)]
        file.seek(0)
        assert file.read() == content
        assert rows(made_store, "select count(*) from runs") == [(9,)]


def sync_often(root: Path, times: int) -> None:
    for _ in range(times):
        ledger.sync(Store(root))


def test_two_syncs_at_once_make_the_same_database(made_store: Store) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=sync_often, args=(made_store.root, 5)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for seed in range(20, 26):
        made.train(made_store, made.contents(5, seed)["rgb"])
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    ledger.sync(made_store)
    assert rows(made_store, "select count(*), count(distinct key) from runs") == [(14, 14)]
    together = dump(made_store)
    made_store.database.unlink()
    ledger.sync(made_store)
    assert dump(made_store) == together


def test_a_sync_that_waits_says_so(made_store: Store) -> None:
    said: list[str] = []
    with ledger._lock(made_store.root / "study.lock", said.append):
        waiting = threading.Thread(target=ledger.sync, args=(made_store, said.append))
        waiting.start()
        while not said:
            time.sleep(0.01)
    waiting.join()
    assert "another sync is at work; waiting for it" in said[0]
    assert rows(made_store, "select count(*) from runs") == [(8,)]


@pytest.mark.parametrize("content", [b"", b"no database" * 1000])
def test_a_damaged_database_is_made_anew(made_store: Store, content: bytes) -> None:
    made_store.database.write_bytes(content)
    (made_store.root / "study.duckdb.1.tmp").write_bytes(b"killed")
    assert ledger.sync(made_store).runs == 8
    assert sorted(path.name for path in made_store.root.glob("study.*")) == ["study.duckdb", "study.lock"]


def test_a_store_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no store yet.*Run one .*\$STUDY_HOME"):
        ledger.sync(Store(tmp_path / "store"))
    assert not (tmp_path / "store").exists()


def test_a_store_of_a_newer_version_is_refused(made_store: Store) -> None:
    (made_store.root / "VERSION").write_text("2")
    with pytest.raises(StoreError, match="newer version"):
        ledger.sync(made_store)


FULL = """
import sys
from pathlib import Path
from results import ledger
from results.attempt import Store
from results.files import StoreError
store = Store(Path(sys.argv[1]) / "store")
store.root.mkdir()
for name in ("VERSION", "runs", "editions"):
    (store.root / name).symlink_to(Path(SOURCE) / name)
try:
    ledger.sync(store)
except StoreError as error:
    print(str(error).replace("\\n", " "))
print(sorted(path.name for path in store.root.glob("study.*")))
"""


def test_a_full_disk_is_named_and_no_half_database_is_left(
    made_store: Store, run_on_small_disk: Callable[[str], str]
) -> None:
    message, names = run_on_small_disk(FULL.replace("SOURCE", repr(str(made_store.root)))).splitlines()
    assert "study.duckdb: cannot be brought up to date" in message
    assert "The database is as it was" in message
    assert "Free some space (`study clean --dry-run` lists what may go), then `study sync`" in message
    assert names == "['study.lock']"
