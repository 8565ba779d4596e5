"""What is refused before anything is submitted."""

from pathlib import Path

import pytest

from study.executor.cluster import Cluster
from study.fitting import PlanError
from study.preparation import Request, prepare
from study.submitting import refuse_idle_processes
from tests.made_spec import SPEC


def test_more_processes_than_a_batch_has_clips_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(SPEC)
    phases = list(prepare(Request(str(tmp_path / "asked.yaml"), overrides={"optim.batch": 6})).plan.phases.values())
    refuse_idle_processes(phases, Cluster(nodes=2, tasks_per_node=3))
    refuse_idle_processes([], Cluster(nodes=2, tasks_per_node=4))
    with pytest.raises(PlanError, match=r"optim.batch: 6 clips for 8 processes \(nodes 2 x tasks_per_node 4"):
        refuse_idle_processes(phases, Cluster(nodes=2, tasks_per_node=4))
