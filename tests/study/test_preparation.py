"""From a request to a plan: arms that differ in their data are different trainings."""

from pathlib import Path

import pytest

from study.preparation import Request, prepare

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
