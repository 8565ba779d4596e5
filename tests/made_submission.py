"""Submissions as they lie in a store, made without SLURM."""

from collections.abc import Sequence
from pathlib import Path

from results.attempt import Store
from study.executor import submission
from study.executor.submission import Array, Asked, Submission
from tests.made_store import EDITION

ASKED: Asked = {"name": "s", "profile": None, "data": None, "overrides": {}, "skip_bad": False, "cluster": None}


def make_submission(store: Store, *arrays: tuple[str | None, Sequence[str]], edition: str = EDITION) -> Path:
    """Note a submission of arrays, SLURM's number and keys of each; give its folder."""
    folder = submission.make_folder(store)
    own: list[Array] = [
        {"name": submission.name_of(folder.name, number), "job": job, "keys": list(keys)}
        for number, (job, keys) in enumerate(arrays)
    ]
    said = Submission(token=folder.name, edition=edition, asked=ASKED, code="", command="", user="", at="", arrays=own)
    submission.write(folder, said)
    return folder
