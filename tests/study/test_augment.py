"""Augmentation: what is drawn, and that one draw serves all frames and streams of a clip."""

import random

import numpy as np
import pydantic
import pytest
from numpy.typing import NDArray

from study import augment
from study.augment import AugmentSettings, Box, Draw, draw

EVERYTHING = AugmentSettings(crop="random_resized", flip=0.5, rand_augment="rand-m7-n4-mstd0.5-inc1", erase=0.5)
NOISE = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)


def still(frames: int = 3) -> NDArray[np.uint8]:
    """Show a clip in which nothing moves."""
    return np.broadcast_to(NOISE, (frames, *NOISE.shape))


@pytest.mark.parametrize("settings", [AugmentSettings(), EVERYTHING], ids=["tiny", "everything"])
def test_a_draw_depends_on_seed_epoch_and_clip_alone(settings: AugmentSettings) -> None:
    one = draw(settings, 1, 2, "a")
    draw(settings, 3, 3, "c")

    assert draw(settings, 1, 2, "a") == one
    assert len({one, draw(settings, 2, 2, "a"), draw(settings, 1, 3, "a"), draw(settings, 1, 2, "b")}) == 4


def test_a_setting_moves_only_its_own_part_of_the_draw() -> None:
    plain = AugmentSettings(crop="jitter", flip=0.5)
    more = AugmentSettings(crop="jitter", flip=0.9, erase=0.5, rand_augment="rand-m7")

    for epoch in range(50):
        one, other = draw(plain, 0, epoch, "a"), draw(more, 0, epoch, "a")
        assert (one.time, one.top, one.left) == (other.time, other.top, other.left)
        assert other.flip >= one.flip


def test_every_place_and_every_start_occurs_and_half_are_mirrored() -> None:
    draws = [draw(AugmentSettings(), 0, epoch, "a") for epoch in range(2000)]

    counts = np.zeros((9, 9))
    for one in draws:
        counts[one.corner(8)] += 1
    assert counts.min() > 0
    assert counts.max() < 60
    assert np.mean([one.flip for one in draws]) == pytest.approx(0.5, abs=0.05)
    assert np.histogram([one.time for one in draws], 3, (0, 1))[0].min() > 550


def test_no_crop_is_the_centre() -> None:
    one = draw(AugmentSettings(crop="none", flip=0), 0, 1, "a")

    np.testing.assert_array_equal(augment.apply(still(), one, AugmentSettings(), 20), still()[:, 10:30, 10:30])


def test_resized_rectangles_keep_to_area_ratio_and_frame() -> None:
    settings = AugmentSettings(crop="random_resized", scale=(0.2, 0.5), ratio=(0.75, 1.5))
    boxes = [draw(settings, 0, epoch, "a").resized for epoch in range(1000)]

    for box in boxes:
        assert box is not None
        assert 0.2 - 1e-9 <= box.height * box.width <= 0.5 + 1e-9
        assert 0.75 - 1e-9 <= box.width / box.height <= 1.5 + 1e-9
        assert box.top >= 0
        assert box.left >= 0
        assert box.top + box.height <= 1 + 1e-9
        assert box.left + box.width <= 1 + 1e-9
        top, left, height, width = box.pixels(37)
        assert 0 <= top <= 37 - height
        assert 0 <= left <= 37 - width
    assert np.ptp([box.width for box in boxes if box]) > 0.3


def test_a_rectangle_that_would_not_fit_keeps_its_area() -> None:
    settings = AugmentSettings(crop="random_resized", scale=(0.9, 0.9), ratio=(3, 3))

    box = draw(settings, 0, 1, "a").resized

    assert box is not None
    assert (box.width, box.height) == pytest.approx((1, 0.9))


@pytest.mark.parametrize(
    "done",
    [
        Draw(top=0.9, left=0.1, flip=True),
        Draw(resized=Box(0.1, 0.2, 0.5, 0.7), flip=True),
        Draw(policy=7),
        Draw(erased=Box(0.2, 0.2, 0.4, 0.3)),
        Draw(resized=Box(0.1, 0.2, 0.5, 0.7), policy=8, erased=Box(0.2, 0.2, 0.4, 0.3)),
    ],
    ids=["jitter", "resized", "rand_augment", "erased", "all"],
)
def test_all_frames_of_a_clip_get_the_same(done: Draw) -> None:
    shown = augment.apply(still(), done, EVERYTHING, 20)

    assert shown.shape == (3, 20, 20, 3)
    assert shown.dtype == np.uint8
    np.testing.assert_array_equal(shown, np.broadcast_to(shown[0], shown.shape))
    assert not np.array_equal(shown, augment.apply(still(), Draw(), EVERYTHING, 20))


def test_a_grey_stream_gets_what_the_colours_get() -> None:
    grey = np.repeat(still()[..., :1], 3, axis=3)
    done = Draw(resized=Box(0.1, 0.2, 0.5, 0.7), flip=True, policy=3)

    shown = augment.apply(grey, done, EVERYTHING, 20)

    np.testing.assert_array_equal(augment.apply(grey[..., :1], done, EVERYTHING, 20), shown[..., :1])


