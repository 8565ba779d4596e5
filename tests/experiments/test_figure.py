import numpy as np
import pytest

from experiments import figure
from experiments.figure import EDGES, INDEX, JOINTS, Array, Body

BODY = Body(
    trunk=0.5,
    arm=0.7,
    leg=0.85,
    shoulder_breadth=0.38,
    hip_breadth=0.22,
    head_radius=0.12,
    girth=1.0,
    limb_girth=1.0,
)


def angles(frames: int = 1, **degrees: float) -> dict[str, Array]:
    """Give upright angles, those that are named bent by the given degrees on both sides."""
    central = {name: np.full(frames, np.deg2rad(degrees.get(name, 0.0))) for name in figure.CENTRAL}
    sided = {name: np.full((frames, 2), np.deg2rad(degrees.get(name, 0.0))) for name in figure.SIDED}
    return central | sided


def joint(placed_TJ3: Array, name: str) -> Array:
    at: Array = placed_TJ3[0, INDEX[name]]
    return at


def lengths(placed_TJ3: Array) -> Array:
    start, end = zip(*EDGES, strict=True)
    lengths_TE: Array = np.linalg.norm(placed_TJ3[:, list(start)] - placed_TJ3[:, list(end)], axis=-1)
    return lengths_TE


def test_the_joint_graph_is_a_tree_over_all_joints() -> None:
    assert len(JOINTS) == len(set(JOINTS)) == 20
    reached = {INDEX["pelvis"]}
    for _ in JOINTS:
        reached |= {end for start, end in EDGES if start in reached}
    assert reached == set(range(20))
    assert len(EDGES) == 19


def test_bones_keep_their_length_however_joints_bend() -> None:
    rng = np.random.default_rng(0)
    central = {name: rng.uniform(-1, 1, 50) for name in figure.CENTRAL}
    sided = {name: rng.uniform(-1, 1, (50, 2)) for name in figure.SIDED}
    bent_TE = lengths(figure.place(BODY, central | sided))
    np.testing.assert_allclose(bent_TE, np.tile(lengths(figure.place(BODY, angles())), (50, 1)), atol=1e-12)


def test_the_lowest_joint_stands_on_the_floor() -> None:
    crouched = figure.place(BODY, angles(hip_flexion=70, knee_flexion=110))
    upright = figure.place(BODY, angles())
    assert crouched[..., 1].min() == upright[..., 1].min() == 0.0
    assert joint(crouched, "pelvis")[1] < joint(upright, "pelvis")[1] - 0.2


@pytest.mark.parametrize(
    ("angle", "moved", "axis", "sign"),
    [
        ("shoulder_flexion", "left_hand", 2, +1),
        ("shoulder_abduction", "left_hand", 0, +1),
        ("shoulder_abduction", "right_hand", 0, -1),
        ("elbow_flexion", "left_wrist", 2, +1),
        ("wrist_flexion", "right_hand", 2, +1),
        ("hip_flexion", "left_knee", 2, +1),
        ("hip_abduction", "right_ankle", 0, -1),
        ("knee_flexion", "left_ankle", 2, -1),
        ("spine_flexion", "head", 2, +1),
        ("spine_lateral", "head", 0, +1),
        ("neck_tilt", "head", 0, +1),
    ],
)
def test_an_angle_moves_its_joint_the_anatomical_way(angle: str, moved: str, axis: int, sign: int) -> None:
    bent, upright = figure.place(BODY, angles(**{angle: 30})), figure.place(BODY, angles())
    assert sign * (joint(bent, moved)[axis] - joint(upright, moved)[axis]) > 0.03


def test_a_plantar_flexed_ankle_lifts_the_body() -> None:
    raised, upright = figure.place(BODY, angles(ankle_flexion=45)), figure.place(BODY, angles())
    assert joint(raised, "head")[1] > joint(upright, "head")[1] + 0.1


def test_frames_do_not_depend_on_each_other() -> None:
    rng = np.random.default_rng(1)
    many = {name: rng.uniform(-1, 1, 6) for name in figure.CENTRAL}
    many |= {name: rng.uniform(-1, 1, (6, 2)) for name in figure.SIDED}
    fourth = {name: value_T[3:4] for name, value_T in many.items()}
    np.testing.assert_array_equal(figure.place(BODY, many)[3:4], figure.place(BODY, fourth))


def test_every_part_hangs_on_the_skeleton() -> None:
    parts = figure.parts(BODY)
    assert {part.wears for part in parts} == {"shirt", "trousers", "skin", "sleeve", "forearm", "shin", "shoes"}
    assert {part.start for part in parts} | {part.end for part in parts} == set(range(20))
