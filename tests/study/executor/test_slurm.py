"""What is submitted together, what a job sees of the environment, and what stays out of it; no cluster is needed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from study.executor import options, slurm, snapshot
from study.executor.cluster import Cluster
from study.executor.snapshot import ChangedCode
from study.preparation import Prepared, Request, prepare
from tests.made_spec import SPEC


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(SPEC)
    return prepare(Request(str(tmp_path / "asked.yaml")))


def test_phases_with_equal_parents_are_one_array_and_parents_come_first(prepared: Prepared) -> None:
    phases = list(prepared.plan.phases.values())
    groups = slurm.groups(phases, {}, 100)
    assert [(len(group.parents), len(group.phases)) for group in groups] == [(0, 4), (2, 1), (2, 1)]
    assert {phase.kind for phase in groups[0].phases} == {"rgb", "sender"}


def test_an_array_is_no_larger_than_slurm_allows(prepared: Prepared) -> None:
    groups = slurm.groups(list(prepared.plan.phases.values()), {}, 3)
    assert [len(group.phases) for group in groups] == [3, 1, 1, 1]


def test_what_is_done_is_waited_for_by_nobody_and_what_is_queued_is(prepared: Prepared) -> None:
    joints = [phase for phase in prepared.plan.phases.values() if phase.kind == "joint"]
    assert [group.parents for group in slurm.groups(joints, {}, 100)] == [()]
    queued = dict.fromkeys(joints[0].parents.values(), None)
    parents = [group.parents for group in slurm.groups(joints, queued, 100)]
    assert sorted(parents) == [(), tuple(sorted(queued))]


MIXED = SPEC.replace("control: {model.tokens.count: 2}", "control: {model.baseline: none}").replace(
    "model.tokens.count: [1, 2]", "model.baseline: [none, r3d_18, mvit_v2_s]"
)


@pytest.mark.skipif(shutil.which("srun") is None, reason="submitit wants SLURM's srun to be there")
def test_several_processes_train_what_can_be_divided_and_one_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(MIXED)
    asked = prepare(Request(str(tmp_path / "asked.yaml")))
    cluster, by_nodes = Cluster(nodes=2, tasks_per_node=3), {}
    for group in slurm.groups(list(asked.plan.phases.values()), {}, 100):
        text = slurm.executor_of(
            tmp_path, tmp_path, slurm.for_group(cluster, group), "a", {}
        )._make_submission_file_text("true", "1")
        nodes, tasks = (re.search(rf"--{word}=(\d+)", text) for word in ("nodes", "ntasks-per-node"))
        assert nodes
        assert tasks
        by_nodes.setdefault((nodes[1], tasks[1]), []).extend(phase.kind for phase in group.phases)
        assert "--kill-on-bad-exit=1" in text
    assert {size: sorted(kinds) for size, kinds in by_nodes.items()} == {
        ("2", "3"): ["baseline", "joint", "rgb", "sender"],
        ("1", "1"): ["baseline"],
    }


def test_a_job_sees_what_is_named_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMED", "1")
    monkeypatch.setenv("ANY_TOKEN", "a secret")
    before = dict(os.environ)
    with slurm.only(slurm.environment(Cluster(environment=("NAMED", "ABSENT")), Path("code"), 2)):
        assert set(os.environ) >= {"NAMED", "PATH", "PYTHONPATH"}
        assert not {"ANY_TOKEN", "ABSENT", "STUDY_HOME"} & set(os.environ)
        assert os.environ["OMP_NUM_THREADS"] == "2"
    assert dict(os.environ) == before


def test_a_snapshot_is_the_five_packages_and_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    _, digest = snapshot.take(tmp_path / "code")
    assert {path.name for path in (tmp_path / "code").iterdir()} == set(snapshot.PACKAGES)
    assert list((tmp_path / "code").rglob("*.pyc")) == []
    snapshot.refuse_changed(tmp_path / "code", digest)
    (tmp_path / "code" / "study" / "key.py").write_text("")
    with pytest.raises(ChangedCode, match="was changed after it was submitted"):
        snapshot.refuse_changed(tmp_path / "code", digest)


@pytest.mark.skipif(shutil.which("srun") is None, reason="submitit wants SLURM's srun to be there")
def test_a_line_of_setup_that_fails_ends_the_phase_before_it_begins(tmp_path: Path) -> None:
    cluster = Cluster(
        setup=("name='a b'  # said", "module load cuda; echo $name", "no-such-module load cuda", "echo on")
    )
    text = slurm.executor_of(tmp_path, tmp_path, cluster, "a", {})._make_submission_file_text("true", "1")
    lines = "\n".join(["module() { true; }", *(line for line in text.splitlines() if line.startswith("eval "))])
    ran = subprocess.run(["bash", "-c", lines], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (1, "a b\n")


@pytest.mark.skipif(shutil.which("srun") is None, reason="submitit wants SLURM's srun to be there")
def test_a_look_asks_for_what_is_other_for_it_and_a_phase_for_the_rest(tmp_path: Path) -> None:
    gpus = {"partition": "gpu", "gpus_per_task": 2, "nodes": 2, "timeout_min": 600, "sbatch": {"constraint": "a100"}}
    cpus = {"partition": "cpu", "memory_gb": 1, "sbatch": {"comment": "no GPU", "contiguous": True}}
    cluster = Cluster.model_validate({**gpus, "look": cpus})
    phase, look = (
        slurm.executor_of(tmp_path, tmp_path, one, "a", {})._make_submission_file_text("true", "1")
        for one in (cluster, cluster.for_look())
    )
    for line in ("--partition=gpu", "--gpus-per-task=2", "--nodes=2", "--time=600", "--constraint=a100"):
        assert f"#SBATCH {line}\n" in phase
    for line in ("--partition=cpu", "--nodes=1", "--time=60", "--mem=1024MB", "--comment='no GPU'", "--contiguous"):
        assert f"#SBATCH {line}\n" in look
    assert "--gpus" not in look
    assert "wckey" not in phase + look


@pytest.mark.skipif(shutil.which("srun") is None, reason="submitit wants SLURM's srun to be there")
def test_no_option_that_is_written_can_be_given_twice(tmp_path: Path) -> None:
    cluster = Cluster(partition="a", account="b", qos="c", gpus_per_task=1, memory_gb=1)
    more = {"exclusive": True, "dependency": "afterok:1", "map_count": 2}
    executor = slurm.executor_of(tmp_path, tmp_path, cluster, "a", {})
    executor.parameters |= more
    written = re.findall(r"^#SBATCH --([a-z-]+)", executor._make_submission_file_text("true", "1"), re.MULTILINE)
    assert {"array", "job-name", "dependency", "partition", "qos"} <= set(written)
    assert set(written) <= {*options.SET_BY, *options.OURS}
