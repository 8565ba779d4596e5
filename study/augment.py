"""Augmentation: what is done to a clip in training, drawn once for all its frames and all its streams.

A draw is a pure function of seed, epoch and clip. It depends on no worker, batch or history, so that an epoch that is
run again shows the same pictures.

Letters: T frame, H W rows and columns, J joints.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from models.settings import Frozen
from study.seeding import derive

Share = Annotated[float, Field(ge=0, le=1)]
ERASED_SHARE = (0.02, 1 / 3)  # of the frame's area, as in arXiv:1708.04896
ERASED_RATIO = (0.3, 1 / 0.3)
FLOW_CHANNELS = 2
STILL = 128  # the byte of no motion in an optical flow


class AugmentSettings(Frozen):
    """What is drawn for a clip in training."""

    crop: Literal["none", "jitter", "random_resized"] = "jitter"
    """The centre; a square of the size anywhere within the margin; or a rectangle anywhere, resized."""
    scale: tuple[Share, Share] = (0.08, 1.0)
    """Of a resized rectangle: share of the frame's area, least and most."""
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Of a resized rectangle: width over height, least and most."""
    flip: Share = 0.5
    """Probability of mirroring left and right."""
    rand_augment: str | None = None
    """Policy in timm's words (``rand-m7-n4-mstd0.5-inc1``), or null."""
    erase: Share = 0.0
    """Probability of erasing a rectangle."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, (least, most) in (("scale", self.scale), ("ratio", self.ratio)):
            if not 0 < least <= most:
                raise ValueError(f"{name} must hold a positive least and a most above it, but got {[least, most]}.")
        if self.rand_augment is not None and not self.rand_augment.startswith("rand-"):
            raise ValueError(f"rand_augment must be a policy like 'rand-m7-n4-mstd0.5', but got {self.rand_augment!r}.")
        return self


@dataclass(frozen=True)
class Box:
    """A rectangle in shares of the frame's sides."""

    top: float
    left: float
    height: float
    width: float

    def pixels(self, side: int) -> tuple[int, int, int, int]:
        """Give top, left, height and width on a square of `side` px."""
        height, width = max(1, round(self.height * side)), max(1, round(self.width * side))
        return min(round(self.top * side), side - height), min(round(self.left * side), side - width), height, width


@dataclass(frozen=True)
class Draw:
    """What is done to one clip.

    Attributes:
        time: where its frames start, as a share of the room for it.
        top, left: where its square lies, as shares of the margin.
        resized: the rectangle that is resized instead of taking a square from the margin.
        policy: seed of RandAugment's choices.
        erased: the rectangle that is filled with noise, within the square.
    """

    time: float = 0.5
    top: float = 0.5
    left: float = 0.5
    resized: Box | None = None
    flip: bool = False
    policy: int | None = None
    erased: Box | None = None

    def corner(self, margin: int) -> tuple[int, int]:
        """Give the top and left px of the square within `margin`; every place is equally likely."""
        return min(int(self.top * (margin + 1)), margin), min(int(self.left * (margin + 1)), margin)


def draw(settings: AugmentSettings, seed: int, epoch: int, clip: str) -> Draw:
    """Draw for the clip of this name. Every number is drawn in any case, so that one setting moves no other's."""
    rng = np.random.Generator(np.random.PCG64(derive(seed, "augment", epoch, clip)))
    time, top, left, flip, erase, *shape = rng.random(13).tolist()
    policy = int(rng.integers(2**31))
    is_moved = settings.crop == "jitter"
    return Draw(
        time=time,
        top=top if is_moved else 0.5,
        left=left if is_moved else 0.5,
        resized=_box(settings.scale, settings.ratio, *shape[:4]) if settings.crop == "random_resized" else None,
        flip=flip < settings.flip,
        policy=policy if settings.rand_augment else None,
        erased=_box(ERASED_SHARE, ERASED_RATIO, *shape[4:]) if erase < settings.erase else None,
    )


def _box(
    share: tuple[float, float], ratio: tuple[float, float], area: float, shape: float, top: float, left: float
) -> Box:
    """Turn four numbers from 0 to 1 into a rectangle: area evenly, ratio evenly in its logarithm, then its place.

    A rectangle that would not fit keeps its area and gives up its ratio, so that none has to be drawn again.
    """
    size = share[0] + area * (share[1] - share[0])
    wanted = math.exp(math.log(ratio[0]) + shape * (math.log(ratio[1]) - math.log(ratio[0])))
    width = min(math.sqrt(size * wanted), 1.0)
    height = min(size / width, 1.0)
    width = min(size / height, 1.0)
    return Box(top * (1 - height), left * (1 - width), height, width)


