"""What is refused before any clip is decoded."""

from pathlib import Path

import pytest

from study import costs, preflight, rates
from study.executor.cluster import Cluster
from study.fitting import PlanError
from study.preparation import Prepared, Request, prepare
from tests import made_store as made
from tests.made_spec import SPEC


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(SPEC)
    return tmp_path / "asked.yaml"


def prepared(spec: Path, text: str = SPEC, **overrides: object) -> Prepared:
    spec.write_text(text)
    return prepare(Request(str(spec), overrides={name.replace("__", "."): value for name, value in overrides.items()}))


def test_a_sound_plan_passes(spec: Path) -> None:
    preflight.check(prepared(spec))


def test_arms_are_measured_without_memory(spec: Path) -> None:
    made = prepared(spec)
    one, two = preflight.sizes(made, made.ways)
    assert {one.arm, two.arm} == {"count=1", "count=2"}
    assert 0 < one.parameters <= one.parameters_total
    assert one.gflops > 0


def test_a_network_that_cannot_be_built_is_named_by_its_arm(spec: Path) -> None:
    wrong = prepared(spec, data__size=4, model__trunk__patch_padding=[0, 0, 0])
    with pytest.raises(PlanError, match=r"arm count=.: its network cannot be built"):
        preflight.check(wrong)


def test_data_without_clips_for_the_claim_is_refused(spec: Path) -> None:
    gym = spec.parent / "gym"
    gym.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (gym / name).write_text(name)
    (gym / "manifest.csv").write_text(
        "clip,activity,muscles,split\na.mp4,curl,biceps,train\nb.mp4,curl,biceps,val_seen"
    )

    def asked(text: str) -> Prepared:
        spec.write_text(text)
        return prepare(Request(str(spec), data=str(gym)))

    with pytest.raises(
        PlanError, match=r"split val, but gym .* has no clip in val_unseen. It has: train 1, val_seen 1"
    ):
        preflight.check(asked(SPEC))
    preflight.check(asked(SPEC.replace("smallest: 1.0", "smallest: 1.0\n  split: val_seen")))


def test_a_network_that_looks_at_whole_batches_is_not_trained_in_pieces(spec: Path) -> None:
    control = "control: {model.tokens.count: 2}\nfactors:\n  model.tokens.count: [1, 2]"
    assert control in SPEC
    peers = "control: {model.baseline: none}\nfactors:\n  model.baseline: [none, mvit_v2_s]"
    whole = prepared(spec, SPEC.replace(control, peers), resources__accumulate=2)
    preflight.refuse_mixed_pieces(whole)
    spec.write_text(SPEC.replace(control, peers.replace("mvit_v2_s", "r3d_18")))
    preflight.refuse_mixed_pieces(prepare(Request(str(spec))))
    with pytest.raises(PlanError, match=r"resources.accumulate: 2, but the network of arm .*r3d_18.* normalises over"):
        preflight.refuse_mixed_pieces(prepare(Request(str(spec), overrides={"resources.accumulate": 2})))


@pytest.mark.parametrize("budget", ["epochs: 5", "gpu_hours: 0.01"])
def test_a_plan_beyond_its_budget_is_refused(spec: Path, budget: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_timed_training", lambda *given: 60.0)
    monkeypatch.setattr(rates, "_timed_evaluation", lambda *given: 0.0)
    name, allowed = budget.split(": ")
    over = prepared(spec, f"{SPEC}budget: {{{budget}}}\n")
    with pytest.raises(PlanError, match=rf"budget\.{name} is {allowed}, but the plan needs"):
        preflight.check(over)
    monkeypatch.setattr(costs, "left_hours", lambda prepared: 0.0)
    preflight.check(prepared(spec, f"{SPEC}budget: {{epochs: 6, gpu_hours: 1}}\n"))


def test_what_is_done_counts_in_no_budget(spec: Path) -> None:
    plan = prepared(spec, f"{SPEC}budget: {{epochs: 5}}\n")
    made.train(plan.store, next(iter(plan.plan.phases.values())).content)
    preflight.check_budget(plan)


def test_more_processes_than_a_batch_has_clips_are_refused(spec: Path) -> None:
    six = prepared(spec, optim__batch=6)
    preflight.check_cluster(six, Cluster(nodes=2, tasks_per_node=3))
    with pytest.raises(PlanError, match=r"optim.batch: 6 clips for 8 processes \(nodes 2 x tasks_per_node 4"):
        preflight.check_cluster(six, Cluster(nodes=2, tasks_per_node=4))


@pytest.mark.parametrize(("device", "gpus"), [("cuda", 0), ("cuda:1", 1), ("mps", 0)])
def test_a_device_that_slurm_does_not_give_is_refused(device: str, gpus: int, spec: Path) -> None:
    asked = prepared(spec, resources__device=device)
    with pytest.raises(PlanError, match=f"resources.device: {device} with gpus_per_task {gpus}: SLURM gives phases"):
        preflight.check_cluster(asked, Cluster(gpus_per_task=gpus))


def test_more_threads_than_processors_are_refused(spec: Path) -> None:
    asked = prepared(spec, resources__threads=4)
    preflight.check_cluster(asked, Cluster(cpus_per_task=4))
    with pytest.raises(PlanError, match=r"resources.threads: 4 threads on cpus_per_task 2"):
        preflight.check_cluster(asked, Cluster(cpus_per_task=2))
