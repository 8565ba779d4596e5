"""An articulated figure: 20 joints placed by joint angles, and the rounded parts that make it a body.

Letters: T frame, J joints. Axes of the figure: x to its left, y up, z to its front; metres, the floor at y = 0.
The joints and their order are those of the Kinect's 20-joint skeletons.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SIDES = ("left", "right")
OUTWARD = (1.0, -1.0)  # the way along x that leads away from the body, for each of SIDES
ARM = ("shoulder", "elbow", "wrist", "hand")
LEG = ("hip", "knee", "ankle", "foot")
JOINTS = (
    *("head", "neck", "spine", "pelvis"),
    *(f"{side}_{joint}" for limb in (ARM, LEG) for side in SIDES for joint in limb),
)
INDEX = {name: number for number, name in enumerate(JOINTS)}
MIRROR = tuple(
    INDEX.get({"left": "right_", "right": "left_"}.get(side, "") + joint, number) if joint else number
    for number, (side, _, joint) in enumerate(name.partition("_") for name in JOINTS)
)
"""For each joint, the one on the other side of the body."""
EDGES = (
    *((INDEX["pelvis"], INDEX["spine"]), (INDEX["spine"], INDEX["neck"]), (INDEX["neck"], INDEX["head"])),
    *((INDEX[trunk], INDEX[f"{side}_{limb[0]}"]) for trunk, limb in (("neck", ARM), ("pelvis", LEG)) for side in SIDES),
    *(
        (INDEX[f"{side}_{limb[n]}"], INDEX[f"{side}_{limb[n + 1]}"])
        for limb in (ARM, LEG)
        for side in SIDES
        for n in range(3)
    ),
)

CENTRAL = ("neck_tilt", "spine_flexion", "spine_lateral", "spine_rotation")
SIDED = (
    *("shoulder_flexion", "shoulder_abduction", "shoulder_opening", "shoulder_rotation", "elbow_flexion"),
    *("wrist_flexion", "hip_flexion", "hip_abduction", "knee_flexion", "ankle_flexion"),
)
UP, DOWN, FORWARD = np.eye(3)[1], -np.eye(3)[1], np.eye(3)[2]


@dataclass(frozen=True)
class Body:
    """The proportions of one person, in metres; `girth` and `limb_girth` scale the radii of trunk and limbs."""

    trunk: float
    arm: float
    leg: float
    shoulder_breadth: float
    hip_breadth: float
    head_radius: float
    girth: float
    limb_girth: float


@dataclass(frozen=True)
class Part:
    """A rounded cone between two joints: radii in metres, and the name of the colour it wears."""

    start: int
    end: int
    start_radius: float
    end_radius: float
    wears: str


def place(body: Body, angles: Mapping[str, Array]) -> Array:
    """Place the joints by forward kinematics, the lowest foot on the floor.

    Shapes:
        angles: radians, (T,) for each name of CENTRAL and (T, 2) for each of SIDED -> (T, J, 3)
    """
    frames = len(angles["spine_flexion"])
    at_TJ3 = np.zeros((frames, len(JOINTS), 3))
    chest_T33 = _place_trunk(at_TJ3, body, angles)
    for number, (side, outward) in enumerate(zip(SIDES, OUTWARD, strict=True)):
        sided = {name: angles[name][:, number] for name in SIDED}
        _place_arm(at_TJ3, body, sided, chest_T33, (side, outward))
        _place_leg(at_TJ3, body, sided, (side, outward))
    lowest_T = at_TJ3[..., 1].min(axis=1)
    at_TJ3[..., 1] -= lowest_T[:, None]
    return at_TJ3


def _place_trunk(at_TJ3: Array, body: Body, angles: Mapping[str, Array]) -> Array:
    """Fill in the trunk upward from the pelvis; each half of the spine bends half the angle. Gives the chest's turn."""
    half_T33 = (
        turn("y", angles["spine_rotation"] / 2)
        @ turn("z", -angles["spine_lateral"] / 2)
        @ turn("x", angles["spine_flexion"] / 2)
    )
    chest_T33 = half_T33 @ half_T33
    head_T33 = chest_T33 @ turn("z", -angles["neck_tilt"])
    at_TJ3[:, INDEX["spine"]] = half_T33 @ UP * (0.45 * body.trunk)
    at_TJ3[:, INDEX["neck"]] = at_TJ3[:, INDEX["spine"]] + chest_T33 @ UP * (0.55 * body.trunk)
    at_TJ3[:, INDEX["head"]] = at_TJ3[:, INDEX["neck"]] + head_T33 @ UP * (1.75 * body.head_radius)
    return chest_T33


