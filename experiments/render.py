"""Draws figures: a pinhole camera, rounded cones with soft edges and a depth buffer, and a backdrop.

Letters: T frame, J joints, H W rows and columns. Image coordinates run from 0 to 1, right and down; camera
coordinates are metres to the right, up and away from the camera. Everything is computed in double precision, so that
no machine's arithmetic reaches a pixel's rounding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.figure import Array, Part, turn

Colour = tuple[float, float, float]
Point = tuple[float, float]

MIDDLE = np.array([0.48, 0.45, 0.42])  # between light and dark
EDGE_FADE = 0.3  # how far the edge of a rounded part fades towards MIDDLE
VIEW_HEIGHT_M = 1.95  # a hand that is stretched up leaves the picture, as in many a video
TARGET_HEIGHT_M = 0.93
DEPTH_RANGE_M = 1.5  # in front of and behind the middle of the scene; the backdrop is 0, nearer is brighter


@dataclass(frozen=True)
class Camera:
    """Where the figure is seen from; `yaw` and `pitch` in radians, 0 is the front; the shift in metres."""

    yaw: float
    pitch: float
    distance: float
    shift_x: float
    shift_y: float


@dataclass(frozen=True)
class Wave:
    """One ripple of the backdrop's texture: cycles across the image in x and y, phase in cycles, height per channel."""

    across: float
    down: float
    phase: float
    amplitude: Colour


@dataclass(frozen=True)
class Blob:
    """A rounded bar behind the figure, in image units: it drifts to `drift` and back once in `period_frames`."""

    start: Point
    end: Point
    radius: float
    drift: Point
    period_frames: float
    colour: Colour


@dataclass(frozen=True)
class Scene:
    """Everything that is drawn beside the figure, and the colours it wears (0 to 1)."""

    wall: Colour
    floor: Colour
    horizon: float
    waves: tuple[Wave, ...]
    blobs: tuple[Blob, ...]
    wears: Mapping[str, Colour]


def to_camera(at_TJ3: Array, camera: Camera) -> Array:
    """Turn the figure's coordinates into camera coordinates: (T, J, 3) -> (T, J, 3), metres."""
    view_33 = turn("x", np.array(camera.pitch)) @ turn("y", np.array(camera.yaw))
    target = np.array([camera.shift_x, TARGET_HEIGHT_M + camera.shift_y, 0.0])
    seen_TJ3: Array = (at_TJ3 - target) @ view_33.T
    seen_TJ3[..., 2] = camera.distance - seen_TJ3[..., 2]
    return seen_TJ3


def to_image(seen_TJ3: Array, camera: Camera) -> Array:
    """Project camera coordinates: (T, J, 3) -> (T, J, 2), image coordinates."""
    at_TJ2: Array = 0.5 + np.array([1.0, -1.0]) * seen_TJ3[..., :2] * _scale(seen_TJ3, camera)[..., None]
    return at_TJ2


def _scale(seen_TJ3: Array, camera: Camera) -> Array:
    """Give the image heights per metre at each joint: (T, J, 3) -> (T, J)."""
    scale_TJ: Array = camera.distance / VIEW_HEIGHT_M / seen_TJ3[..., 2]
    return scale_TJ


