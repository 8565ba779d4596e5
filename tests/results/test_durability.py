"""A power cut keeps what was said to be there: bytes, and then the names that lead to them, are synced before."""

import os
from pathlib import Path

import pytest

from results.attempt import PUBLISHED, TRAINED, Store
from results.files import put_json, replace_json
from tests import made_store


class Disk:
    """What would be left if the power went now: files whose bytes, and folders whose names, were synced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes: dict[int, int] = {}
        self.names: dict[Path, set[str]] = {}
        self.at_publication: tuple[dict[int, int], dict[Path, set[str]]] | None = None
        sync, link = os.fsync, os.link

        def fsync(descriptor: int) -> None:
            sync(descriptor)
            path, state = Path(os.readlink(f"/proc/self/fd/{descriptor}")), os.fstat(descriptor)
            if path.is_dir():
                self.names[path] = {entry.name for entry in path.iterdir()}
            else:
                self.bytes[state.st_ino] = state.st_size

        def linked(source: Path, target: Path) -> None:
            if target.name == "done.json":
                self.at_publication = dict(self.bytes), dict(self.names)
            link(source, target)

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "link", linked)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_all_files_of_a_result_and_their_names_are_on_the_disk_before_it_is_published(
    tmp_path: Path, disk: Disk
) -> None:
    attempt = made_store.train(Store(tmp_path.resolve()), made_store.contents(5, 0)["joint"])
    assert attempt is not None
    assert disk.at_publication is not None
    sizes, names = disk.at_publication
    paths = [attempt.folder / name for name in (*PUBLISHED, *TRAINED, "sealed.jsonl")]
    assert [path.name for path in paths if sizes.get(path.stat().st_ino) != path.stat().st_size] == []
    assert names[attempt.folder] >= {path.name for path in paths}
    assert "done.json" in disk.names[attempt.folder.parent]


def test_a_claim_and_the_settings_it_is_for_are_on_the_disk_before_work_begins(tmp_path: Path, disk: Disk) -> None:
    attempt = made_store.open_attempt(Store(tmp_path.resolve()))
    assert disk.names[attempt.folder] >= {"settings.json", "claim.json"}


def test_a_file_that_is_put_needs_its_folder_synced_and_one_that_is_replaced_does_not(
    tmp_path: Path, disk: Disk
) -> None:
    folder = tmp_path.resolve()
    put_json(folder / "put.json", 1)
    assert disk.names == {}
    replace_json(folder / "replaced.json", 1)
    assert disk.names == {folder: {"put.json", "replaced.json"}}
