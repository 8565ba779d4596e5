import dataclasses

import numpy as np
import pytest

from experiments import recipe
from experiments.motion import ARMS, LEGS, REGIONS, TRUNK
from experiments.render import MIDDLE

KEYS = [(0, number) for number in range(200)]


def test_the_same_key_draws_the_same_and_another_key_another() -> None:
    person = recipe.draw_person(True, 1, 2)
    for draw in (recipe.draw_camera, recipe.draw_movement, lambda *key: recipe.draw_scene(person, *key)):
        assert draw(1, 2) == draw(1, 2) != draw(1, 3)
    assert person == recipe.draw_person(True, 1, 2) != recipe.draw_person(True, 1, 3)


def test_a_light_and_a_dark_person_of_one_key_have_the_same_build() -> None:
    light, dark = recipe.draw_person(True, 5), recipe.draw_person(False, 5)
    assert light.body == dark.body
    assert light.skin > dark.skin


@pytest.mark.parametrize("is_light", [True, False])
def test_figures_stand_out_from_their_walls(is_light: bool) -> None:
    for key in KEYS:
        person = recipe.draw_person(is_light, *key)
        scene = recipe.draw_scene(person, *key)
        contrasts = np.array(list(scene.wears.values())).mean(axis=1) - np.mean(scene.wall)
        assert (contrasts if is_light else -contrasts).min() > 0.5


def test_light_and_dark_figures_mirror_each_other_about_the_middle() -> None:
    shades = []
    for is_light in (True, False):
        scenes = [recipe.draw_scene(recipe.draw_person(is_light, *key), *key) for key in KEYS]
        shades.append(np.mean([[each.wall, each.wears["shirt"], each.wears["forearm"]] for each in scenes], axis=0))
    distances = shades[0] + shades[1] - 2 * MIDDLE
    np.testing.assert_allclose(distances.mean(axis=1), 0.0, atol=0.01)
    np.testing.assert_allclose(distances, 0.0, atol=0.05)


def test_bodies_viewpoints_and_tempi_differ() -> None:
    bodies = np.array([dataclasses.astuple(recipe.draw_person(True, *key).body) for key in KEYS])
    assert (bodies.std(axis=0) / bodies.mean(axis=0)).min() > 0.03
    yaws = np.rad2deg([recipe.draw_camera(*key).yaw for key in KEYS])
    assert -25 <= yaws.min() < -15
    assert 15 < yaws.max() <= 25
    periods = [recipe.draw_movement(*key).period_frames for key in KEYS]
    assert 14 <= min(periods) < 16
    assert 24 < max(periods) <= 26


def test_idle_regions_hold_postures_of_their_own_motions_now_and_then() -> None:
    held = [recipe.draw_movement(*key).held for key in KEYS]
    for number, region in enumerate((ARMS, LEGS, TRUNK)):
        names = [posture[0] for each in held if (posture := each[number]) is not None]
        assert set(names) == set(region)
        assert 0.1 < len(names) / len(held) < 0.3
    assert len(REGIONS) == len(held[0])
