"""The views: one row for each thing they are named after, and no edition mixed with another."""

from pathlib import Path

import duckdb
import pytest

from results import ledger, query
from results.attempt import Store
from results.files import replace_json
from results.record import Record, RecordWriter
from study.key import key_of
from tests import made_store as made


def test_every_trial_has_one_row_for_each_validation_split(made_store: Store) -> None:
    assert str(ledger.sync(made_store)) == "read 8 runs and 1 editions anew, opened the test splits of 0 runs"
    finals = query.query(made_store, "from finals order by arm, seed, split")
    assert finals.columns == [
        "study", "edition", "profile", "data", "arm", "is_control", "seed", "replicate", "split", "step",
        "model.tokens.count", "map", "loss", "ap.back", "ap.legs", "ap.neck", "seconds", "peak_memory_bytes",
        "parameters", "latency_ms", "latency_spread_ms", "inference_memory_bytes", "gflops", "key", "commit", "pruned",
    ]  # fmt: skip
    assert finals.height == 3 * 2 * 2
    first = finals.row(0, named=True)
    assert (first["arm"], first["seed"], first["split"], first["step"]) == ("count=1", 0, "val_seen", 2)
    assert first["map"] == pytest.approx((first["ap.back"] + first["ap.legs"] + first["ap.neck"]) / 3)
    assert (first["seconds"], first["parameters"], first["pruned"]) == (2.0, 1000, False)
    assert set(finals["is_control"].to_list()) == {True, False}


def test_a_phase_that_trials_share_is_stored_once_and_its_cost_is_shared(made_store: Store) -> None:
    ledger.sync(made_store)
    assert made.rows(made_store, "select count(*), count(distinct key) from runs") == [(8, 8)]
    shares = made.rows(made_store, "select distinct phase, shared_by from costs order by all")
    assert shares == [("joint", 1), ("rgb", 3)]
    assert made.rows(made_store, "select round(sum(seconds / shared_by), 9), sum(seconds) from costs") == [(8.0, 12.0)]


def test_editions_that_share_phases_keep_their_own_rows(made_store: Store) -> None:
    made.make_store(made_store.root, edition="other", levels=(5, 40), seeds=(0,))
    ledger.sync(made_store)
    assert made.rows(made_store, "select edition, count(*) from finals group by all order by all") == [
        ("other", 4), ("token_count_sweep", 12)
    ]  # fmt: skip
    shared = "select edition, is_control, map from finals where arm = 'count=5' and seed = 0 and split = 'val_seen'"
    (_, _, one), (_, _, other) = made.rows(made_store, shared)
    assert one == other


