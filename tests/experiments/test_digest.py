"""Digests of files and their memory."""

import hashlib
import json
from pathlib import Path

import pytest

from experiments.digest import FILE, Digests


def test_a_digest_is_that_of_the_content_and_a_missing_file_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")

    digests = Digests().of_files([path, tmp_path / "gone"])

    assert digests == {path: hashlib.sha256(b"content").hexdigest(), tmp_path / "gone": "missing"}
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_changed_content_changes_the_digest(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    before = Digests(tmp_path).of_files([path])
    path.write_bytes(b"three")

    assert Digests(tmp_path).of_files([path]) != before


def test_what_is_remembered_is_not_read_again(tmp_path: Path) -> None:
    path, other, folder = tmp_path / "a", tmp_path / "b", tmp_path / "cache"
    path.write_bytes(b"content")
    other.write_bytes(b"other")
    folder.mkdir()
    Digests(folder).of_files([path])
    mark = next(iter(json.loads((folder / FILE).read_text())))
    (folder / FILE).write_text(json.dumps({mark: "remembered"}))

    found = Digests(folder).of_files([path, other])

    assert found == {path: "remembered", other: hashlib.sha256(b"other").hexdigest()}
    assert len(json.loads((folder / FILE).read_text())) == 2
    assert Digests().of_files([path]) == {path: hashlib.sha256(b"content").hexdigest()}


@pytest.mark.parametrize("content", ["", "{torn", "[1]"])
def test_a_spoilt_memory_is_forgotten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    (tmp_path / FILE).write_text(content)

    assert Digests(tmp_path).of_files([path]) == {path: hashlib.sha256(b"content").hexdigest()}


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("content")
    Digests(tmp_path / "cache").of_files([path])
    assert not (tmp_path / "cache").exists()
