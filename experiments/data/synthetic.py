"""Rendered clips of articulated figures: activities are compositions of joint motions, labels follow from the motions.

Unseen activities are new combinations of motions that occur in training. Every split has people of its own. Body,
clothes, viewpoint, backdrop and tempo are drawn independently of the activity. Clips come in pairs: one performance
(activity, movement, viewpoint) by a light figure before a dark wall, and by a dark one of the same build before a light
wall. Brightness thus hardly tells of postures, and a linear probe on the mean frame finds next to nothing.

A clip is a function of the seed, its split and its number: neither the counts nor the order of calls change it.

Letters: T frame, J joints.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from experiments import figure, motion, recipe, render
from experiments.clip import MUSCLES, SPLITS, Choose, Clip, DataError
from experiments.figure import Array
from experiments.recipe import Recipe
from models import catalog
from models.geometry import Skeleton
from models.settings import Frozen

RENDERER = 3  # raised with every change of what a clip shows; a test pins the pixels
PEOPLE = {"train": 40, "val_seen": 12, "val_unseen": 12, "test_seen": 12, "test_unseen": 12}


class Settings(Frozen):
    """How many clips each split has, how long they are, and the seed that everything is drawn from."""

    name: Literal["synthetic"] = "synthetic"
    seed: int = Field(0, ge=0)
    train: int = Field(240, ge=1)
    val_seen: int = Field(80, ge=1)
    val_unseen: int = Field(80, ge=1)
    test_seen: int = Field(80, ge=1)
    test_unseen: int = Field(80, ge=1)
    frames: int = Field(40, ge=2)


def read(settings: Settings, cache: Path | None = None) -> "Synthetic":
    """List the clips of `settings`; nothing is rendered before it is asked for."""
    clips = (_clip(settings.seed, split, number) for split in SPLITS for number in range(getattr(settings, split)))
    return Synthetic(settings, tuple(clips))


def _clip(seed: int, split: str, number: int) -> Clip:
    activities = motion.activities(split)
    activity = activities[number // 2 % len(activities)]
    build = recipe.choose(PEOPLE[split] // 2, *_key(seed, "choice", split, number // 2))
    return Clip(
        name=f"{split}_{number:05d}",
        split=split,
        activity=motion.name_of(activity),
        muscles=motion.muscles_of(activity),
        group=f"{split}_person_{2 * build + number % 2}",
    )


def _key(seed: int, what: str, split: str, number: int) -> tuple[int, ...]:
    """Give the key of one generator: what is drawn with different keys is independent."""
    return seed, ("choice", "person", "camera", "scene", "movement").index(what), SPLITS.index(split), number


@dataclass(frozen=True)
class Synthetic:
    """The rendered data set; holds no pixels."""

    settings: Settings
    clips: tuple[Clip, ...]
    name: ClassVar[str] = "synthetic"
    labels: ClassVar[tuple[str, ...]] = MUSCLES
    streams: ClassVar[tuple[str, ...]] = ("skeleton", "skeleton_3d", "depth")
    joint_names: ClassVar[tuple[str, ...]] = figure.JOINTS
    skeleton: ClassVar[Skeleton] = Skeleton(len(figure.JOINTS), 2, figure.EDGES, figure.MIRROR)

    def frames(self, clip: Clip, choose: Choose, side: int, fit: str) -> NDArray[np.uint8]:
        """Render RGB frames; they are square, so that either `fit` shows the same.

        Shapes:
            -> (T, side, side, 3)

        Raises:
            DataError: an index lies outside the clip.
        """
        return self._draw(clip, choose, side)[0]

    def stream(
        self, name: str, clip: Clip, choose: Choose, side: int, fit: str
    ) -> NDArray[np.float32] | NDArray[np.uint8]:
        """Give the true joints or the depth at the same frames.

        `skeleton` is in image coordinates (0 to 1, right and down), `skeleton_3d` in the camera's (metres to the
        right, up and away from it). Depth is 0 for the backdrop and brighter the nearer.

        Shapes:
            skeleton -> (T, J, 2), skeleton_3d -> (T, J, 3), depth -> (T, side, side, 1)

        Raises:
            LookupError: there is no such stream.
            DataError: an index lies outside the clip.
        """
        if name not in self.streams:
            raise LookupError(catalog.unknown(name, "stream of the synthetic data", self.streams))
        if name == "depth":
            return self._draw(clip, choose, side)[1]
        made = self.recipe(clip)
        seen_TJ3 = _joints(made, self._sampled(clip, choose))
        shown = seen_TJ3 if name == "skeleton_3d" else render.to_image(seen_TJ3, made.camera)
        return shown.astype(np.float32)

    def fingerprint(self, clip: Clip) -> str:
        """Digest the renderer's version, the clip's recipe and its length."""
        content = [RENDERER, self.settings.frames, dataclasses.asdict(self.recipe(clip))]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def without(self, names: frozenset[str]) -> "Synthetic":
        """Give the same data set without the clips of these names."""
        return dataclasses.replace(self, clips=tuple(clip for clip in self.clips if clip.name not in names))

    def recipe(self, clip: Clip) -> Recipe:
        """Draw what `clip` shows."""
        seed, number = self.settings.seed, int(clip.name.rpartition("_")[2])
        who = int(clip.group.rpartition("_")[2])
        person = recipe.draw_person(who % 2 == 0, *_key(seed, "person", clip.split, who // 2))
        return Recipe(
            person=person,
            camera=recipe.draw_camera(*_key(seed, "camera", clip.split, number // 2)),
            scene=recipe.draw_scene(person, *_key(seed, "scene", clip.split, number)),
            movement=recipe.draw_movement(*_key(seed, "movement", clip.split, number // 2)),
            activity=motion.activity_of(clip.activity),
        )

    def _draw(self, clip: Clip, choose: Choose, side: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        made = self.recipe(clip)
        at_T = self._sampled(clip, choose)
        parts = figure.parts(made.person.body)
        return render.draw(_joints(made, at_T), parts, made.camera, made.scene, at_T, side)

    def _sampled(self, clip: Clip, choose: Choose) -> Array:
        at_T = np.asarray(choose(self.settings.frames), dtype=np.float64)
        if len(at_T) and not 0 <= at_T.min() <= at_T.max() < self.settings.frames:
            raise DataError(
                f"{clip.name}: frames {at_T.min():.0f} to {at_T.max():.0f} were asked for, but the clip has "
                f"{self.settings.frames}, numbered from 0; ask within them or raise data.source.frames."
            )
        return at_T


def _joints(made: Recipe, at_T: Array) -> Array:
    """Give the joints in camera coordinates: (T,) -> (T, J, 3)."""
    angles = motion.perform(made.activity, made.movement, at_T)
    return render.to_camera(figure.place(made.person.body, angles), made.camera)
