"""Draws from a key everything that makes one clip: a person, a viewpoint, a scene and a way to move.

Each has a generator of its own, none of which knows the activity: appearance says nothing about the labels. Light
figures stand before dark walls and dark figures before light ones, at equal distances from `MIDDLE`. So a place in the
image is as often brightened as darkened by a limb, and a linear function of pixels hardly tells where limbs are. All
that is left to it is that skin is a little warmer than walls and clothes.
"""

from dataclasses import dataclass

import numpy as np

from experiments.figure import CENTRAL, Array, Body
from experiments.motion import REGIONS, Activity, Movement
from experiments.render import MIDDLE, Blob, Camera, Colour, Point, Scene, Wave

HELD_SHARE = 0.2  # of the regions that do not work, those that hold a posture of a motion
SKIN_WARMTH = np.array([0.03, 0.0, -0.03])
REST_DEGREES = {
    **dict.fromkeys(CENTRAL, (-6, 6)),
    "shoulder_flexion": (-10, 15),
    "shoulder_abduction": (8, 25),
    "shoulder_opening": (-5, 5),
    "shoulder_rotation": (-20, 20),
    "elbow_flexion": (5, 30),
    "wrist_flexion": (-15, 15),
    "hip_flexion": (0, 6),
    "hip_abduction": (3, 12),
    "knee_flexion": (0, 8),
    "ankle_flexion": (-3, 3),
}


@dataclass(frozen=True)
class Person:
    """Who is seen: the body, the colour of the skin, and whether skin and clothes are light."""

    body: Body
    skin: Colour
    is_light: bool


@dataclass(frozen=True)
class Recipe:
    """Everything that a clip shows."""

    person: Person
    camera: Camera
    scene: Scene
    movement: Movement
    activity: Activity


def choose(count: int, *key: int) -> int:
    """Draw one of `count`."""
    return int(np.random.default_rng(key).integers(count))


def draw_person(is_light: bool, *key: int) -> Person:
    """Draw a body and its skin; a light and a dark person drawn with one key have the same build."""
    rng = np.random.default_rng(key)
    stature, girth = rng.uniform(0.9, 1.08), rng.uniform(0.8, 1.35)
    body = Body(
        trunk=stature * rng.uniform(0.48, 0.54),
        arm=stature * rng.uniform(0.66, 0.74),
        leg=stature * rng.uniform(0.8, 0.9),
        shoulder_breadth=stature * rng.uniform(0.34, 0.44),
        hip_breadth=stature * rng.uniform(0.19, 0.25),
        head_radius=rng.uniform(0.115, 0.14),
        girth=girth,
        limb_girth=rng.uniform(1.0, 1.25) * girth**0.5,
    )
    skin = _shade(rng, is_light, (0.3, 0.38), chroma=0.01) + SKIN_WARMTH
    return Person(body, _colour(skin), is_light)


def draw_camera(*key: int) -> Camera:
    """Draw a viewpoint within 25 degrees of the front."""
    rng = np.random.default_rng(key)
    return Camera(
        yaw=np.deg2rad(rng.uniform(-25, 25)),
        pitch=np.deg2rad(rng.uniform(-3, 15)),
        distance=rng.uniform(3.5, 6.0),
        shift_x=rng.uniform(-0.08, 0.08),
        shift_y=rng.uniform(-0.04, 0.04),
    )


def draw_scene(person: Person, *key: int) -> Scene:
    """Draw the clothes, and a backdrop that they stand out from."""
    rng = np.random.default_rng(key)
    wall = _colour(_shade(rng, not person.is_light, (0.28, 0.37), chroma=0.04))
    shirt, trousers, shoes = (_colour(_shade(rng, person.is_light, (0.31, 0.4), chroma=0.07)) for _ in range(3))
    wears = {
        "shirt": shirt,
        "sleeve": shirt,
        "trousers": trousers,
        "shoes": shoes,
        "skin": person.skin,
        "forearm": shirt if rng.random() < 0.5 else person.skin,
        "shin": trousers if rng.random() < 0.5 else person.skin,
    }
    return Scene(
        wall=wall,
        floor=_near(rng, wall),
        horizon=rng.uniform(0.75, 0.92),
        waves=tuple(_wave(rng) for _ in range(2)),
        blobs=tuple(_blob(rng, wall) for _ in range(rng.integers(0, 3))),
        wears=wears,
    )


def draw_movement(*key: int) -> Movement:
    """Draw a tempo, a rest posture and the postures that idle regions hold."""
    rng = np.random.default_rng(key)
    return Movement(
        period_frames=rng.uniform(14, 26),
        phase=rng.uniform(),
        right_arm_lag=0.5 * float(rng.random() < 0.2),
        size=rng.uniform(0.95, 1.15),
        sway_degrees=rng.uniform(0.5, 3.0),
        rest={name: (rng.uniform(*span), rng.uniform(*span)) for name, span in REST_DEGREES.items()},
        held=tuple(
            (str(rng.choice(list(region))), rng.uniform()) if rng.random() < HELD_SHARE else None for region in REGIONS
        ),
    )


def _shade(rng: np.random.Generator, is_light: bool, distance: tuple[float, float], chroma: float) -> Array:
    """Draw a colour of any hue that is lighter or darker than `MIDDLE`."""
    hue = np.cos(rng.uniform(0, 2 * np.pi) - np.array([0, 2, 4]) * np.pi / 3)
    side = 1.0 if is_light else -1.0
    shade: Array = MIDDLE + side * rng.uniform(*distance) + chroma * hue
    return shade


def _near(rng: np.random.Generator, colour: Colour) -> Colour:
    return _colour(np.array(colour) + rng.uniform(-0.04, 0.04, 3))


def _wave(rng: np.random.Generator) -> Wave:
    across, down = rng.uniform(-4, 4, 2)
    return Wave(across, down, phase=rng.uniform(), amplitude=tuple(rng.uniform(-0.012, 0.012, 3)))


def _blob(rng: np.random.Generator, wall: Colour) -> Blob:
    start = rng.uniform(0, 1, 2)
    return Blob(
        start=_point(start),
        end=_point(start + rng.uniform(-0.2, 0.2, 2)),
        radius=rng.uniform(0.02, 0.06),
        drift=_point(rng.uniform(-0.12, 0.12, 2) * (rng.random() < 0.5)),
        period_frames=rng.uniform(12, 40),
        colour=_near(rng, wall),
    )


def _point(xy: Array) -> Point:
    x, y = xy.tolist()
    return x, y


def _colour(rgb: Array) -> Colour:
    red, green, blue = np.clip(rgb, 0.0, 1.0).tolist()
    return red, green, blue
