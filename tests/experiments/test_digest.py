"""Digests of files and their memory."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments import digest


@pytest.fixture(autouse=True)
def _fresh_memory() -> Iterator[None]:
    known, files = dict(digest._known), list(digest._files)
    digest._known.clear()
    digest._files.clear()
    yield
    digest._known.clear()
    digest._known.update(known)
    digest._files[:] = files


def test_a_digest_is_that_of_the_content_and_a_missing_file_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")

    digests = digest.of_files([path, tmp_path / "gone"])

    assert digests == {path: hashlib.sha256(b"content").hexdigest(), tmp_path / "gone": "missing"}


def test_changed_content_changes_the_digest(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    before = digest.of_files([path])
    path.write_bytes(b"three")

    assert digest.of_files([path]) != before


def test_digests_in_a_folder_outlive_the_process(tmp_path: Path) -> None:
    path, folder = tmp_path / "a", tmp_path / "cache"
    path.write_bytes(b"content")
    digest.remember_in(folder)
    digest.of_files([path])
    mark = next(iter(json.loads((folder / digest.FILE).read_text())))
    (folder / digest.FILE).write_text(json.dumps({mark: "remembered"}))

    digest._known.clear()
    digest.remember_in(folder)

    assert digest.of_files([path]) == {path: "remembered"}


@pytest.mark.parametrize("content", ["", "{torn", "[1]"])
def test_a_spoilt_memory_is_forgotten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    (tmp_path / digest.FILE).write_text(content)

    digest.remember_in(tmp_path)

    assert digest.of_files([path]) == {path: hashlib.sha256(b"content").hexdigest()}
