import hashlib
import itertools
import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.metrics import average_precision_score
from sklearn.preprocessing import StandardScaler

from experiments import clip as contract
from experiments import motion, render
from experiments.clip import SPLITS, Clip, DataError
from experiments.data import synthetic
from experiments.data.synthetic import Settings, Synthetic

FEW = {"val_seen": 4, "val_unseen": 4, "test_seen": 4, "test_unseen": 4}
SPREAD = tuple(range(2, 40, 5))
PIXELS = {
    "train": "c3cac6f1d7b2090f",
    "val_seen": "c2e3e524c658d388",
    "val_unseen": "2cf03a1efd460f9e",
    "test_seen": "f860d458d2bed637",
    "test_unseen": "94cee6da432eeb06",
}


def few(seed: int = 0, train: int = 4) -> Synthetic:
    return synthetic.read(Settings(seed=seed, train=train, **FEW))


def of_split(data: Synthetic, split: str) -> list[Clip]:
    return [clip for clip in data.clips if clip.split == split]


def test_settings_say_how_many_clips_each_split_has() -> None:
    data = synthetic.read(Settings(train=7, val_seen=1, val_unseen=2, test_seen=3, test_unseen=5))
    assert [len(of_split(data, split)) for split in SPLITS] == [7, 1, 2, 3, 5]
    assert len({clip.name for clip in data.clips}) == 18


@pytest.mark.parametrize("split", SPLITS)
def test_the_pixels_change_only_with_the_version_of_the_renderer(split: str) -> None:
    assert synthetic.RENDERER == 3, "pin the new renderer's pixels"
    data = few()
    shown = data.frames(of_split(data, split)[1], lambda _: (0, 13, 39), 48, "crop")
    assert hashlib.sha256(shown.tobytes()).hexdigest()[:16] == PIXELS[split]