def draw(
    seen_TJ3: Array, parts: Sequence[Part], camera: Camera, scene: Scene, indices_T: Array, side: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw the figure before its backdrop.

    Shapes:
        (T, J, 3) in camera coordinates, (T,) -> RGB (T, side, side, 3), depth (T, side, side, 1)
    """
    image_TJ2 = to_image(seen_TJ3, camera) * side
    scale_TJ = _scale(seen_TJ3, camera) * side
    wall_HW3 = backdrop(scene, side)
    rgb_THW3 = np.empty((len(indices_T), side, side, 3), np.uint8)
    depth_THW1 = np.empty((len(indices_T), side, side, 1), np.uint8)
    for t, index in enumerate(indices_T):
        canvas = _Canvas(wall_HW3)
        for blob in scene.blobs:
            canvas.blob(blob, float(index))
        canvas.figure(image_TJ2[t], seen_TJ3[t, :, 2], scale_TJ[t], parts, scene.wears)
        rgb_THW3[t] = np.clip(canvas.colour_HW3 * 255.0 + 0.5, 0, 255)
        nearness_HW = (camera.distance + DEPTH_RANGE_M - canvas.depth_HW) / (2 * DEPTH_RANGE_M)
        depth_THW1[t, ..., 0] = np.clip(nearness_HW * 255.0 + 0.5, 0, 255)
    return rgb_THW3, depth_THW1


def backdrop(scene: Scene, side: int) -> Array:
    """Paint wall and floor with their ripples: -> (side, side, 3), 0 to 1."""
    centre = (np.arange(side) + 0.5) / side
    x_HW, y_HW = np.meshgrid(centre, centre)
    below_HW1 = np.clip((y_HW - scene.horizon) * side + 0.5, 0.0, 1.0)[..., None]
    paint_HW3: Array = np.array(scene.wall) + below_HW1 * (np.array(scene.floor) - np.array(scene.wall))
    for wave in scene.waves:
        ripple_HW = np.sin(2 * np.pi * (wave.across * x_HW + wave.down * y_HW + wave.phase))
        paint_HW3 = paint_HW3 + ripple_HW[..., None] * np.array(wave.amplitude)
    return np.clip(paint_HW3, 0.0, 1.0)


class _Cone(NamedTuple):
    """What a rounded cone covers of an image.

    Attributes:
        window: the rows and columns it touches; the rest is given for these.
        cover_HW: share of each pixel, 0 to 1.
        along_HW: place along the axis, 0 to 1.
        round_HW: height of the surface over the axis as a share of the radius, 0 at the edge.
    """

    window: tuple[slice, slice]
    cover_HW: Array
    along_HW: Array
    round_HW: Array


class _Canvas:
    """One frame while it is drawn: its colours, and the distance of what each pixel shows."""

    def __init__(self, wall_HW3: Array) -> None:
        self.colour_HW3 = wall_HW3.copy()
        self.depth_HW = np.full(wall_HW3.shape[:2], np.inf)

    def blob(self, blob: Blob, index: float) -> None:
        """Draw a bar of the backdrop; it leaves no depth."""
        side = len(self.colour_HW3)
        swing = np.sin(2 * np.pi * index / blob.period_frames)
        ends = (np.array([blob.start, blob.end]) + swing * np.array(blob.drift)) * side
        cone = _cone(ends, np.full(2, blob.radius * side), side)
        if cone is not None:
            _mix(self.colour_HW3[cone.window], cone.cover_HW, np.array(blob.colour))

    def figure(
        self, image_J2: Array, depth_J: Array, scale_J: Array, parts: Sequence[Part], wears: Mapping[str, Colour]
    ) -> None:
        """Draw the parts from the farthest to the nearest; where they cross, the nearer surface shows."""
        for part in sorted(parts, key=lambda part: -(depth_J[part.start] + depth_J[part.end])):
            ends = [part.start, part.end]
            radii_m = np.array([part.start_radius, part.end_radius])
            cone = _cone(image_J2[ends], radii_m * scale_J[ends], len(self.depth_HW))
            if cone is None:
                continue
            radius_HW = radii_m[0] + cone.along_HW * (radii_m[1] - radii_m[0])
            axis_HW = depth_J[part.start] + cone.along_HW * (depth_J[part.end] - depth_J[part.start])
            surface_HW = axis_HW - radius_HW * cone.round_HW
            depth_HW = self.depth_HW[cone.window]
            shows_HW = (surface_HW < depth_HW) & (cone.cover_HW > 0.0)
            colour = np.array(wears[part.wears])
            colour_HW3 = colour + ((1.0 - cone.round_HW) * EDGE_FADE)[..., None] * (MIDDLE - colour)
            _mix(self.colour_HW3[cone.window], cone.cover_HW * shows_HW, colour_HW3)
            np.copyto(depth_HW, surface_HW, where=shows_HW & (cone.cover_HW >= 0.5))


def _mix(under_HW3: Array, cover_HW: Array, over: Array) -> None:
    under_HW3 += cover_HW[..., None] * (over - under_HW3)


def _cone(ends_22: Array, radii_2: Array, side: int) -> _Cone | None:
    """Cover the pixels of a rounded cone between two ends (x, y), all in pixels; None outside the image."""
    low = np.maximum((ends_22 - radii_2[:, None]).min(axis=0) - 1.0, 0.0).astype(int)
    high = np.minimum((ends_22 + radii_2[:, None]).max(axis=0) + 2.0, side).astype(int)
    if (high <= low).any():
        return None
    (start_x, start_y), (axis_x, axis_y) = ends_22[0], ends_22[1] - ends_22[0]
    x_W = np.arange(low[0], high[0]) + 0.5 - start_x
    y_H1 = (np.arange(low[1], high[1]) + 0.5 - start_y)[:, None]
    squared_length = max(axis_x**2 + axis_y**2, 1e-9)
    along_HW = _unit((x_W * (axis_x / squared_length)) + y_H1 * (axis_y / squared_length))
    away_HW = np.sqrt((x_W - along_HW * axis_x) ** 2 + (y_H1 - along_HW * axis_y) ** 2)
    radius_HW = radii_2[0] + along_HW * (radii_2[1] - radii_2[0])
    return _Cone(
        window=(slice(low[1], high[1]), slice(low[0], high[0])),
        cover_HW=_unit(radius_HW - away_HW + 0.5),
        along_HW=along_HW,
        round_HW=np.sqrt(_unit(1.0 - (away_HW / radius_HW) ** 2)),
    )


def _unit(values: Array) -> Array:
    """Limit to 0..1; on small windows `np.clip` takes twice the time."""
    return np.minimum(np.maximum(values, 0.0), 1.0)
