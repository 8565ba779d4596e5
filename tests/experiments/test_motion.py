from collections import Counter

import numpy as np
import pytest

from experiments import motion
from experiments.clip import MUSCLES, SPLITS
from experiments.figure import CENTRAL, SIDED, Array
from experiments.motion import ARMS, LEGS, MOTIONS, REGIONS, TRUNK, Activity, Movement

REST = dict.fromkeys((*CENTRAL, *SIDED), (10.0, 20.0))
STILL = Movement(
    period_frames=20.0, phase=0.0, right_arm_lag=0.0, size=1.0, sway_degrees=0.0, rest=REST, held=(None, None, None)
)
FRAMES = np.arange(40.0)


def degrees(activity: Activity, movement: Movement = STILL) -> dict[str, Array]:
    return {name: np.rad2deg(angle) for name, angle in motion.perform(activity, movement, FRAMES).items()}


def moving(angles: dict[str, Array]) -> set[str]:
    return {name for name, angle in angles.items() if np.ptp(angle, axis=0).max() > 1e-9}


def held(**given: object) -> Movement:
    return Movement(**{**STILL.__dict__, **given})


@pytest.mark.parametrize("name", MOTIONS)
def test_a_motion_moves_its_own_angles_and_no_others(name: str) -> None:
    assert moving(degrees((name,))) == set(MOTIONS[name].swing)


@pytest.mark.parametrize("name", MOTIONS)
def test_a_motion_swings_from_its_start_by_its_swing(name: str) -> None:
    for angle, swing in MOTIONS[name].swing.items():
        left_T = degrees((name,))[angle].reshape(40, -1)[:, 0]
        start = REST[angle][0] + MOTIONS[name].start.get(angle, 0.0)
        assert {round(left_T.min() - start), round(left_T.max() - start)} == {min(0, swing), max(0, swing)}


def test_legs_that_take_turns_never_leave_the_floor_together() -> None:
    lifted_T2 = degrees(("hip_flexion",))["hip_flexion"] - np.array(REST["hip_flexion"])
    assert lifted_T2.max(axis=0).min() > 80
    assert lifted_T2.min(axis=1).max() < 1e-9


def test_an_idle_region_holds_a_posture_without_moving() -> None:
    posed = degrees(("hip_flexion",), held(held=(("elbow_flexion", 0.25), None, None)))
    assert moving(posed) == set(MOTIONS["hip_flexion"].swing)
    assert posed["elbow_flexion"][0, 0] == pytest.approx(REST["elbow_flexion"][0] + 125)


def test_a_region_that_works_holds_no_posture() -> None:
    movement = held(held=(("elbow_flexion", 0.25), ("knee_flexion", 0.25), ("neck_tilt", 0.25)))
    activity = ("wrist_flexion", "hip_abduction", "spine_flexion")
    for name, angle in degrees(activity).items():
        np.testing.assert_array_equal(degrees(activity, movement)[name], angle)


def test_all_angles_sway_though_nothing_works() -> None:
    assert moving(degrees(("neck_tilt",), held(sway_degrees=2.0))) == {*CENTRAL, *SIDED}


def test_muscles_follow_from_the_motions() -> None:
    muscles = motion.muscles_of(("elbow_flexion", "wrist_flexion"))
    assert [MUSCLES[index] for index in muscles] == ["biceps", "forearms", "wrists"]
    for split in SPLITS:
        for activity in motion.activities(split):
            alone = [set(motion.muscles_of((name,))) for name in activity]
            assert set(motion.muscles_of(activity)) == set().union(*alone)


def test_an_activity_is_read_back_from_its_name() -> None:
    for activity in motion.activities("train"):
        assert motion.activity_of(motion.name_of(activity)) == activity


def test_an_activity_works_each_region_at_most_once() -> None:
    for split in SPLITS:
        for activity in motion.activities(split):
            assert all(sum(name in region for name in activity) <= 1 for region in REGIONS), activity


def test_unseen_activities_are_new_compositions_of_seen_motions() -> None:
    seen = {frozenset(activity) for activity in motion.activities("train")}
    val, test = ({frozenset(each) for each in motion.activities(split)} for split in ("val_unseen", "test_unseen"))
    assert not seen & val
    assert not seen & test
    assert not val & test
    assert set().union(*val, *test) <= set().union(*seen)


def test_training_shows_every_motion_alone_and_in_compositions() -> None:
    seen = motion.activities("train")
    assert len(set(seen)) == len(seen)
    assert {activity[0] for activity in seen if len(activity) == 1} == {*ARMS, *LEGS, *TRUNK}
    counts = Counter(name for activity in seen for name in activity)
    assert min(counts.values()) >= 3


def test_seen_splits_share_their_activities() -> None:
    assert motion.activities("train") == motion.activities("val_seen") == motion.activities("test_seen")


@pytest.mark.parametrize("split", SPLITS)
def test_every_muscle_group_works_in_every_split_and_in_few_activities(split: str) -> None:
    activities = motion.activities(split)
    counts = Counter(muscle for activity in activities for muscle in motion.muscles_of(activity))
    assert sorted(counts) == list(range(20))
    assert max(counts.values()) <= 0.35 * len(activities)


def test_no_two_muscle_groups_are_the_same_label_in_training() -> None:
    shown = [motion.muscles_of(activity) for activity in motion.activities("train")]
    columns = {tuple(muscle in muscles for muscles in shown) for muscle in range(20)}
    assert len(columns) == 20
