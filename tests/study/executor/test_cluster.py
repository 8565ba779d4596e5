"""Settings of a cluster: read with their lines, changed by profile, and refused with what to do."""

from pathlib import Path

import pytest

from experiments.problem import SpecError
from study.executor.cluster import Cluster, Look, clusters, read_cluster


def write(folder: Path, text: str) -> Path:
    (folder / "lab.yaml").write_text(text)
    return folder / "lab.yaml"


def test_what_is_said_is_read_and_the_rest_is_the_default(tmp_path: Path) -> None:
    write(tmp_path, "partition: gpu\nmemory_gb: 1.5\nsetup: [module load cuda]\n")
    read = read_cluster("lab", "tiny", tmp_path)
    assert read == Cluster(partition="gpu", memory_gb=1.5, setup=("module load cuda",))
    assert read_cluster(None, "tiny") == Cluster()


def test_a_profile_changes_what_it_names(tmp_path: Path) -> None:
    path = write(tmp_path, "timeout_min: 60\ncpus_per_task: 4\nprofiles:\n  full: {timeout_min: 600}\n")
    assert read_cluster(str(path), "full") == Cluster(timeout_min=600, cpus_per_task=4)
    assert read_cluster(str(path), "tiny") == Cluster(timeout_min=60, cpus_per_task=4)


def test_what_a_profile_says_of_looks_and_options_is_laid_over_the_rest(tmp_path: Path) -> None:
    text = "look: {partition: cpu}\nsbatch: {exclude: n1}\n"
    of_full = "profiles:\n  full: {look: {qos: a}, sbatch: {constraint: b}}\n"
    full = read_cluster(str(write(tmp_path, text + of_full)), "full")
    assert full.look == Look(partition="cpu", qos="a")
    assert full.sbatch == {"exclude": "n1", "constraint": "b"}


def test_a_look_is_one_process_without_gpus_for_an_hour_at_most() -> None:
    cluster = Cluster(partition="gpu", nodes=2, tasks_per_node=4, gpus_per_task=1, timeout_min=1440)
    assert cluster.for_look() == cluster.model_copy(
        update={"nodes": 1, "tasks_per_node": 1, "gpus_per_task": 0, "timeout_min": 60}
    )
    assert Cluster(timeout_min=30).for_look().timeout_min == 30
    short = Cluster(look=Look(timeout_min=1)).for_look()
    assert (short.timeout_min, short.signal_delay_s) == (1, 30)


def test_the_processes_of_a_phase_are_those_of_all_its_nodes() -> None:
    assert Cluster(nodes=2, tasks_per_node=3).processes == 6
    assert Cluster().processes == 1


def test_the_example_is_one() -> None:
    assert "example" in clusters()
    assert read_cluster("example", "full").timeout_min == 1440


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("account: a\npartitoin: gpu\n", "lab.yaml:2  partitoin: no such setting. Did you mean 'partition'? There are"),
        (
            "tasks_per_node: 0\n",
            "lab.yaml:1  tasks_per_node: must be greater than or equal to 1, but got 0. Change it.",
        ),
        ("environment: ['A=1']\n", "lab.yaml:1  environment.0: must match pattern"),
        ("timeout_min: 0\n", "lab.yaml:1  timeout_min: must be greater than or equal to 1, but got 0. Change it."),
        ("timeout_min: 1\nsignal_delay_s: 60\n", "lab.yaml  signal_delay_s must be less than timeout_min"),
        (
            "account: a\nprofiles:\n  full: {memory_gb: -1}\n",
            "lab.yaml:3  profiles.full.memory_gb: must be greater than or equal to 0.01",
        ),
        (
            "profiles:\n  tiny: {qos: a}\n  ful: {timeout_min: 60}\n",
            "lab.yaml:3  ful: no such profile. Did you mean 'full'?",
        ),
        ("environment: [OMP_NUM_THREADS]\n", "lab.yaml  environment must not hold OMP_NUM_THREADS: study sets it"),
        ("look: {partitoin: a}\n", "lab.yaml:1  look.partitoin: no such setting. Did you mean 'partition'? There are:"),
        ("look: cpu\n", "lab.yaml:1  look: must be a mapping, but got 'cpu'. Change it."),
        ("sbatch: {time: 5}\n", "lab.yaml:1  sbatch: must not hold time: set timeout_min beside sbatch instead."),
        ("sbatch: {job_name: a}\n", "lab.yaml:1  sbatch: job_name is no long name of an option: write it as"),
        ("sbatch: {spread-job: false}\n", "lab.yaml:1  sbatch: spread-job must be a word, a number or true, but got"),
        ("look: {sbatch: {clusters: b}}\n", "lab.yaml:1  look.sbatch: must not hold clusters: study sets it; leave"),
        ("sbatch: {requeue: true}\n", "lab.yaml:1  sbatch: must not hold requeue: study sets it; leave it out."),
        ("sbatch:\n  mail-type: [a]\n", "lab.yaml:1  sbatch: mail-type must be a word, a number or true, but got"),
        ("profiles:\n  full: {timeout_min: 2}\n", "lab.yaml:2  profiles.full: signal_delay_s must be less than"),
        ("profiles: [full]\n", "lab.yaml:1  profiles: must be a mapping of profiles to mappings"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    write(tmp_path, text)
    with pytest.raises(SpecError) as refused:
        read_cluster("lab", "tiny", tmp_path)
    assert said.removeprefix("lab.yaml") in str(refused.value)


def test_an_unknown_cluster_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SpecError, match=r"exmaple: no such cluster. Did you mean 'example'\?.*Copy .*example.yaml"):
        read_cluster("exmaple", "tiny")