def test_only_finished_trials_appear_in_finals(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    made.write_plan(store, seeds=(0,))
    made.train(store, made.contents(5, 0)["rgb"])
    ledger.sync(store)
    assert made.rows(store, "select * from finals") == []
    made.train(store, made.contents(5, 0)["joint"])
    ledger.sync(store)
    assert made.rows(store, "select distinct arm from finals") == [("count=5",)]


def test_factors_of_all_editions_are_columns_with_types_that_hold_their_levels(made_store: Store) -> None:
    levels = [
        {"model.fusion": "mctf", "optim.lr": 1, "a.flag": True},
        {"model.fusion": None, "optim.lr": 0.5, "a.flag": False},
    ]
    arms = [
        {"name": made.arm_name(level), "is_control": level == 1, "levels": factors, "replicate": 0, "weights": []}
        for level, factors in zip((1, 5), levels, strict=True)
    ]
    made.write_plan(made_store, "mixed", levels=(1, 5), arms=arms)
    ledger.sync(made_store)
    finals = query.query(made_store, "from finals")
    kinds = {name: str(finals.schema[name]) for name in ("model.fusion", "optim.lr", "a.flag", "model.tokens.count")}
    assert kinds == {
        "model.fusion": "String",
        "optim.lr": "Float64",
        "a.flag": "Boolean",
        "model.tokens.count": "Int64",
    }
    factors = '"model.fusion", "optim.lr", "a.flag", "model.tokens.count"'
    picked = f"select distinct {factors} from finals where edition = 'mixed'"
    assert sorted(made.rows(made_store, picked), key=str) == [("mctf", 1.0, True, None), (None, 0.5, False, None)]


def test_labels_that_differ_in_case_share_a_column(made_store: Store) -> None:
    made.write_plan(made_store, "shouted", levels=(1,), labels=["NECK", "o'neill"])
    ledger.sync(made_store)
    columns = query.query(made_store, "from finals").columns
    assert [name for name in columns if name.startswith("ap.")] == ["ap.NECK", "ap.back", "ap.legs", "ap.o'neill"]
    assert made.rows(made_store, "select count(\"ap.neck\") from finals where edition = 'token_count_sweep'") == [(12,)]


def test_failures_show_what_went_wrong_until_it_is_mended(made_store: Store) -> None:
    made.write_plan(made_store, seeds=(9,))
    failed, stopped = made.open_attempt(made_store, 1), made.open_attempt(made_store, 5)
    failed.fail(RuntimeError("out of memory"))
    stopped.stop("preempted")
    ledger.sync(made_store)
    shown = "select arm, phase, attempt, state, error, log from failures order by arm"
    assert made.rows(made_store, shown) == [
        ("count=1", "joint", 1, "failed", "RuntimeError: out of memory", f"runs/{failed.key}/1/log.txt"),
        ("count=5", "joint", 1, "stopped", "preempted", f"runs/{stopped.key}/1/log.txt"),
    ]
    made.train(made_store, made.contents(1, 9)["joint"])
    ledger.sync(made_store)
    assert [arm for arm, *_ in made.rows(made_store, shown)] == ["count=5"]
    history = f"select attempt, state from runs where key = '{failed.key}' order by attempt"
    assert made.rows(made_store, history) == [(1, "failed"), (2, "done")]


def test_a_pruned_trial_stays_marked_when_another_edition_finishes_its_key(made_store: Store) -> None:
    for edition in (made.EDITION, "other"):
        made.write_plan(made_store, edition, levels=(5,), seeds=(9,))
    pruned = made.open_attempt(made_store)
    with RecordWriter(pruned.records) as writer:
        writer.write([Record("loss", "train", 1, 0.5)])
    pruned.prune(made.EDITION, made.read_plan(made_store)["claim_hash"], step=1, reason="hopeless")
    ledger.sync(made_store)
    assert made.rows(made_store, "select edition, step, pruned from curves where seed = 9 order by all") == [
        ("other", 1, False), (made.EDITION, 1, True)
    ]  # fmt: skip
    assert made.rows(made_store, "select * from finals where seed = 9") == []
    made.train(made_store, made.contents(5, 9)["joint"])
    ledger.sync(made_store)
    assert made.rows(made_store, "select distinct edition, pruned from finals where seed = 9 order by all") == [
        ("other", False), (made.EDITION, True)
    ]  # fmt: skip
    drawn = "select edition, max(step), bool_and(pruned) from curves where seed = 9 and phase = 'joint' group by 1"
    assert made.rows(made_store, f"{drawn} order by all") == [("other", 2, False), (made.EDITION, 1, True)]


def test_what_inference_costs_is_a_row_of_its_own_split(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    content = made.contents(5, 0)["rgb"] | {"kind": "profile"}
    key = key_of(content)
    trial = {"arm": "count=5", "seed": 0, "replicate": 0, "phases": {"profile": key}, "final": key}
    phase = {"kind": "profile", "seed": 0, "epochs": 0, "clips": 0, "parents": {}}
    made.write_plan(store, levels=(5,), seeds=(0,), trials=[trial], phases={key: phase})
    attempt = made.claim(store, content)
    assert attempt is not None
    with RecordWriter(attempt.records) as writer:
        writer.write(Record("latency", "inference", repeat, 8.0 + repeat, "ms") for repeat in (1, 2, 3))
        numbers = {"latency_median": 10.0, "latency_spread": 1.0, "peak_memory": 3e6, "gflops": 0.1}
        writer.write(Record(metric, "inference", 3, value) for metric, value in numbers.items())
    replace_json(attempt.provenance, {"parameters": 1000, "device": "cpu, a processor", "peak_memory_bytes": 2**30})
    assert attempt.publish(1.5, files=())
    assert str(ledger.sync(store)).startswith("read 1 runs")
    (row,) = query.query(store, "from finals").to_dicts()
    shown = [row[name] for name in ("split", "map", "loss", "seconds", "pruned")]
    assert shown == ["inference", None, None, 1.5, False]
    assert [row[name] for name in ("latency_ms", "latency_spread_ms", "inference_memory_bytes", "gflops")] == [
        10.0, 1.0, 3e6, 0.1,
    ]  # fmt: skip
    assert (row["parameters"], row["peak_memory_bytes"]) == (1000, 2**30)
    assert made.rows(store, "select epochs from runs") == [(0,)]
    repeats = made.rows(store, "select value from curves where metric = 'latency' order by step")
    assert repeats == [(9.0,), (10.0,), (11.0,)]


def differences(store: Store, undo: str = "") -> list[tuple[object, ...]]:
    ledger.sync(store)
    with duckdb.connect(str(store.database)) as connection:
        if undo:
            connection.execute(undo)
        return connection.execute("select arm, seed, split, difference from differences order by all").fetchall()


def test_differences_are_those_of_finals_seed_by_seed(made_store: Store) -> None:
    found = differences(made_store)
    with duckdb.connect(str(made_store.database)) as connection:
        expected = connection.execute(
            "select arm.arm, arm.seed, arm.split, arm.map - control.map from finals as arm "
            "join finals as control using (edition, seed, split) where control.is_control and not arm.is_control "
            "order by all"
        ).fetchall()
    assert found == expected != []


@pytest.mark.parametrize(
    "undo",
    [
        "delete from records where metric = 'map' "
        "and key = (select final from trials where arm = 'count=20' and seed = 0)",
        "update records set value = 'nan' where metric = 'map' "
        "and key = (select final from trials where arm = 'count=20' and seed = 0)",
        "insert into runs by name select final as key, 9 as attempt, 'pruned' as state, claim_hash as pruned_claim "
        "from trials join editions using (edition) where arm = 'count=20' and seed = 0",
    ],
    ids=["missing", "not a number", "pruned"],
)
def test_without_one_of_its_terms_a_difference_has_no_row(made_store: Store, undo: str) -> None:
    assert {row[1] for row in differences(made_store)} == {0, 1}
    assert {row[1] for row in differences(made_store, undo)} == {1}