def _place_arm(
    at_TJ3: Array, body: Body, angles: Mapping[str, Array], chest_T33: Array, side: tuple[str, float]
) -> None:
    name, outward = side
    upper_T33 = (
        chest_T33
        @ turn("y", outward * angles["shoulder_opening"])
        @ turn("z", outward * angles["shoulder_abduction"])
        @ turn("x", -angles["shoulder_flexion"])
        @ turn("y", outward * angles["shoulder_rotation"])
    )
    fore_T33 = upper_T33 @ turn("x", -angles["elbow_flexion"])
    hand_T33 = fore_T33 @ turn("x", -angles["wrist_flexion"])
    shoulder = np.array([outward * body.shoulder_breadth / 2, -0.03, 0.0])
    shoulder_T3 = at_TJ3[:, INDEX["neck"]] + chest_T33 @ shoulder
    elbow_T3 = shoulder_T3 + upper_T33 @ DOWN * (0.42 * body.arm)
    wrist_T3 = elbow_T3 + fore_T33 @ DOWN * (0.36 * body.arm)
    hand_T3 = wrist_T3 + hand_T33 @ DOWN * (0.22 * body.arm)
    for joint, where_T3 in zip(ARM, (shoulder_T3, elbow_T3, wrist_T3, hand_T3), strict=True):
        at_TJ3[:, INDEX[f"{name}_{joint}"]] = where_T3


def _place_leg(at_TJ3: Array, body: Body, angles: Mapping[str, Array], side: tuple[str, float]) -> None:
    name, outward = side
    thigh_T33 = turn("z", outward * angles["hip_abduction"]) @ turn("x", -angles["hip_flexion"])
    shin_T33 = thigh_T33 @ turn("x", angles["knee_flexion"])
    foot_T33 = shin_T33 @ turn("x", angles["ankle_flexion"])
    hip = np.array([outward * body.hip_breadth / 2, 0.0, 0.0])
    knee_T3 = hip + thigh_T33 @ DOWN * (0.5 * body.leg)
    ankle_T3 = knee_T3 + shin_T33 @ DOWN * (0.5 * body.leg)
    foot_T3 = ankle_T3 + foot_T33 @ FORWARD * (0.24 * body.leg)
    at_TJ3[:, INDEX[f"{name}_hip"]] = hip
    for joint, where_T3 in zip(LEG[1:], (knee_T3, ankle_T3, foot_T3), strict=True):
        at_TJ3[:, INDEX[f"{name}_{joint}"]] = where_T3


def parts(body: Body) -> tuple[Part, ...]:
    """Clothe the skeleton: the rounded parts of the trunk, the head and the limbs."""
    trunk, limb, head = 0.13 * body.girth, body.limb_girth, body.head_radius
    central = (
        Part(INDEX["pelvis"], INDEX["spine"], 0.8 * trunk, 0.95 * trunk, "shirt"),
        Part(INDEX["spine"], INDEX["neck"], 0.95 * trunk, 0.75 * trunk, "shirt"),
        Part(INDEX["left_shoulder"], INDEX["right_shoulder"], 0.1 * limb, 0.1 * limb, "shirt"),
        Part(INDEX["left_hip"], INDEX["right_hip"], 0.14 * limb, 0.14 * limb, "trousers"),
        Part(INDEX["neck"], INDEX["head"], 0.055, 0.055, "skin"),
        Part(INDEX["head"], INDEX["head"], head, head, "skin"),
    )
    return central + tuple(part for side in SIDES for part in _limbs(side, limb))


def _limbs(side: str, girth: float) -> tuple[Part, ...]:
    chain = (
        ("shoulder", "elbow", 0.09, 0.075, "sleeve"),
        ("elbow", "wrist", 0.073, 0.056, "forearm"),
        ("wrist", "hand", 0.066, 0.066, "skin"),
        ("hip", "knee", 0.14, 0.1, "trousers"),
        ("knee", "ankle", 0.095, 0.066, "shin"),
        ("ankle", "foot", 0.073, 0.06, "shoes"),
    )
    return tuple(
        Part(INDEX[f"{side}_{start}"], INDEX[f"{side}_{end}"], girth * first, girth * last, wears)
        for start, end, first, last, wears in chain
    )


def turn(axis: str, angle_T: Array) -> Array:
    """Give right-handed rotations about one axis: radians (T,) -> (T, 3, 3)."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    turn_T33 = np.broadcast_to(np.eye(3), (*angle_T.shape, 3, 3)).copy()
    turn_T33[..., first, first] = turn_T33[..., second, second] = np.cos(angle_T)
    turn_T33[..., second, first] = np.sin(angle_T)
    turn_T33[..., first, second] = -turn_T33[..., second, first]
    return turn_T33
