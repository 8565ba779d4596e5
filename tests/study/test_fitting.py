"""Weights that cannot be started from, and a machine that cannot compute, are refused, and named by their setting."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from experiments.problem import SpecError
from models.build import build, own_state
from study.fitting import PlanError, check_device, clip_shape
from study.preparation import Prepared, Request, prepare
from study.settings import Resources
from tests.made_spec import SPEC

SENDERS = """\
question: {ask: 'Does distillation help?'}
claim: {says: {which: any, direction: better}, smallest: 1.0}
profile: smoke
design: sweep
control: {model.distill: none}
factors: {model.distill: [none, dense_tokens]}
seeds: 1
settings:
  data: {limit: 4, frames: 2, size: 16, margin: 2}
  model.trunk: {width: 4, depth: 2, stage_starts: [1]}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(text: str = SPEC, **overrides: object) -> Prepared:
    Path("asked.yaml").write_text(text)
    return prepare(
        Request("asked.yaml", overrides={name.replace("__", "."): value for name, value in overrides.items()})
    )


def checkpoint(prepared: Prepared, arm: str, role: str = "rgb") -> None:
    """Write `weights.safetensors`: the network of an arm's phase, drawn anew."""
    trial = next(trial for trial in prepared.plan.trials if trial.arm.name == arm)
    network = build(trial.phases[role].settings.model, 20, clip_shape(trial.arm, None))
    save_file(own_state(network), "weights.safetensors")


def test_weights_that_fit_every_arm_pass_and_are_found_by_their_digest(home: Path) -> None:
    checkpoint(planned(SENDERS), "distill=none")
    prepared = planned(SENDERS, model__weights="weights.safetensors")
    ((digest, path),) = prepared.weights.items()
    assert path == home / "weights.safetensors"
    assert {phase.kind for phase in prepared.plan.phases.values() if digest in str(phase.content)} == {"rgb", "joint"}


def test_weights_that_do_not_fit_an_arm_are_refused_by_arm_setting_file_and_shape(home: Path) -> None:
    checkpoint(planned(), "count=2")
    expected = (
        r"arm count=1: model\.weights: [^:]*weights\.safetensors: .*1 of another shape "
        r"\(trunk\.tokens\.own_KD \(2, 4\) for \(1, 4\)\): build the network with the settings of these weights"
    )
    with pytest.raises(PlanError, match=expected) as refusal:
        planned(model__weights="weights.safetensors")
    assert refusal.value.exit_code == 2


def test_weights_of_a_sender_are_looked_at_only_where_there_is_one(home: Path) -> None:
    torch.save({"encoder": torch.zeros(1)}, home / "other.pth")
    wrong = {"model.modality": {"name": "rgb_difference", "weights": "other.pth"}}
    expected = (
        r"arm distill=dense_tokens: model\.modality\.weights: .*other\.pth: weights of a network that is not known"
    )
    with pytest.raises(PlanError, match=expected):
        planned(SENDERS, **wrong)
    planned(SENDERS.replace("[none, dense_tokens]", "[none]") + "control_again: true\n", **wrong)


def test_a_file_that_is_missing_or_holds_no_weights_is_refused_at_its_line_or_option(home: Path) -> None:
    with pytest.raises(SpecError, match=r"--set model\.weights=none\.pth  model\.weights: .*none\.pth: no such file"):
        planned(model__weights="none.pth")
    with pytest.raises(SpecError, match=r"asked\.yaml:14  model\.weights: .*none\.pth: no such file"):
        planned(f"{SPEC}  model.weights: none.pth\n")
    (home / "text.pth").write_text("no weights")
    with pytest.raises(PlanError, match=r"arm count=.: model\.weights: [^:]*text\.pth: not a readable file of weights"):
        planned(model__weights="text.pth")


def test_an_edition_is_named_by_the_file_and_its_content_wherever_it_lies(home: Path) -> None:
    checkpoint(planned(SENDERS), "distill=none")
    first = planned(SENDERS, model__weights="weights.safetensors")
    (digest,) = first.weights
    (home / "elsewhere").mkdir()
    shutil.move("weights.safetensors", "elsewhere")
    moved = planned(SENDERS, model__weights="elsewhere/weights.safetensors")
    assert list(moved.plan.phases) == list(first.plan.phases)
    name = f"asked--model.weights=weights.safetensors-{digest[:12]}"
    assert moved.plan.edition.name == first.plan.edition.name == name
    shared = first.plan.phases.keys() & planned(SENDERS).plan.phases.keys()
    assert {first.plan.phases[key].kind for key in shared} == {"sender"}


def test_arms_with_the_same_content_are_one_and_a_level_is_named_by_file_and_content(home: Path) -> None:
    checkpoint(planned(SENDERS), "distill=none")
    shutil.copy("weights.safetensors", "copy.safetensors")
    files = "[null, weights.safetensors, copy.safetensors]"
    spec = SENDERS.replace("model.distill: [none, dense_tokens]", f"model.weights: {files}")
    prepared = planned(spec.replace("control: {model.distill: none}", "control: {model.weights: null}"))
    names = [arm.name for arm in prepared.plan.edition.arms]
    (digest,) = prepared.weights
    assert names == ["weights=null", f"weights=weights.safetensors-{digest[:12]}"]
    assert "the same settings as" in prepared.plan.edition.notes[0]


def test_a_device_that_does_not_answer_is_refused() -> None:
    check_device(Resources())
    with pytest.raises(PlanError, match=r"resources.device: cuda does not answer: .*resources.device=cpu"):
        check_device(Resources(device="cuda"))


def test_compiling_without_a_compiler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    check_device(Resources())
    with pytest.raises(PlanError, match=r"resources.compile: there is no C\+\+ compiler \(no-such-compiler\)"):
        check_device(Resources(compile=True))
