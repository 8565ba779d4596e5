"""Draws from a seed everything that makes one clip: a person, a scene and a way to move.

Person, scene and movement come from generators of their own, none of which knows the activity: appearance says
nothing about the labels.
"""

from dataclasses import dataclass

import numpy as np

from experiments.figure import CENTRAL, Array, Body
from experiments.motion import Tempo
from experiments.render import Blob, Camera, Colour, Point, Scene, Wave

CONTRAST = 0.28  # least difference in lightness between clothes or skin and the wall behind them
LIGHTNESS = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Person:
    """Who is seen: the body, and the colour of the skin."""

    body: Body
    skin: Colour


@dataclass(frozen=True)
class Movement:
    """How the activity is performed: rest posture in degrees (left, right) per joint angle, and tempo."""

    rest: dict[str, tuple[float, float]]
    tempo: Tempo


def choose(count: int, *key: int) -> int:
    """Draw one of `count`."""
    return int(np.random.default_rng(key).integers(count))


def draw_person(*key: int) -> Person:
    """Draw a body and its skin."""
    rng = np.random.default_rng(key)
    stature = rng.uniform(0.9, 1.08)
    girth = rng.uniform(0.8, 1.35)
    body = Body(
        trunk=stature * rng.uniform(0.48, 0.54),
        arm=stature * rng.uniform(0.7, 0.8),
        leg=stature * rng.uniform(0.8, 0.9),
        shoulder_breadth=stature * rng.uniform(0.34, 0.44),
        hip_breadth=stature * rng.uniform(0.19, 0.25),
        head_radius=rng.uniform(0.115, 0.14),
        girth=girth,
        limb_girth=rng.uniform(0.85, 1.1) * girth**0.5,
    )
    tone = rng.uniform(0.0, 1.0)
    light, dark = np.array([0.97, 0.82, 0.72]), np.array([0.28, 0.17, 0.12])
    return Person(body, _colour(dark + tone * (light - dark)))


def draw_camera(*key: int) -> Camera:
    """Draw a viewpoint within 40 degrees of the front."""
    rng = np.random.default_rng(key)
    return Camera(
        yaw=np.deg2rad(rng.uniform(-40, 40)),
        pitch=np.deg2rad(rng.uniform(-3, 15)),
        distance=rng.uniform(3.5, 6.0),
        shift_x=rng.uniform(-0.15, 0.15),
        shift_y=rng.uniform(-0.08, 0.08),
    )


def draw_scene(skin: Colour, *key: int) -> Scene:
    """Draw backdrop and clothes that stand out from it, as often lighter as darker."""
    rng = np.random.default_rng(key)
    wall = _apart(rng, [skin])
    wears = {name: _apart(rng, [wall]) for name in ("shirt", "trousers", "shoes")}
    wears |= {
        "skin": skin,
        "sleeve": wears["shirt"],
        "forearm": wears["shirt"] if rng.random() < 0.5 else skin,
        "shin": wears["trousers"] if rng.random() < 0.5 else skin,
    }
    floor = _colour(np.clip(np.array(wall) + rng.uniform(-0.12, 0.12, 3), 0, 1))
    waves = tuple(_wave(rng) for _ in range(3))
    blobs = tuple(_blob(rng, wall) for _ in range(rng.integers(0, 4)))
    return Scene(wall, floor, float(rng.uniform(0.72, 0.9)), waves, blobs, wears)


def draw_movement(*key: int) -> Movement:
    """Draw a tempo and a rest posture."""
    rng = np.random.default_rng(key)
    tempo = Tempo(
        period_frames=rng.uniform(14, 26),
        phase=rng.uniform(0, 1),
        right_arm_lag=0.5 * float(rng.random() < 0.4),
        size=rng.uniform(0.8, 1.1),
        sway_degrees=rng.uniform(0.5, 3.0),
    )
    ranges = {
        **dict.fromkeys(CENTRAL, (-6, 6)),
        "shoulder_flexion": (-10, 15),
        "shoulder_abduction": (8, 30),
        "shoulder_opening": (-5, 5),
        "shoulder_rotation": (-20, 20),
        "elbow_flexion": (5, 40),
        "wrist_flexion": (-15, 15),
        "hip_flexion": (0, 6),
        "hip_abduction": (3, 12),
        "knee_flexion": (0, 8),
        "ankle_flexion": (-3, 3),
    }
    rest = {name: (float(rng.uniform(*span)), float(rng.uniform(*span))) for name, span in ranges.items()}
    return Movement(rest, tempo)


def _wave(rng: np.random.Generator) -> Wave:
    across, down = rng.uniform(-4, 4, 2)
    return Wave(float(across), float(down), float(rng.uniform()), _colour(rng.uniform(-0.05, 0.05, 3)))


def _blob(rng: np.random.Generator, wall: Colour) -> Blob:
    start = rng.uniform(0, 1, 2)
    return Blob(
        start=_point(start),
        end=_point(start + rng.uniform(-0.2, 0.2, 2)),
        radius=float(rng.uniform(0.02, 0.06)),
        drift=_point(rng.uniform(-0.12, 0.12, 2) * (rng.random() < 0.5)),
        period_frames=float(rng.uniform(12, 40)),
        colour=_colour(np.clip(np.array(wall) + rng.uniform(-0.2, 0.2, 3), 0, 1)),
    )


def _apart(rng: np.random.Generator, others: list[Colour]) -> Colour:
    """Draw a colour whose lightness is `CONTRAST` or more away from that of each of the others."""
    while True:
        colour = np.clip(rng.uniform(0.0, 1.0) + rng.uniform(-0.25, 0.25, 3), 0.0, 1.0)
        if all(abs(LIGHTNESS @ (colour - np.array(other))) >= CONTRAST for other in others):
            return _colour(colour)


def _point(xy: Array) -> Point:
    x, y = (float(part) for part in xy)
    return x, y


def _colour(rgb: Array) -> Colour:
    red, green, blue = (float(channel) for channel in rgb)
    return red, green, blue
