"""How long phases take: by earlier runs of the same or of the same kind, or by timed steps."""

from pathlib import Path

import pytest
import torch

from models.build import Network
from results.files import replace_json
from study import rates
from study.compute import Compute
from study.declaration import declare
from study.fitting import PlanError
from study.phase import Phase
from study.preparation import Prepared, Request, prepare
from tests.made_spec import SPEC


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(SPEC)
    return Request(str(tmp_path / "asked.yaml"))


def finish(prepared: Prepared, phase: Phase, seconds: float, processes: int = 1) -> None:
    folder = prepared.store.runs / phase.key
    (folder / "1").mkdir(parents=True)
    replace_json(folder / "1" / "provenance.json", {"world_size": processes})
    done = {"attempt": 1, "at": "", "records": 0, "sealed": 0, "seconds": seconds, "size_bytes": {}, "sha256": {}}
    replace_json(folder / "done.json", done)


def total(prepared: Prepared, known: rates.Rates) -> float | None:
    return rates.seconds(prepared.plan.phases.values(), known, rates.training_clips(prepared))


def test_nothing_is_known_of_an_empty_store(request_: Request) -> None:
    prepared = prepare(request_)
    assert rates.recorded(prepared) == {}
    assert total(prepared, {}) is None


def test_like_phases_come_before_those_of_the_same_kind(request_: Request) -> None:
    prepared = prepare(request_)
    control, other = prepared.plan.trials
    finish(prepared, control.phases["joint"], 8.0)
    known = rates.recorded(prepared)
    assert known["joint"] == 8.0 / 4  # one epoch of four clips
    assert total(prepared, known) is None
    for kind in ("rgb", "sender"):
        finish(prepared, control.phases[kind], 4.0)
    finish(prepared, other.phases["joint"], 80.0)
    assert total(prepared, rates.recorded(prepared)) == pytest.approx(2 * 4 + 2 * 4 + 8 + 80)


def test_another_edition_of_the_profile_serves_and_is_scaled_to_the_clips(request_: Request) -> None:
    first = prepare(request_)
    declare(first, "")
    for phase in first.plan.phases.values():
        finish(first, phase, 4.0)
    more = prepare(Request(request_.name, overrides={"data.limit": 8}))
    assert total(more, rates.recorded(more)) == pytest.approx(2 * total(first, rates.recorded(first)))  # type: ignore[operator]
    other = prepare(Request(request_.name, profile="tiny"))
    assert rates.recorded(other) == {}


def test_a_phase_that_several_devices_shared_took_one_as_many_times_longer(request_: Request) -> None:
    prepared = prepare(request_)
    finish(prepared, prepared.plan.trials[0].phases["joint"], 8.0, processes=4)
    assert rates.recorded(prepared)["joint"] == 4 * 8.0 / 4


def test_a_result_that_says_not_how_it_was_made_tells_no_rate(request_: Request) -> None:
    prepared = prepare(request_)
    joint = prepared.plan.trials[0].phases["joint"]
    finish(prepared, joint, 8.0)
    (prepared.store.runs / joint.key / "1" / "provenance.json").unlink()
    assert rates.recorded(prepared) == {}


def test_steps_are_timed_as_they_are_computed(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "TIMED_STEPS", 1)
    seen: list[tuple[Compute, int]] = []
    timed = rates._timed_training

    def watched(network: Network, streams: dict[str, torch.Tensor], settings: object, compute: Compute) -> float:
        forward = network.forward
        clips = []
        monkeypatch.setattr(network, "forward", lambda given: (clips.append(len(given["rgb"])), forward(given))[1])
        took = timed(network, streams, settings, compute)
        seen.append((compute, min(clips)))
        return took

    monkeypatch.setattr(rates, "_timed_training", watched)
    overrides = {"optim.batch": 4, "resources.accumulate": 2, "resources.recompute_blocks": True}
    prepared = prepare(Request(request_.name, overrides=overrides))
    rates.timed(prepared, [prepared.plan.trials[0].phases["rgb"]])
    assert seen == [(Compute(torch.device("cpu"), accumulate=2, recompute_blocks=True), 2)]


def test_a_device_that_is_not_there_is_named_before_anything_is_timed(request_: Request) -> None:
    prepared = prepare(Request(request_.name, overrides={"resources.device": "cuda"}))
    assert rates.timed(prepared, []) == {}
    with pytest.raises(PlanError, match=r"cuda does not answer: .* without --measure"):
        rates.timed(prepared, prepared.plan.phases.values())


def test_steps_are_timed_with_the_threads_of_a_worker(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(request_)
    monkeypatch.setattr(rates, "TIMED_STEPS", 1)
    threads: list[int] = []
    timed = rates._timed_training
    monkeypatch.setattr(
        rates, "_timed_training", lambda *given: (threads.append(torch.get_num_threads()), timed(*given))[1]
    )
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        known = rates.timed(prepared, prepared.plan.phases.values())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert threads == [1] * 6
    assert (total(prepared, known) or 0) > 0


def test_an_epoch_holds_its_share_of_evaluation(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = {"phases.rgb_epochs": 4, "phases.evaluate_every": 2, "optim.batch": 2, "data.limit": 4}
    prepared = prepare(Request(request_.name, overrides=overrides))
    monkeypatch.setattr(rates, "_timed_training", lambda *given: 10.0)
    monkeypatch.setattr(rates, "_timed_evaluation", lambda *given: 1.0)
    rgb = prepared.plan.trials[0].phases["rgb"]
    known = rates.timed(prepared, [rgb])
    # Two batches of four clips; the two shown splits after epochs 2 and 4, the two sealed ones after epoch 4.
    a_phase = 4 * 2 * 10.0 + (2 * 2 * 2 + 2 * 2) * 1.0
    assert rates.seconds([rgb], known, rates.training_clips(prepared)) == pytest.approx(a_phase)


def test_a_probe_evaluates_every_split_once(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = {"probe.input": "shuffled", "optim.batch": 2, "data.limit": 4}
    prepared = prepare(Request(request_.name, overrides=overrides))
    monkeypatch.setattr(rates, "_timed_evaluation", lambda *given: 1.0)
    probe = prepared.plan.trials[0].final
    known = rates.timed(prepared, [probe])
    assert probe.kind == "probe"
    assert rates.seconds([probe], known, rates.training_clips(prepared)) == pytest.approx(4 * 2 * 1.0)
