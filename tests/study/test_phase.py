"""Phases: what is shared, and the keys that are pinned.

A key that changes re-labels every result: change a golden key only in a commit that means to.
"""

import json

import pytest
from pydantic import BaseModel

from models.build import ModelSettings
from models.geometry import Skeleton
from models.settings import key_content
from results.files import canonical
from study.phase import Phase, TrainingSettings, phases_of, profile_of, with_seed
from study.settings import Resources, Settings

GOLDEN = {
    "rgb": "b518f55ea493180cebaf2fb231901198994efbea142fb8de872988c10600c398",
    "sender": "f0c8a88152a070390b95a275947a447a3efb1dc2ae36d0b6890c32aa8f653d9e",
    "joint": "054d7381bd94b3877dc628b140bb759487b7c3c8ab49a96a886c4d1e4798b6bd",
}


def changed(**parts: object) -> Settings:
    return Settings.model_validate(parts)


def keys(settings: Settings, seed: int = 0, replicate: int = 0, data: str = "") -> dict[str, str]:
    return {kind: phase.key for kind, phase in phases_of(settings, seed, replicate, data).items()}


def test_the_keys_of_the_default_settings_are_pinned() -> None:
    assert keys(Settings()) == GOLDEN


@pytest.mark.parametrize(
    ("settings", "shared"),
    [
        (changed(model={"fusion": "average"}), {"rgb", "sender"}),
        (changed(model={"distill": {"name": "dense_tokens", "weight": 1.0}}), {"rgb", "sender"}),
        (changed(optim={"joint_lr_factor": 0.5}), {"rgb", "sender"}),
        (changed(phases={"joint_epochs": 3}), {"rgb", "sender"}),
        (changed(phases={"sender_epochs": 3}), {"rgb"}),
        (changed(model={"tokens": {"count": 5}}), set()),
        (changed(optim={"lr": 0.5}), set()),
        (changed(data={"size": 32}), set()),
        (changed(resources={"device": "cuda", "threads": 4, "recompute_blocks": True}), {"rgb", "sender", "joint"}),
    ],
)
def test_a_setting_changes_the_phases_that_see_it_and_no_other(settings: Settings, shared: set[str]) -> None:
    default, own = keys(Settings()), keys(settings)
    assert {kind for kind in default if own[kind] == default[kind]} == shared


@pytest.mark.parametrize("model", [{}, {"modality": ["rgb_difference", "depth"]}, {"baseline": "label_frequency"}])
def test_another_seed_of_a_trial_is_the_trial_planned_with_that_seed(model: object) -> None:
    settings = changed(model=model, probe={"input": "blurred"})
    planned = phases_of(settings, 5, 1, "x")
    assert {role: phase.content for role, phase in with_seed(phases_of(settings, 0, 1, "x"), 5).items()} == {
        role: phase.content for role, phase in planned.items()
    }


def test_seed_replicate_and_data_change_every_key() -> None:
    several = [keys(Settings()), keys(Settings(), seed=1), keys(Settings(), replicate=1), keys(Settings(), data="x")]
    assert len({key for each in several for key in each.values()}) == 3 * len(several)


def test_an_arm_without_distillation_needs_no_sender_and_has_its_joint_epochs() -> None:
    phases = phases_of(changed(model={"distill": "none"}), 0, 0, "")
    assert list(phases) == ["rgb", "joint"]
    assert phases["joint"].parents == {"rgb": phases["rgb"].key}
    assert phases["joint"].epochs == Settings().phases.joint_epochs


def test_nothing_that_a_phase_sees_stays_out_of_its_key() -> None:
    """A field outside the key would be lost on the way to a worker, which is told what was hashed and no more."""
    for phase in phases_of(Settings(), 0, 0, "").values():
        dumped = phase.settings.model_dump(mode="json")
        assert outside(phase.settings) == []
        assert key_content(phase.settings) == dumped


def outside(settings: BaseModel, path: str = "") -> list[str]:
    found: list[str] = []
    for name, field in type(settings).model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get("outside_key"):
            found.append(path + name)
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            found += outside(value, f"{path}{name}.")
    return found


def test_the_marker_is_found_where_there_is_one() -> None:
    assert "device" in outside(Resources())
    assert outside(ModelSettings()) == []


def test_the_settings_of_a_phase_hold_no_data_set() -> None:
    assert "source" not in TrainingSettings.model_fields["data"].annotation.model_fields  # type: ignore[union-attr]