def shown(frames_THWC: NDArray[np.uint8], done: Draw, size: int) -> NDArray[np.uint8]:
    """Take the square (or resize the rectangle) of a draw and mirror it; nothing else. A view, where it can be one.

    What moves in a mirrored or resized picture moves mirrored, and farther: two channels are an optical flow.

    Shapes:
        (T, H, W, C) with H = W at least `size` -> (T, size, size, C)
    """
    if done.resized is not None:
        cut_THWC = _resized(frames_THWC, done.resized.pixels(frames_THWC.shape[1]), size)
    else:
        top, left = done.corner(frames_THWC.shape[1] - size)
        cut_THWC = frames_THWC[:, top : top + size, left : left + size]
    turned_THWC = cut_THWC[:, :, ::-1] if done.flip else cut_THWC
    return moved_as_shown(turned_THWC, done) if frames_THWC.shape[3] == FLOW_CHANNELS else turned_THWC


def moved_as_shown(flow_THWC: NDArray[np.uint8], done: Draw) -> NDArray[np.uint8]:
    """Mirror and stretch the displacements of a flow whose picture was mirrored and stretched already."""
    across, down = (1.0, 1.0) if done.resized is None else (1 / done.resized.width, 1 / done.resized.height)
    if not done.flip and across == down == 1:
        return flow_THWC
    steps = (flow_THWC.astype(np.float32) - STILL) * (-across if done.flip else across, down)
    moved: NDArray[np.uint8] = np.rint(steps + STILL).clip(1, 255).astype(np.uint8)
    return moved


def apply(frames_THWC: NDArray[np.uint8], done: Draw, settings: AugmentSettings, size: int) -> NDArray[np.uint8]:
    """Do all that was drawn to the frames of an image stream.

    Shapes:
        (T, H, W, C) with H = W at least `size` and C 3, 2 or 1 -> (T, size, size, C)
    """
    shown_THWC = shown(frames_THWC, done, size)
    if done.policy is not None and settings.rand_augment is not None:
        shown_THWC = _rand_augmented(shown_THWC, settings.rand_augment, done.policy)
    if done.erased is not None:
        shown_THWC = _erased(shown_THWC, done.erased)
    return shown_THWC


def move_joints(
    joints_TJA: NDArray[np.float32], done: Draw, side: int, size: int, mirror: Sequence[int] = ()
) -> NDArray[np.float32]:
    """Move joints as `shown` moves the picture they belong to, `side` px wide before and `size` px afterwards.

    In a mirrored picture a left hand is a right one: joints change places with those on the other side. Joints in
    metres are mirrored only. RandAugment and erasing leave joints alone.

    Args:
        mirror: for each joint, the one on the other side of the body; empty if nobody knows.

    Shapes:
        (T, J, 2) in shares of the frame or (T, J, 3) in metres -> the same
    """
    moved_TJA = joints_TJA[:, list(mirror)] if done.flip and mirror else joints_TJA.copy()
    if joints_TJA.shape[-1] == 3:
        moved_TJA[..., 0] *= -1 if done.flip else 1
        return moved_TJA
    top, left, height, width = (
        done.resized.pixels(side) if done.resized is not None else (*done.corner(side - size), size, size)
    )
    moved_TJA[..., 0] = (moved_TJA[..., 0] * side - left) / width
    moved_TJA[..., 1] = (moved_TJA[..., 1] * side - top) / height
    if done.flip:
        moved_TJA[..., 0] = 1 - moved_TJA[..., 0]
    return moved_TJA


def _resized(frames_THWC: NDArray[np.uint8], box: tuple[int, int, int, int], size: int) -> NDArray[np.uint8]:
    import torch
    from torchvision.transforms.v2 import functional

    top, left, height, width = box
    cut_TCHW = torch.from_numpy(frames_THWC[:, top : top + height, left : left + width].transpose(0, 3, 1, 2).copy())
    resized: NDArray[np.uint8] = functional.resize(cut_TCHW, [size, size], antialias=True).numpy()
    return resized.transpose(0, 2, 3, 1)


def _rand_augmented(frames_THWC: NDArray[np.uint8], policy: str, seed: int) -> NDArray[np.uint8]:
    """Let timm choose and apply the same operations to every frame."""
    from PIL import Image
    from timm.data.auto_augment import rand_augment_transform

    size = frames_THWC.shape[1]
    transform = rand_augment_transform(policy, {"translate_const": int(size * 0.45), "img_mean": (115, 115, 115)})
    channels = frames_THWC.shape[3]
    done = []
    for frame_HWC in frames_THWC:
        coloured = np.concatenate((frame_HWC, np.repeat(frame_HWC[..., :1], 3 - channels, axis=2)), axis=2)
        with _seeded(seed):
            done.append(np.asarray(transform(Image.fromarray(coloured))))
    return np.stack(done)[..., :channels]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the two global generators that timm draws from, and give them back as they were."""
    import random

    before, before_numpy = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(before_numpy)


def _erased(frames_THWC: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Fill the rectangle with grey noise, the same in every frame: a patch that moved would be a motion."""
    top, left, height, width = box.pixels(frames_THWC.shape[1])
    rng = np.random.Generator(np.random.PCG64([top, left, height, width]))
    noise = rng.normal(115, 57, (1, height, width, frames_THWC.shape[3])).clip(0, 255).astype(np.uint8)
    erased_THWC = frames_THWC.copy()
    erased_THWC[:, top : top + height, left : left + width] = noise
    return erased_THWC
