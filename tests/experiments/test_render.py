import dataclasses

import numpy as np
import pytest

from experiments import render
from experiments.figure import Array, Part
from experiments.render import Blob, Camera, Colour, Scene, Wave

FRONT = Camera(yaw=0.0, pitch=0.0, distance=4.0, shift_x=0.0, shift_y=0.0)
RED, BLUE, WALL = (0.9, 0.1, 0.1), (0.1, 0.1, 0.9), (0.5, 0.5, 0.5)
PLAIN = Scene(wall=WALL, floor=WALL, horizon=0.9, waves=(), blobs=(), wears={"red": RED, "blue": BLUE})
UPRIGHT, ACROSS = (0, 1), (2, 3)


def bar(ends: tuple[int, int], wears: str, radius: float = 0.1) -> Part:
    return Part(*ends, radius, radius, wears)


def crossing(upright_z: float, across_z: float) -> Array:
    """Place an upright bar and one across it, both 0.8 m long, in the middle of the view."""
    y = render.TARGET_HEIGHT_M
    at = [[0, y - 0.4, upright_z], [0, y + 0.4, upright_z], [-0.4, y, across_z], [0.4, y, across_z]]
    return np.array([at])


def drawn(
    at_TJ3: Array, *parts: Part, camera: Camera = FRONT, scene: Scene = PLAIN, side: int = 64, index: float = 0.0
) -> tuple[Array, Array]:
    """Give the first frame's colours (0 to 1) and depth."""
    rgb, depth = render.draw(render.to_camera(at_TJ3, camera), parts, camera, scene, np.array([index]), side)
    return rgb[0] / 255.0, depth[0, ..., 0].astype(float)


def test_a_point_straight_ahead_is_in_the_middle_and_its_depth_is_the_distance() -> None:
    ahead = np.array([[[0.0, render.TARGET_HEIGHT_M, 0.0]]])
    for yaw in (-0.5, 0.0, 0.7):
        camera = dataclasses.replace(FRONT, yaw=yaw, pitch=0.2)
        seen = render.to_camera(ahead, camera)
        np.testing.assert_allclose(seen[0, 0], [0, 0, 4.0], atol=1e-12)
        np.testing.assert_allclose(render.to_image(seen, camera)[0, 0], [0.5, 0.5])


def test_right_up_and_near_are_right_up_and_large() -> None:
    there = np.array([[[0.4, render.TARGET_HEIGHT_M + 0.3, 0.0], [0.4, render.TARGET_HEIGHT_M + 0.3, 1.0]]])
    (far_x, far_y), (near_x, near_y) = render.to_image(render.to_camera(there, FRONT), FRONT)[0]
    assert 0.5 < far_x < near_x
    assert 0.5 > far_y > near_y


def test_distances_survive_the_turn_into_camera_coordinates() -> None:
    at = np.random.default_rng(0).normal(size=(3, 5, 3))
    camera = Camera(yaw=0.6, pitch=0.2, distance=5.0, shift_x=0.1, shift_y=-0.1)
    seen = render.to_camera(at, camera)
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(at, axis=1), axis=-1), np.linalg.norm(np.diff(seen, axis=1), axis=-1), atol=1e-12
    )


@pytest.mark.parametrize(("upright_z", "across_z", "front"), [(0.5, 0.0, RED), (0.0, 0.5, BLUE)])
def test_the_nearer_part_hides_the_farther_whatever_the_order(upright_z: float, across_z: float, front: Colour) -> None:
    red, blue = bar(UPRIGHT, "red"), bar(ACROSS, "blue")
    at = crossing(upright_z, across_z)
    one, other = drawn(at, red, blue), drawn(at, blue, red)
    np.testing.assert_allclose(one[0][32, 32], front, atol=0.05)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


def test_a_part_that_leans_into_another_is_hidden_only_behind_it() -> None:
    at = crossing(0.0, 0.0)
    at[0, 2, 2], at[0, 3, 2] = -0.6, 0.6
    rgb, _ = drawn(at, bar(UPRIGHT, "red", radius=0.25), bar(ACROSS, "blue", radius=0.05))
    column_of_red_left, column_of_red_right = 32 - 5, 32 + 5
    assert rgb[32, column_of_red_left].argmax() == 0
    assert rgb[32, column_of_red_right].argmax() == 2


def test_depth_is_zero_behind_the_figure_and_brighter_the_nearer() -> None:
    rgb, depth = drawn(crossing(0.8, 0.0), bar(UPRIGHT, "red"), bar(ACROSS, "blue"))
    assert depth[0, 0] == 0
    assert depth[20, 32] > depth[32, 20] > 0
    metres = 4.0 + render.DEPTH_RANGE_M - depth[20, 32] / 255 * 2 * render.DEPTH_RANGE_M
    assert metres == pytest.approx(4.0 - 0.8 - 0.1, abs=0.03)
    np.testing.assert_allclose(rgb[0, 0], WALL, atol=0.01)


def test_edges_are_soft_and_the_picture_is_the_same_at_any_size() -> None:
    at, parts = crossing(0.5, 0.0), (bar(UPRIGHT, "red"), bar(ACROSS, "blue"))
    small, large = drawn(at, *parts, side=32)[0], drawn(at, *parts, side=128)[0]
    pooled = large.reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    assert np.abs(pooled - small).max() < 0.2
    assert np.abs(pooled - small).mean() < 0.01
    assert len(np.unique(small[..., 0])) > 6


def test_what_leaves_the_image_is_cut_off() -> None:
    at = crossing(0.0, 0.0)
    at[0, :2, 1] += 1.2
    at[0, 2:, 0] += 5.0
    rgb, depth = drawn(at, bar(UPRIGHT, "red"), bar(ACROSS, "blue"))
    assert rgb[0, 32].argmax() == 0
    assert (depth[32:] == 0).all()


def test_the_backdrop_ripples_and_its_bars_drift_behind_the_figure() -> None:
    bar_behind = Blob(start=(0.1, 0.5), end=(0.9, 0.5), radius=0.1, drift=(0.0, 0.3), period_frames=8, colour=BLUE)
    waves = (Wave(across=2.0, down=0.0, phase=0.0, amplitude=(0.05, 0.05, 0.05)),)
    scene = dataclasses.replace(PLAIN, waves=waves, blobs=(bar_behind,))
    at, part = crossing(0.0, 0.0), bar(UPRIGHT, "red")
    before, depth = drawn(at, part, scene=scene)
    after, _ = drawn(at, part, scene=scene, index=2.0)
    np.testing.assert_allclose(before[32, 32], RED, atol=0.05)
    np.testing.assert_allclose(before[32, 16], BLUE, atol=0.02)
    np.testing.assert_allclose(after[51, 16], BLUE, atol=0.02)
    assert depth[32, 16] == 0
    assert np.ptp(after[5, :, 0]) > 0.08
