"""Joint motions, the muscle groups that work in each, and the activities that are compositions of them.

A motion is an excursion of a few joint angles, repeated. An activity performs at most one motion of the arms, one of
the legs and one of the trunk at the same time; the muscle groups of an activity are the union over its motions.

Letters: T frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from experiments.clip import MUSCLES
from experiments.figure import CENTRAL, SIDED, Array

Activity = tuple[str, ...]


@dataclass(frozen=True)
class Motion:
    """From `start` to `start` + `swing` and back, in degrees per joint angle.

    In turns, the left side moves while the right one rests, and the other way round: the standing leg stays down.
    """

    muscles: tuple[str, ...]
    swing: Mapping[str, float]
    start: Mapping[str, float] = field(default_factory=dict)
    in_turns: bool = False


ARMS = {
    "shoulder_abduction": Motion(("shoulder",), {"shoulder_abduction": 90}),
    "shoulder_flexion": Motion(("shoulder",), {"shoulder_flexion": 130}),
    "shoulder_opening": Motion(
        ("chest", "upper back"), {"shoulder_opening": 95}, {"shoulder_flexion": 85, "shoulder_opening": -10}
    ),
    "shoulder_adduction": Motion(
        ("latissimus", "upper back"),
        {"shoulder_abduction": -100, "elbow_flexion": 80},
        {"shoulder_abduction": 140, "shoulder_rotation": 90},
    ),
    "elbow_flexion": Motion(
        ("biceps", "forearms"), {"elbow_flexion": 125}, {"shoulder_abduction": 30, "shoulder_rotation": 40}
    ),
    "elbow_extension": Motion(("triceps",), {"elbow_flexion": 120}, {"shoulder_flexion": 165}),
    "wrist_flexion": Motion(
        ("forearms", "wrists"), {"wrist_flexion": 140}, {"elbow_flexion": 80, "wrist_flexion": -70}
    ),
}
LEGS = {
    "hip_flexion": Motion(("lower abdominis", "quadriceps"), {"hip_flexion": 90, "knee_flexion": 60}, in_turns=True),
    "hip_abduction": Motion(("outer thigh", "gluteus"), {"hip_abduction": 50}, in_turns=True),
    "hip_adduction": Motion(("inner thigh",), {"hip_abduction": -40, "hip_flexion": 20}, in_turns=True),
    "hip_extension": Motion(("gluteus", "hamstring"), {"hip_flexion": -60}, in_turns=True),
    "knee_flexion": Motion(("hamstring", "calves"), {"knee_flexion": 120}, in_turns=True),
    "knee_extension": Motion(("quadriceps",), {"hip_flexion": 70, "knee_flexion": 110, "ankle_flexion": -40}),
    "ankle_flexion": Motion(("calves", "feet-ankles"), {"ankle_flexion": 60}),
}
TRUNK = {
    "neck_tilt": Motion(("neck",), {"neck_tilt": 90}, {"neck_tilt": -45}),
    "spine_flexion": Motion(("upper abdominis", "lower abdominis"), {"spine_flexion": 80}),
    "spine_lateral": Motion(("obliques", "lower back"), {"spine_lateral": 70}, {"spine_lateral": -35}),
    "spine_rotation": Motion(("obliques",), {"spine_rotation": 100}, {"spine_rotation": -50}),
}
REGIONS = (ARMS, LEGS, TRUNK)
MOTIONS = ARMS | LEGS | TRUNK


@dataclass(frozen=True)
class Movement:
    """How one clip performs its motions.

    Attributes:
        period_frames: frames per repetition.
        phase: where in a repetition the clip starts, 0 to 1.
        right_arm_lag: by how much of a repetition the right arm follows the left one.
        size: share of each motion's swing.
        sway_degrees: amplitude of the slow sway of all angles; joints at rest are not quite still.
        rest: degrees of the left and the right side (central angles read the left) from which every motion starts.
        held: for each of REGIONS, the motion and the moment in its repetition (0 to 1) at which the region stays when
            it does not work, or None for rest. A posture alone thus says little about what works.
    """

    period_frames: float
    phase: float
    right_arm_lag: float
    size: float
    sway_degrees: float
    rest: Mapping[str, tuple[float, float]]
    held: tuple[tuple[str, float] | None, ...]


def name_of(activity: Activity) -> str:
    """Name the activity by its motions."""
    return "+".join(activity)


def activity_of(name: str) -> Activity:
    """Read the motions from the name of an activity."""
    return tuple(name.split("+"))


def muscles_of(activity: Activity) -> tuple[int, ...]:
    """Give the sorted indices into MUSCLES of what works in any of its motions."""
    return tuple(sorted({MUSCLES.index(muscle) for motion in activity for muscle in MOTIONS[motion].muscles}))


def activities(split: str) -> tuple[Activity, ...]:
    """Compose the activities of a split; `train`, `val_seen` and `test_seen` share theirs.

    Every motion occurs alone and in compositions of training. The compositions of `val_unseen` and of `test_unseen`
    occur nowhere else.
    """
    if split == "val_unseen":
        return (*_pairs(ARMS, LEGS, 2), *_pairs(ARMS, TRUNK, 1))
    if split == "test_unseen":
        return (*_pairs(ARMS, LEGS, 4), *_pairs(ARMS, TRUNK, 2))
    threes = tuple(
        (arm, leg, trunk) for (arm, leg), (_, trunk) in zip(_pairs(ARMS, LEGS, 1), _pairs(ARMS, TRUNK, 1), strict=True)
    )
    alone = tuple((motion,) for motion in MOTIONS)
    return (*_pairs(ARMS, LEGS, 0), *threes, *alone, *_pairs(TRUNK, LEGS, 3))


def _pairs(first: Mapping[str, Motion], second: Mapping[str, Motion], shift: int) -> tuple[Activity, ...]:
    """Pair each motion of `first` with the one `shift` places on in `second`: other shifts, other pairs."""
    others = list(second)
    return tuple((motion, others[(number + shift) % len(others)]) for number, motion in enumerate(first))


def perform(activity: Activity, movement: Movement, indices_T: Array) -> dict[str, Array]:
    """Give the joint angles in radians at these frames.

    Shapes:
        (T,) -> (T,) for each name of CENTRAL, (T, 2) for each of SIDED
    """
    degrees = {name: np.tile(sides, (len(indices_T), 1)) for name, sides in movement.rest.items()}
    for number, name in enumerate(degrees):
        turns_T = indices_T / (1.7 * movement.period_frames) + 0.37 * number
        degrees[name] += movement.sway_degrees * np.sin(2 * np.pi * turns_T)[:, None]
    for region, held in zip(REGIONS, movement.held, strict=True):
        working = [motion for motion in activity if motion in region]
        if working:
            _move(degrees, working[0], movement, indices_T / movement.period_frames + movement.phase)
        elif held is not None:
            motion, moment = held
            _move(degrees, motion, movement, np.full(len(indices_T), moment))
    radians = {name: np.deg2rad(value_T2) for name, value_T2 in degrees.items()}
    return {name: radians[name][:, 0] for name in CENTRAL} | {name: radians[name] for name in SIDED}


def _move(degrees: dict[str, Array], name: str, movement: Movement, repetitions_T: Array) -> None:
    """Add one motion, as far as it is after so many repetitions."""
    motion = MOTIONS[name]
    lag = 0.5 if motion.in_turns else movement.right_arm_lag if name in ARMS else 0.0
    wave_T2 = np.sin(2 * np.pi * (repetitions_T[:, None] + np.array([0.0, lag])))
    excursion_T2 = np.maximum(wave_T2, 0.0) if motion.in_turns else (1.0 + wave_T2) / 2.0
    for angle, degree in motion.start.items():
        degrees[angle] += degree
    for angle, degree in motion.swing.items():
        degrees[angle] += movement.size * degree * excursion_T2
