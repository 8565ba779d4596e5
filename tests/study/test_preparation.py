"""From a request to a plan: arms that differ in their data are different trainings."""

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.videos import VideoSet
from models.errors import UserError
from study import dataset
from study.preparation import Request, prepare
from tests.made_spec import SPEC as TOKENS

SPEC = """\
question: {ask: 'Do more clips help?'}
claim:
  says: {which: any, direction: better}
  smallest: 1.0
profile: smoke
design: sweep
control: {data.limit: 2}
factors:
  data.limit: [2, 4]
seeds: 2
"""


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(SPEC)
    return Request(str(tmp_path / "asked.yaml"))


def test_arms_with_other_clips_share_no_phase(request_: Request) -> None:
    prepared = prepare(request_)
    few, more = prepared.plan.trials[:2]
    assert {phase.key for phase in few.phases.values()}.isdisjoint(phase.key for phase in more.phases.values())
    sizes = [len(prepared.sources[trial.final.data].dataset().clips) for trial in (few, more)]
    assert sizes == [2 * 5, 4 * 5]


def test_preparing_writes_nothing(request_: Request, tmp_path: Path) -> None:
    prepare(request_)
    assert not (tmp_path / "home").exists()


def test_the_same_request_gives_the_same_keys(request_: Request) -> None:
    assert list(prepare(request_).plan.phases) == list(prepare(request_).plan.phases)


def test_arms_whose_data_lack_a_stream_are_refused_or_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, video_set: VideoSet
) -> None:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(dataset.Source, "dataset", lambda self: replace(video_set, depth=None))
    spec = TOKENS.replace("model.tokens.count: 2", "model.modality: rgb_difference").replace(
        "model.tokens.count: [1, 2]", "model.modality: [rgb_difference, skeleton, depth]"
    )
    path = tmp_path / "asked.yaml"
    path.write_text(spec)
    with pytest.raises(UserError, match=r"arm modality=depth: .* the data has no stream 'depth'. There are: rgb, skel"):
        prepare(Request(str(path)))
    path.write_text(spec + "leave_out_missing: true\n")
    edition = prepare(Request(str(path))).plan.edition
    assert [arm.name for arm in edition.arms] == ["modality=rgb_difference", "modality=skeleton"]
    assert edition.notes[-1].startswith("modality=depth: left out, because ")
    from_depth = spec.replace("{model.modality: rgb_difference}", "{model.modality: depth}")
    path.write_text(from_depth + "leave_out_missing: true\n")
    with pytest.raises(UserError, match="no stream 'depth'"):
        prepare(Request(str(path)))


def test_a_token_for_each_label_needs_as_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    path = tmp_path / "asked.yaml"
    path.write_text(TOKENS + "  model.tokens.read_out: per_label\n")
    with pytest.raises(UserError, match=r"arm count=1: model.tokens.read_out: per_label .* labels, 20, but is 1"):
        prepare(Request(str(path)))


def test_arms_that_are_measured_by_other_labels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    spec = TOKENS.replace("model.tokens.count: 2", "data.labels.trained: 20").replace(
        "model.tokens.count: [1, 2]", "data.labels.trained: [5, 20]"
    )
    path = tmp_path / "asked.yaml"
    path.write_text(spec)
    with pytest.raises(UserError, match=r"arm trained=5 is measured by 5 muscle groups and the control by 20"):
        prepare(Request(str(path)))
    path.write_text(spec + "  data.labels.measured: 5\n")
    assert len(prepare(Request(str(path))).plan.trials) == 2
    path.write_text(spec.replace("[5, 20]", "[5, 20, 21]") + "  data.labels.measured: 5\n")
    with pytest.raises(UserError, match=r"arm trained=21: data.labels.trained: is 21, but synthetic has 20"):
        prepare(Request(str(path)))
