"""Options that say nothing where phases run are refused, and so is SLURM where there is none."""

from pathlib import Path

import pytest

from models.errors import UserError
from study.cli_slurm import Executor, refuse_options
from study.executor import inspection


@pytest.mark.parametrize(
    ("on", "given", "said"),
    [
        (Executor.local, {"cluster": "lab"}, "--cluster: this is about this machine. Give --on slurm too"),
        (Executor.slurm, {"cluster": None, "workers": 2}, "--workers: SLURM decides"),
    ],
)
def test_an_option_that_says_nothing_is_refused(on: Executor, given: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        refuse_options(on, **given)  # type: ignore[arg-type]


def test_a_machine_without_slurm_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = inspection.examine(None)
    assert not finding.fine
    assert "missing: sbatch, squeue" in finding.found