def test_several_senders_have_a_phase_each_that_a_single_one_shares() -> None:
    both = phases_of(changed(model={"modality": ["rgb_difference", "depth"]}), 0, 0, "")
    assert list(both) == ["rgb", "sender:depth", "sender:rgb_difference", "joint"]
    assert [phase.kind for phase in both.values()] == ["rgb", "sender", "sender", "joint"]
    alone = phases_of(changed(model={"modality": "depth"}), 0, 0, "")
    assert alone["sender"].key == both["sender:depth"].key
    assert both["joint"].parents == {role: both[role].key for role in ("rgb", "sender:depth", "sender:rgb_difference")}


def test_a_baseline_has_one_phase_with_as_many_epochs_as_an_arm_trains_its_rgb_branch() -> None:
    epochs = Settings().phases
    phases = phases_of(changed(model={"baseline": "r3d_18"}), 0, 0, "")
    assert {role: phase.epochs for role, phase in phases.items()} == {
        "baseline": epochs.rgb_epochs + epochs.joint_epochs
    }
    assert phases_of(changed(model={"baseline": "random"}), 0, 0, "")["baseline"].epochs == 1
    other = phases_of(changed(model={"baseline": "r3d_18", "tokens": {"count": 7}}), 0, 0, "")
    assert other["baseline"].key == phases["baseline"].key


PROFILE = "62b42840b6e834f6f3a2e96cdc6abb3a5860e0f75525f68a9927236139d4502d"
BONES = Skeleton(3, 2, ((0, 1), (1, 2)))


def profile(settings: Settings, classes: int = 20, skeleton: Skeleton | None = BONES, seed: int = 0) -> Phase:
    return profile_of(settings, seed, 0, classes, skeleton)["profile"]


def test_the_key_of_a_measurement_of_inference_is_pinned() -> None:
    assert profile(Settings()).key == PROFILE


@pytest.mark.parametrize(
    "settings",
    [
        changed(data={"size": 32}),
        changed(data={"frames": 4}),
        changed(model={"tokens": {"count": 5}}),
        changed(inference={"batch": 2}),
        changed(inference={"repeats": 5}),
        changed(optim={"precision": "bf16"}),
        changed(resources={"device": "cuda"}),
        changed(resources={"threads": 2}),
    ],
)
def test_what_can_change_a_cost_changes_its_key(settings: Settings) -> None:
    assert profile(settings).key != PROFILE


@pytest.mark.parametrize(
    "settings",
    [
        changed(data={"labels": {"noise": 0.2}, "margin": 0, "views": 2}),
        changed(optim={"lr": 0.5, "batch": 2}),
        changed(phases={"rgb_epochs": 1}),
        changed(resources={"workers": 4, "loader_workers": 2}),
    ],
)
def test_what_cannot_change_a_cost_leaves_its_key(settings: Settings) -> None:
    assert profile(settings).key == PROFILE


def test_classes_and_seed_change_the_key_of_a_cost_and_one_device_of_a_type_is_like_another() -> None:
    assert len({profile(Settings()).key, profile(Settings(), classes=5).key, profile(Settings(), seed=1).key}) == 3
    first, second = (changed(resources={"device": device}) for device in ("cuda", "cuda:1"))
    assert profile(first).key == profile(second).key


def test_a_skeleton_counts_only_where_it_is_read() -> None:
    peer = changed(model={"baseline": "graph"})
    assert profile(Settings(), skeleton=None).key == PROFILE
    assert profile(peer, skeleton=None).key != profile(peer).key
    assert profile(peer).profiled.skeleton == BONES


@pytest.mark.parametrize("model", [{}, {"baseline": "graph"}, {"baseline": "r3d_18"}, {"fusion": "average"}])
def test_a_measurement_is_rebuilt_from_what_was_hashed(model: dict[str, str]) -> None:
    phase = profile(changed(model=model))
    again = Phase.of(json.loads(canonical(phase.content)))
    assert (again.key, again.settings) == (phase.key, phase.settings)
    assert (again.epochs, again.is_alone, again.data) == (0, True, "")
    assert outside(phase.settings) == []


def test_a_measurement_has_no_settings_of_a_training_nor_the_other_way_round() -> None:
    with pytest.raises(TypeError, match="kind 'profile'"):
        _ = profile(Settings()).training
    with pytest.raises(TypeError, match="kind 'rgb'"):
        _ = phases_of(Settings(), 0, 0, "")["rgb"].profiled