def test_frames_are_the_same_in_another_process_and_in_any_order() -> None:
    program = (
        "import hashlib; from experiments.data import synthetic as s\n"
        "d = s.read(s.Settings(train=4)); c = d.clips[2]\n"
        "print(hashlib.sha256(d.frames(c, lambda _: (9, 3), 32, 'crop').tobytes()).hexdigest(), d.fingerprint(c))"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    data = few()
    clip = data.clips[2]
    for each in reversed(data.clips):
        data.frames(each, lambda _: (0,), 32, "crop")
    shown = data.frames(clip, lambda _: (3, 9), 32, "crop")[::-1]
    assert other == [hashlib.sha256(shown.tobytes()).hexdigest(), data.fingerprint(clip)]


def test_more_clips_leave_the_first_ones_as_they_are() -> None:
    small, large = few(train=4), few(train=90)
    assert of_split(large, "train")[:4] == of_split(small, "train")
    assert [large.fingerprint(clip) for clip in small.clips] == [small.fingerprint(clip) for clip in small.clips]


def test_another_seed_shows_other_clips_of_the_same_activities() -> None:
    one, other = few(seed=0), few(seed=1)
    assert [clip.activity for clip in one.clips] == [clip.activity for clip in other.clips]
    assert not {one.fingerprint(clip) for clip in one.clips} & {other.fingerprint(clip) for clip in other.clips}
    assert contract.fingerprint(one) != contract.fingerprint(other)


def test_the_fingerprint_knows_the_renderer_and_the_length(monkeypatch: pytest.MonkeyPatch) -> None:
    data = few()
    clip = data.clips[0]
    longer = synthetic.read(Settings(train=4, frames=50, **FEW))
    before = data.fingerprint(clip)
    assert longer.fingerprint(clip) != before
    monkeypatch.setattr(synthetic, "RENDERER", synthetic.RENDERER + 1)
    assert data.fingerprint(clip) != before


def test_labels_follow_from_the_motions_of_the_activity() -> None:
    for clip in few(train=90).clips:
        worked = {muscle for name in clip.activity.split("+") for muscle in motion.MOTIONS[name].muscles}
        assert {synthetic.Synthetic.labels[index] for index in clip.muscles} == worked
        assert list(clip.muscles) == sorted(clip.muscles)


def test_unseen_activities_occur_in_no_other_split() -> None:
    data = synthetic.read(Settings())
    shown = {split: {frozenset(clip.activity.split("+")) for clip in of_split(data, split)} for split in SPLITS}
    assert shown["train"] == shown["val_seen"] == shown["test_seen"]
    for one, other in itertools.combinations(("train", "val_unseen", "test_unseen"), 2):
        assert not shown[one] & shown[other]


def test_splits_share_no_person() -> None:
    data = synthetic.read(Settings())
    people = {split: {clip.group for clip in of_split(data, split)} for split in SPLITS}
    assert sum(len(group) for group in people.values()) == len(set().union(*people.values()))
    builds = {split: {data.recipe(clip).person.body for clip in of_split(data, split)} for split in SPLITS}
    assert sum(len(group) for group in builds.values()) == len(set().union(*builds.values()))
    assert len(builds["train"]) == 20


def test_a_pair_shows_one_performance_by_a_light_and_by_a_dark_figure() -> None:
    data = few()
    first, second = (data.recipe(clip) for clip in data.clips[:2])
    assert (first.activity, first.movement, first.camera) == (second.activity, second.movement, second.camera)
    assert first.person.body == second.person.body
    assert first.person.is_light
    assert not second.person.is_light
    assert first.scene != second.scene
    assert data.recipe(data.clips[2]).movement != first.movement


def test_appearance_viewpoint_and_tempo_are_drawn_independently_of_the_labels() -> None:
    """No trait differs between clips with and without a label by more than chance lets one of 20 x 25 comparisons."""
    data = synthetic.read(Settings(train=2880))
    clips = of_split(data, "train")[::2]
    labels = np.array([[label in clip.muscles for label in range(20)] for clip in clips])
    traits = np.array([_traits(data, clip) for clip in clips])
    traits = (traits - traits.mean(axis=0)) / traits.std(axis=0)
    share = labels.mean(axis=0)
    z = (labels.T @ traits - labels.sum(axis=0)[:, None] * traits.mean(axis=0)) / np.sqrt(
        len(clips) * share * (1 - share)
    )[:, None]
    assert np.abs(z).max() < 4.5
    assert 0.9 < z.std() < 1.1


def _traits(data: Synthetic, clip: Clip) -> list[float]:
    made = data.recipe(clip)
    body, camera, scene, movement = made.person.body, made.camera, made.scene, made.movement
    return [
        *(body.trunk, body.arm, body.leg, body.girth, camera.yaw, camera.pitch, camera.distance, camera.shift_x),
        *(*scene.wall, *scene.floor, *scene.wears["shirt"], *scene.wears["trousers"], scene.horizon),
        *(len(scene.blobs), movement.period_frames, movement.size, movement.right_arm_lag),
    ]


@pytest.mark.parametrize("split", ["train", "test_unseen"])
def test_true_joints_lie_on_the_drawn_figure(split: str) -> None:
    data = few()
    for clip in of_split(data, split):
        depth = data.stream("depth", clip, lambda _: SPREAD, 96, "crop")[..., 0]
        places = np.floor(np.asarray(data.stream("skeleton", clip, lambda _: SPREAD, 96, "crop")) * 96).astype(int)
        inside = ((places >= 0) & (places < 96)).all(axis=-1)
        assert inside.mean() > 0.85
        frame, joint = np.nonzero(inside)
        x, y = places[frame, joint].T
        assert (depth[frame, y, x] > 0).all()


def test_joints_in_metres_are_seen_where_the_image_shows_them() -> None:
    data = few()
    clip = data.clips[5]
    metres, image = (data.stream(name, clip, lambda _: SPREAD, 64, "crop") for name in ("skeleton_3d", "skeleton"))
    assert metres.shape == (8, 20, 3)
    assert image.shape == (8, 20, 2)
    assert metres.dtype == image.dtype == np.float32
    np.testing.assert_allclose(render.to_image(metres.astype(float), data.recipe(clip).camera), image, atol=1e-5)
    bones = [np.linalg.norm(metres[:, end] - metres[:, start], axis=-1) for start, end in data.skeleton.edges]
    assert np.ptp(bones, axis=1).max() < 1e-5
    assert len(data.joint_names) == 20


def test_nearer_joints_are_brighter_in_depth() -> None:
    data = few()
    clip = data.clips[0]
    metres = data.stream("skeleton_3d", clip, lambda _: (20,), 96, "crop")[0, :, 2]
    assert metres.min() > 2.0
    places = np.floor(np.asarray(data.stream("skeleton", clip, lambda _: (20,), 96, "crop"))[0] * 96).astype(int)
    depth = data.stream("depth", clip, lambda _: (20,), 96, "crop")
    assert depth.dtype == np.uint8
    assert depth.shape == (1, 96, 96, 1)
    shown = depth[0, places[:, 1].clip(0, 95), places[:, 0].clip(0, 95), 0]
    visible_m = data.recipe(clip).camera.distance + render.DEPTH_RANGE_M * (1 - shown / 127.5)
    assert (visible_m < metres + 0.02)[shown > 0].all()


def test_frames_are_square_whatever_the_fit_and_may_repeat() -> None:
    data = few()
    clip = data.clips[0]
    shown = data.frames(clip, lambda _: (4, 4, 30), 40, "crop")
    assert shown.shape == (3, 40, 40, 3)
    assert shown.dtype == np.uint8
    np.testing.assert_array_equal(shown[0], shown[1])
    np.testing.assert_array_equal(shown, data.frames(clip, lambda _: (4, 4, 30), 40, "squash"))
    assert (shown[0] != shown[2]).any()


def test_a_frame_outside_the_clip_is_refused_in_words() -> None:
    data = few()
    for indices in ((0, 40), (-1,)):
        with pytest.raises(DataError, match=r"train_00000: frames .* the clip has 40"):
            data.frames(data.clips[0], lambda _, outside=indices: outside, 32, "crop")


def test_an_unknown_stream_is_named_with_the_nearest() -> None:
    data = few()
    with pytest.raises(LookupError, match="Did you mean 'skeleton'"):
        data.stream("skeletons", data.clips[0], lambda _: (0,), 32, "crop")


def test_clips_that_are_left_out_leave_the_others_as_they_are() -> None:
    data = few()
    fewer = data.without(frozenset({data.clips[0].name}))
    assert fewer.clips == data.clips[1:]
    assert fewer.fingerprint(data.clips[1]) == data.fingerprint(data.clips[1])


def test_a_linear_probe_on_the_mean_frame_stays_near_the_label_frequencies() -> None:
    data = synthetic.read(Settings(val_seen=360, val_unseen=350, test_seen=1, test_unseen=1))
    train, labels = _mean_frames(data, "train")
    scaler = StandardScaler().fit(train)
    probes = [RidgeCV(np.logspace(0, 7, 15)), Ridge(1e2), Ridge(1e4)]
    fitted = [probe.fit(scaler.transform(train), labels) for probe in probes]
    for split in ("val_seen", "val_unseen"):
        frames, truth = _mean_frames(data, split)
        frequencies = np.tile(labels.mean(axis=0), (len(truth), 1))
        for probe in fitted:
            ratio = _mean_ap(truth, probe.predict(scaler.transform(frames))) / _mean_ap(truth, frequencies)
            assert ratio < 1.2, (split, probe, ratio)


def _mean_frames(data: Synthetic, split: str) -> tuple[np.ndarray, np.ndarray]:
    clips = of_split(data, split)
    frames = np.array([data.frames(clip, lambda _: SPREAD, 24, "crop").mean(axis=0).ravel() for clip in clips])
    return frames, np.array([[float(label in clip.muscles) for label in range(20)] for clip in clips])


def _mean_ap(truth: np.ndarray, scores: np.ndarray) -> float:
    return float(np.mean([average_precision_score(truth[:, label], scores[:, label]) for label in range(20)]))
