"""Bad data, met by a whole study: named in one message before any training, or skipped and recorded."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import study
from experiments.clip import DataError
from models.errors import UserError
from study import cache
from study.cache import BadClips
from study.preparation import Request
from tests.made_spec import SPEC

pytestmark = pytest.mark.slow

ROWS = [
    ("train0", "curl", "biceps", "train"),
    ("train1", "squat", "quadriceps;gluteus", "train"),
    ("train2", "curl", "biceps", "train"),
    ("seen0", "curl", "biceps", "val_seen"),
    ("seen1", "squat", "quadriceps;gluteus", "val_seen"),
    ("unseen0", "row", "biceps;latissimus", "val_unseen"),
    ("unseen1", "lunge", "quadriceps", "val_unseen"),
]


@pytest.fixture
def gym(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_video: Callable[..., Path]) -> Path:
    """A folder of seven small videos with their manifest, a spec, and a home of its own."""
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(SPEC)
    gym = tmp_path / "gym"
    for name, *_ in ROWS:
        write_video(gym / f"{name}.mp4")
    write_manifest(gym, ROWS)
    return gym


def write_manifest(gym: Path, rows: list[tuple[str, str, str, str]]) -> None:
    with (gym / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("clip", "activity", "muscles", "split"))
        writer.writerows((f"{name}.mp4", *rest) for name, *rest in rows)


def asked(gym: Path, *, skip_bad: bool = False) -> Request:
    return Request(str(gym.parent / "asked.yaml"), data=str(gym / "manifest.csv"), skip_bad=skip_bad)


def test_a_study_of_own_videos_runs_and_answers(gym: Path) -> None:
    outcome = study.run(asked(gym), "study run asked")
    assert outcome.edition == "asked--gym"
    assert outcome.report.answer.verdict == "undecided"
    assert outcome.report.page.exists()


def test_a_video_that_is_text_is_named_before_training(gym: Path) -> None:
    (gym / "train1.mp4").write_text("not a video")
    with pytest.raises(BadClips, match=r"1 of 7 clips of gym cannot be read. train1.mp4.*--skip-bad"):
        study.run(asked(gym))
    assert list((gym.parent / "home" / "store" / "runs").iterdir()) == []


def test_bad_clips_can_be_skipped_and_are_recorded(gym: Path) -> None:
    (gym / "train1.mp4").write_text("not a video")
    (gym / "seen1.mp4").write_bytes(b"")
    outcome = study.run(asked(gym, skip_bad=True))
    skipped = json.loads((gym.parent / "home/store/editions/asked--gym/skipped.json").read_text())
    assert [each["clip"] for each in skipped] == ["seen1.mp4", "train1.mp4"]
    listed = study.sql("select skipped_clips from editions").item()
    assert set(listed) == {"seen1.mp4", "train1.mp4"}
    assert "train1.mp4" in outcome.report.page.read_text()
    assert "train1.mp4" not in study.sql("select distinct clip from predictions")["clip"].to_list()


def test_skipping_changes_the_data_and_so_the_keys(gym: Path) -> None:
    whole = set(study.plan(asked(gym)).plan.phases)
    (gym / "train2.mp4").write_text("not a video")
    study.run(asked(gym, skip_bad=True))
    assert whole.isdisjoint(path.name for path in (gym.parent / "home/store/runs").iterdir())


def test_clips_known_to_be_bad_are_not_decoded_again(gym: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (gym / "train1.mp4").write_text("not a video")
    study.run(asked(gym, skip_bad=True))
    monkeypatch.setattr(cache, "each", lambda *given: pytest.fail("clips were decoded again"))
    states = study.plan(asked(gym, skip_bad=True)).states
    assert {kind: dict(counted) for kind, counted in states.items()} == {
        kind: {"done": 2} for kind in ("rgb", "sender", "joint")
    }
    study.run(asked(gym, skip_bad=True))
    assert set(study.plan(asked(gym)).states["rgb"]) == {"absent"}


def test_other_clips_of_the_same_name_are_kept_apart(gym: Path) -> None:
    study.run(asked(gym))
    other = gym.parent / "elsewhere" / "gym"
    shutil.copytree(gym, other)
    request = replace(asked(gym), data=str(other / "manifest.csv"))
    study.run(request)  # a copy of the same clips is the same data
    (gym / "train0.mp4").write_bytes((gym / "seen0.mp4").read_bytes() + b"0")
    with pytest.raises(UserError, match=r"the edition asked--gym holds results of other clips.*Rename the folder"):
        study.run(asked(gym))


def test_a_clip_that_was_mended_is_read_again(gym: Path) -> None:
    whole = (gym / "train1.mp4").read_bytes()
    (gym / "train1.mp4").write_text("not a video")
    with pytest.raises(BadClips):
        study.run(asked(gym))
    (gym / "train1.mp4").write_bytes(whole)
    assert study.run(asked(gym)).failed == {}


def test_an_unseen_activity_that_occurs_in_train_is_refused(gym: Path) -> None:
    shutil.copy(gym / "train0.mp4", gym / "again.mp4")
    write_manifest(gym, [*ROWS, ("again", "curl", "biceps", "val_unseen")])
    with pytest.raises(DataError, match=r"unseen activities that are trained on: curl"):
        study.plan(asked(gym))


def test_a_plan_beyond_its_budget_is_refused(gym: Path) -> None:
    path = gym.parent / "asked.yaml"
    path.write_text(SPEC + "budget: {epochs: 1}\n")
    with pytest.raises(UserError, match=r"budget.epochs is 1, but the plan needs 6 epochs"):
        study.run(asked(gym))
