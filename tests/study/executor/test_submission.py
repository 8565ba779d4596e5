"""Reading what was submitted, while others clean up."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from results.attempt import Store
from results.files import read_json
from study.executor import submission


def submit(store: Store) -> Path:
    folder = submission.make_folder(store)
    asked = submission.Asked(name="s", profile=None, data=None, overrides={}, skip_bad=False, cluster=None)
    said = {"token": folder.name, "edition": "s", "code": "", "command": "", "user": "", "at": ""}
    submission.write(folder, submission.Submission(asked=asked, arrays=[], **said))  # type: ignore[typeddict-item]
    return folder


def test_a_submission_that_goes_while_others_are_read_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    first, second = submit(store), submit(store)

    def read_while_cleaning(path: Path) -> Any:
        shutil.rmtree(second, ignore_errors=True)
        return read_json(path)

    monkeypatch.setattr(submission, "read_json", read_while_cleaning)
    assert [one["token"] for one in submission.read_all(store)] == [first.name]
