"""A disk that refuses is named with what to do about it, and what was written before stays whole."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from results.files import StoreError, canonical, jsonable, link_json, read_json, rename, replace_json


def test_json_is_replaced_in_one_step_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    for content in ({"a": 1}, {"b": "ü"}):
        replace_json(path, content)
        assert read_json(path) == content
    assert list(tmp_path.iterdir()) == [path]


def test_json_that_is_written_once_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "done.json"
    assert link_json(path, 1)
    assert not link_json(path, 2)
    assert read_json(path) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_network_file_system_does_twice_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(do: Callable[..., None], error: OSError) -> Callable[..., None]:
        def done_and_refused(*paths: Path) -> None:
            do(*paths)
            raise error

        return done_and_refused

    monkeypatch.setattr(os, "link", twice(os.link, FileExistsError("the first reply was lost")))
    monkeypatch.setattr(os, "replace", twice(os.replace, FileNotFoundError("the first reply was lost")))
    path = tmp_path / "done.json"
    assert link_json(path, 1)
    replace_json(path, 2)
    assert read_json(path) == 2
    assert list(tmp_path.iterdir()) == [path]


def test_a_rename_that_never_was_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*paths: Path) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(os, "replace", never)
    for name in "ab":
        (tmp_path / name).write_text(name)
    with pytest.raises(FileNotFoundError):
        rename(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "b"


def test_a_file_that_is_no_json_is_named_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "done.json").write_text('{"attempt":')
    with pytest.raises(StoreError, match=r"done\.json: is not JSON .*holds 11 bytes.*Restore"):
        read_json(tmp_path / "done.json")


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot write: there is no such folder \(ENOENT\).*intact.*run again"):
        replace_json(tmp_path / "gone" / "plan.json", {})


FULL = """
import sys
from pathlib import Path
from results.attempt import Store
from results.files import StoreError
from results.owner import Owner
from results.record import Record, RecordWriter, read_records
store = Store(Path(sys.argv[1]) / "store")
attempt = store.claim("k", {"key": "k"}, Owner.current())
writer = RecordWriter(attempt.records)
writer.write([Record("loss", "train", 1, 0.5)])
(Path(sys.argv[1]) / "ballast").write_bytes(bytes(200_000))
for act in (
    lambda: writer.write([Record("loss", "train", 2, 0.5)] * 5000),
    lambda: attempt.stop("x" * 100_000),
    lambda: store.claim("l" , {"key": "l" * 100_000}, Owner.current()),
):
    try:
        act()
    except StoreError as error:
        print(error)
print([record.step for record in read_records(attempt.records)])
(Path(sys.argv[1]) / "ballast").unlink()
writer.write([Record("loss", "train", 2, 0.5)])
print([record.step for record in read_records(attempt.records)], list(store.root.rglob("*.tmp")))
"""


def test_a_full_disk_is_named_and_costs_nothing_that_was_there(run_on_small_disk: Callable[[str], str]) -> None:
    *messages, before, after = run_on_small_disk(FULL).splitlines()
    assert len(messages) == 3
    for message, name in zip(messages, ("records.jsonl", "stopped.json", "settings.json"), strict=True):
        assert f"{name}: cannot write: the disk is full (ENOSPC)" in message
        assert "What was published before is intact. Free some space (`study clean --dry-run`" in message
    assert (before, after) == ("[1]", "[1, 2] []")


READ_ONLY = """
import subprocess, sys
from pathlib import Path
from results import ledger
from results.attempt import Store
from results.files import StoreError
from results.owner import Owner
store = Store(Path(sys.argv[1]) / "store")
store.prepare()
subprocess.run(["mount", "-o", "remount,ro", sys.argv[1]], check=True)
for act in (lambda: store.claim("k", {"key": "k"}, Owner.current()), lambda: ledger.sync(store)):
    try:
        act()
    except StoreError as error:
        print(error)
"""


def test_a_read_only_store_is_named_by_whoever_writes(run_on_small_disk: Callable[[str], str]) -> None:
    messages = run_on_small_disk(READ_ONLY).splitlines()
    assert len(messages) == 2
    for message in messages:
        assert "cannot write: the file system is read-only (EROFS)" in message
        assert "Point $STUDY_HOME at a folder you may write to, then run again" in message


def test_what_json_has_no_form_for_becomes_null_or_a_list() -> None:
    value = {0: (1, float("nan")), "b": {"c": [float("-inf"), 0.5, True, None, "text"]}}
    assert jsonable(value) == {"0": [1, None], "b": {"c": [None, 0.5, True, None, "text"]}}


def test_what_is_hashed_has_one_form() -> None:
    assert canonical({"b": [1, 2.5], "a": None}) == canonical({"a": None, "b": [1, 2.5]}) == '{"a":null,"b":[1,2.5]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"lr": float("nan")})