def test_mirroring_turns_left_into_right() -> None:
    there, back = (augment.shown(still(), Draw(flip=flip), 40) for flip in (False, True))

    np.testing.assert_array_equal(back, there[:, :, ::-1])


@pytest.mark.parametrize(
    "done",
    [Draw(top=0, left=1), Draw(top=1, left=0.3, flip=True), Draw(resized=Box(0.25, 0.1, 0.6, 0.8), flip=True)],
    ids=["jitter", "mirrored", "resized"],
)
def test_joints_stay_on_what_they_mark(done: Draw) -> None:
    picture = np.zeros((1, 48, 48, 3), np.uint8)
    picture[:, 20:23, 30:33] = 255
    joint = np.array([[[31.5 / 48, 21.5 / 48]]], np.float32)

    shown = augment.apply(picture, done, AugmentSettings(), 40)
    moved = augment.move_joints(joint, done, 48, 40)

    weight = shown[0, :, :, 0] / shown[0, :, :, 0].sum()
    row, column = (np.arange(40) + 0.5) @ weight.sum(1), (np.arange(40) + 0.5) @ weight.sum(0)
    np.testing.assert_allclose(moved[0, 0] * 40, [column, row], atol=0.25)


def test_joints_in_metres_are_mirrored_and_missing_ones_stay_missing() -> None:
    joints = np.array([[[1, 2, 3], [np.nan, 0, 1]]], np.float32)

    moved = augment.move_joints(joints, Draw(top=0, flip=True), 48, 40)

    np.testing.assert_array_equal(moved, np.array([[[-1, 2, 3], [np.nan, 0, 1]]], np.float32))
    np.testing.assert_array_equal(augment.move_joints(joints, Draw(top=0), 48, 40), joints)


def test_the_global_generators_are_left_as_they_were() -> None:
    before, before_numpy = random.getstate(), np.random.get_state(legacy=False)["state"]["key"]

    augment.apply(still(), Draw(policy=1), EVERYTHING, 40)

    assert random.getstate() == before
    np.testing.assert_array_equal(np.random.get_state(legacy=False)["state"]["key"], before_numpy)


def test_policies_differ_from_draw_to_draw() -> None:
    shown = {augment.apply(still(1), Draw(policy=seed), EVERYTHING, 40).tobytes() for seed in range(6)}

    assert len(shown) > 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"crop": "zoom"},
        {"flip": 1.5},
        {"scale": (0.5, 0.1)},
        {"ratio": (0.0, 1.0)},
        {"rand_augment": "m7"},
        {"zoom": 1},
    ],
    ids=str,
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError):
        AugmentSettings.model_validate(wrong)


def test_in_a_mirrored_picture_a_left_hand_is_a_right_one() -> None:
    joints = np.array([[[0.1, 0.2], [0.3, 0.4], [0.9, 0.6]]], np.float32)  # left, middle, right
    flipped = augment.move_joints(joints, Draw(flip=True), 16, 16, mirror=(2, 1, 0))
    np.testing.assert_allclose(flipped, [[[0.1, 0.6], [0.7, 0.4], [0.9, 0.2]]], rtol=1e-6)
    metres = np.array([[[0.1, 0.2, 3.0], [0.3, 0.4, 3.0], [-0.9, 0.6, 3.0]]], np.float32)
    turned = augment.move_joints(metres, Draw(flip=True), 16, 16, mirror=(2, 1, 0))
    np.testing.assert_allclose(turned, [[[0.9, 0.6, 3.0], [-0.3, 0.4, 3.0], [-0.1, 0.2, 3.0]]], rtol=1e-6)
    assert np.array_equal(augment.move_joints(joints, Draw(), 16, 16, mirror=(2, 1, 0)), joints)


def test_a_flow_is_mirrored_and_stretched_with_its_picture() -> None:
    flow = np.full((1, 8, 8, 2), augment.STILL, np.uint8)
    flow[..., 0] += 10
    flow[..., 1] += 4
    flow[:, :, :4, 1] = augment.STILL
    flipped = augment.shown(flow, Draw(flip=True), 8)
    assert (flipped[..., 0] == augment.STILL - 10).all()
    assert (flipped[:, :, 4:, 1] == augment.STILL).all()
    assert (flipped[:, :, :4, 1] == augment.STILL + 4).all()
    half = augment.shown(flow, Draw(resized=Box(0.0, 0.5, 0.5, 0.5)), 8)
    assert (half == np.array([augment.STILL + 20, augment.STILL + 8])).all()


def test_a_flow_goes_through_colour_augmentation_with_its_two_channels() -> None:
    flow = np.full((2, 16, 16, 2), augment.STILL, np.uint8)
    settings = AugmentSettings(rand_augment="rand-m7-n2-mstd0.5")
    assert augment.apply(flow, Draw(policy=3), settings, 16).shape == flow.shape
