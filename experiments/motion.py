"""Joint motions, the muscle groups that work in each, and the activities that are compositions of them.

A motion is an excursion of a few joint angles, repeated. An activity performs at most one motion of the arms, one of
the legs and one of the trunk at the same time; the muscle groups of an activity are the union over its motions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from experiments.clip import MUSCLES
from experiments.figure import CENTRAL, SIDED, Array


@dataclass(frozen=True)
class Motion:
    """From `start` to `start` + `swing` and back, in degrees per joint angle.

    In turns, the left side moves while the right one rests, and the other way round: the standing leg stays down.
    """

    muscles: tuple[str, ...]
    swing: Mapping[str, float]
    start: Mapping[str, float] = field(default_factory=dict)
    in_turns: bool = False


ARM_MOTIONS = {
    "shoulder_abduction": Motion(("shoulder",), {"shoulder_abduction": 85}),
    "shoulder_flexion": Motion(("shoulder", "chest"), {"shoulder_flexion": 120}),
    "shoulder_opening": Motion(
        ("chest", "upper back"), {"shoulder_opening": 95}, {"shoulder_flexion": 85, "shoulder_opening": -10}
    ),
    "shoulder_adduction": Motion(
        ("latissimus", "upper back"),
        {"shoulder_abduction": -100, "elbow_flexion": 80},
        {"shoulder_abduction": 140, "shoulder_rotation": 90},
    ),
    "elbow_flexion": Motion(("biceps", "forearms"), {"elbow_flexion": 125}),
    "elbow_extension": Motion(("triceps",), {"elbow_flexion": 120}, {"shoulder_flexion": 165}),
    "wrist_flexion": Motion(
        ("forearms", "wrists"), {"wrist_flexion": 140}, {"elbow_flexion": 80, "wrist_flexion": -70}
    ),
}
LEG_MOTIONS = {
    "hip_flexion": Motion(("lower abdominis", "quadriceps"), {"hip_flexion": 90, "knee_flexion": 60}, in_turns=True),
    "hip_abduction": Motion(("outer thigh", "gluteus"), {"hip_abduction": 50}, in_turns=True),
    "hip_adduction": Motion(("inner thigh",), {"hip_abduction": -40, "hip_flexion": 20}, in_turns=True),
    "hip_extension": Motion(("gluteus", "hamstring", "lower back"), {"hip_flexion": -60}, in_turns=True),
    "knee_flexion": Motion(("hamstring", "calves"), {"knee_flexion": 120}, in_turns=True),
    "knee_extension": Motion(("quadriceps",), {"hip_flexion": 70, "knee_flexion": 110, "ankle_flexion": -40}),
    "ankle_flexion": Motion(("calves", "feet-ankles"), {"ankle_flexion": 55}),
}
TRUNK_MOTIONS = {
    "neck_tilt": Motion(("neck",), {"neck_tilt": 90}, {"neck_tilt": -45}),
    "spine_flexion": Motion(("upper abdominis", "lower abdominis"), {"spine_flexion": 75}),
    "spine_lateral": Motion(("obliques", "lower back"), {"spine_lateral": 70}, {"spine_lateral": -35}),
    "spine_rotation": Motion(("obliques", "upper abdominis"), {"spine_rotation": 100}, {"spine_rotation": -50}),
}
MOTIONS = ARM_MOTIONS | LEG_MOTIONS | TRUNK_MOTIONS


@dataclass(frozen=True)
class Tempo:
    """How one clip performs its motions: frames per repetition, phases in repetitions, size as a share of the swing."""

    period_frames: float
    phase: float
    right_arm_lag: float
    size: float
    sway_degrees: float


def name_of(motions: tuple[str, ...]) -> str:
    """Name the activity that composes these motions."""
    return "+".join(motions)


def motions_of(activity: str) -> tuple[str, ...]:
    """Read the motions from the name of an activity."""
    return tuple(activity.split("+"))


def muscles_of(motions: tuple[str, ...]) -> tuple[int, ...]:
    """Give the sorted indices into MUSCLES of what works in any of these motions."""
    return tuple(sorted({MUSCLES.index(muscle) for motion in motions for muscle in MOTIONS[motion].muscles}))


def seen_activities() -> tuple[tuple[str, ...], ...]:
    """Compose the activities of training: every motion in three or more of them."""
    legs, trunk = list(LEG_MOTIONS), list(TRUNK_MOTIONS)
    return (
        *_squares(0, with_trunk=False),
        *_squares(1, with_trunk=True),
        *_squares(2, with_trunk=False),
        *((motion,) for motion in trunk),
        *((legs[number], motion) for number, motion in enumerate(trunk)),
    )


def unseen_activities(split: str) -> tuple[tuple[str, ...], ...]:
    """Compose the activities of `val_unseen` or `test_unseen`: new combinations of motions that training shows."""
    return _squares({"val_unseen": 4, "test_unseen": 5}[split], with_trunk=True)


def _squares(shift: int, with_trunk: bool) -> tuple[tuple[str, ...], ...]:
    """Pair each arm motion with the leg motion `shift` places on: different shifts share no pair."""
    arms, legs, trunk = list(ARM_MOTIONS), list(LEG_MOTIONS), list(TRUNK_MOTIONS)
    composed = []
    for number, arm in enumerate(arms):
        third = (trunk[(number + shift) % len(trunk)],) if with_trunk else ()
        composed.append((arm, legs[(number + shift) % len(legs)], *third))
    return tuple(composed)


def perform(
    motions: tuple[str, ...], rest: Mapping[str, tuple[float, float]], tempo: Tempo, indices_T: Array
) -> dict[str, Array]:
    """Give the joint angles in radians at these frames.

    `rest` holds the angle in degrees of the left and the right side in the posture from which every motion starts
    (central angles read the first). All angles sway slowly, so that joints at rest are not quite still.

    Shapes:
        (T,) -> (T,) for each name of CENTRAL, (T, 2) for each of SIDED
    """
    degrees = {name: np.tile(rest[name], (len(indices_T), 1)) + _sway(name, tempo, indices_T) for name in rest}
    for motion in motions:
        excursion_T2 = _excursion(MOTIONS[motion], motion in ARM_MOTIONS, tempo, indices_T)
        for angle in MOTIONS[motion].swing.keys() | MOTIONS[motion].start.keys():
            swing, start = MOTIONS[motion].swing.get(angle, 0.0), MOTIONS[motion].start.get(angle, 0.0)
            degrees[angle] += start + tempo.size * swing * excursion_T2
    radians = {name: np.deg2rad(value_T2) for name, value_T2 in degrees.items()}
    return {name: radians[name][:, 0] for name in CENTRAL} | {name: radians[name] for name in SIDED}


def _excursion(motion: Motion, is_arm: bool, tempo: Tempo, indices_T: Array) -> Array:
    """Give how far the left and the right side are between start (0) and turning point (1): (T, 2)."""
    repetitions_T = indices_T / tempo.period_frames + tempo.phase
    lag = 0.5 if motion.in_turns else tempo.right_arm_lag * is_arm
    wave_T2 = np.sin(2 * np.pi * (repetitions_T[:, None] + np.array([0.0, lag])))
    excursion_T2: Array = np.maximum(wave_T2, 0.0) if motion.in_turns else (1.0 + wave_T2) / 2.0
    return excursion_T2


def _sway(name: str, tempo: Tempo, indices_T: Array) -> Array:
    offset = (*CENTRAL, *SIDED).index(name) * 0.37
    turns_T = indices_T / (1.7 * tempo.period_frames) + offset
    return tempo.sway_degrees * np.sin(2 * np.pi * turns_T)[:, None]
