"""A file of weights is known by its content: paths, folders and times change no key."""

import os
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from models.build import BaselineModel, ModelSettings
from models.settings import key_content
from models.weights import WeightsError
from models.weights_file import WeightsFile


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a.pth").write_bytes(b"weights")
    return tmp_path / "a.pth"


def named(path: object) -> WeightsFile:
    found = ModelSettings.model_validate({"weights": path}).weights
    assert found is not None
    return found


def test_the_key_holds_the_content_and_not_the_path(file: Path) -> None:
    moved = Path(shutil.copy(file, file.with_name("b.pth")))
    first, second = (key_content(ModelSettings.model_validate({"weights": str(path)})) for path in (file, moved))
    assert first == second
    assert first["weights"] == {"digest": named(file).digest}
    moved.write_bytes(b"others")
    assert key_content(ModelSettings.model_validate({"weights": str(moved)})) != first
    assert key_content(ModelSettings())["weights"] is None


def test_a_path_starts_from_the_working_directory_or_the_home_folder(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    monkeypatch.setenv("HOME", str(file.parent))
    assert named("a.pth") == named("~/a.pth") == named(file)
    assert named("a.pth").path == file
    assert str(named("a.pth")) == f"a.pth-{named(file).digest[:12]}"


def test_a_digest_alone_is_enough_to_know_a_phase_and_not_to_find_the_file(file: Path) -> None:
    known = named({"digest": named(file).digest})
    assert known.path is None
    with pytest.raises(WeightsError, match=r"no file is named: give its path"):
        known.found()


def test_a_file_that_was_changed_is_told(file: Path) -> None:
    planned = named(file)
    assert planned.found() == file
    file.write_bytes(b"others!")
    with pytest.raises(WeightsError, match=r"a\.pth: was changed since the study was planned.*run the study again"):
        planned.found()
    file.unlink()
    with pytest.raises(WeightsError, match=r"a\.pth: no such file of weights"):
        planned.found()


def test_a_file_is_read_once_as_long_as_its_size_and_time_stay(file: Path) -> None:
    before, state = named(file), file.stat()
    file.write_bytes(b"WEIGHTS")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert named(file) == before
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert named(file) != before


@pytest.mark.parametrize("wrong", [3, True, ["a.pth"], {"path": "a.pth"}])
def test_anything_but_a_path_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError, match=r"must be the path of a file of weights, or null"):
        ModelSettings.model_validate({"weights": wrong})


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"none\.pth: no such file of weights"):
        ModelSettings.model_validate({"weights": str(tmp_path / "none.pth")})
    with pytest.raises(ValidationError, match=r"no readable file of weights \(Is a directory\)"):
        BaselineModel.model_validate({"baseline": {"name": "r3d_18", "weights": str(tmp_path)}})


@pytest.mark.parametrize("name", ["random", "label_frequency", "all_active", "none"])
def test_an_estimate_without_training_starts_from_no_file(name: str, file: Path) -> None:
    with pytest.raises(ValidationError, match="weights"):
        BaselineModel.model_validate({"baseline": {"name": name, "weights": str(file)}})
