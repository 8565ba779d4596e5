"""Reading what was submitted, while others clean up."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from results.attempt import Store
from results.files import read_json
from study.executor import submission
from tests.made_submission import make_submission


def test_a_submission_that_goes_while_others_are_read_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    first, second = make_submission(store), make_submission(store)

    def read_while_cleaning(path: Path) -> Any:
        shutil.rmtree(second, ignore_errors=True)
        return read_json(path)

    monkeypatch.setattr(submission, "read_json", read_while_cleaning)
    assert [one["token"] for one in submission.read_all(store)] == [first.name]
