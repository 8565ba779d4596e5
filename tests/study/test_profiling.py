"""The phase that measures inference: what it keeps, and that nothing but noise differs between two of them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import torch

from models.build import ClipShape, ModelSettings, build, for_inference, parameter_count
from results.attempt import Attempt, Store
from results.owner import Owner
from results.record import read_records
from study import inference, made_up, profiling
from study.dataset import NO_CLIPS
from study.inference import InferenceSettings
from study.leg import Place, Stopped
from study.legs import leg_of
from study.phase import Phase, profile_of
from study.settings import Resources, Settings

TINY = {
    "data": {"frames": 2, "size": 16},
    "model": {"trunk": {"width": 4, "depth": 2, "stage_starts": [1]}, "tokens": {"count": 2}},
    "inference": {"batch": 2, "warmups": 1, "repeats": 5},
}
PLACE = Place(NO_CLIPS, None, Resources(), {"commit": "none", "diff": None}, "a test")


def phase_of(**model: object) -> Phase:
    settings = Settings.model_validate(TINY | {"model": {**TINY["model"], **model}})
    return profile_of(settings, 0, 0, 3, None)["profile"]


@pytest.fixture
def measured(tmp_path: Path) -> Callable[[Phase], Attempt]:
    store = Store(tmp_path / "store")

    def measured(phase: Phase) -> Attempt:
        attempt = store.claim(phase.key, phase.content, Owner.current("a test"))
        assert attempt is not None
        assert leg_of(phase)(phase, PLACE, store, attempt, lambda progress: None, lambda: None)
        return attempt

    return measured


def numbers(attempt: Attempt) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for record in read_records(attempt.records):
        assert record.split == "inference"
        found.setdefault(record.metric, []).append(record.value)
    return found


def test_it_keeps_every_repeat_its_median_and_its_middle_half(measured: Callable[[Phase], Attempt]) -> None:
    attempt = measured(phase_of())
    found = numbers(attempt)
    assert len(found["latency"]) == 5
    assert min(found["latency"]) > 0
    assert found["latency_median"] == [pytest.approx(median(found["latency"]))]
    low, high = np.quantile(found["latency"], [0.25, 0.75])
    assert found["latency_spread"] == [pytest.approx(high - low)]
    assert set(found) - {"latency", "latency_median", "latency_spread"} == {
        "peak_memory", "parameters", "gflops", "load",
    }  # fmt: skip


def test_it_publishes_numbers_and_no_weights_or_predictions(measured: Callable[[Phase], Attempt]) -> None:
    attempt = measured(phase_of())
    done = json.loads(attempt.done.read_text())
    assert set(done["size_bytes"]) == {"settings.json", "records.jsonl", "provenance.json"}
    provenance = json.loads(attempt.provenance.read_text())
    assert provenance["device"] == inference.device_name(torch.device("cpu"))
    assert provenance["device"].startswith("cpu")


def test_senders_cost_nothing_and_a_peer_reads_its_own_stream(measured: Callable[[Phase], Attempt]) -> None:
    with_sender, without = (numbers(measured(phase_of(distill=name))) for name in ("dense_tokens", "none"))
    for exact in ("parameters", "gflops", "peak_memory"):
        assert with_sender[exact] == without[exact]
    settings = phase_of().profiled
    assert isinstance(settings.model, ModelSettings)
    network = build(settings.model, 3, ClipShape(2, 16))
    assert with_sender["parameters"][0] < parameter_count(network).total
    assert numbers(measured(phase_of(baseline="mc3_18")))["gflops"][0] > 0
    assert numbers(measured(phase_of(baseline="random")))["gflops"] == [0.0]


def test_memory_is_what_torch_holds_whatever_was_done_before() -> None:
    network = torch.nn.Linear(1000, 500, bias=False)
    streams = {"rgb": torch.zeros(8, 1000)}
    network.forward = lambda streams: torch.nn.functional.linear(streams["rgb"], network.weight).relu()  # type: ignore[method-assign]
    weights, clips, out = 4 * 1000 * 500, 4 * 8 * 1000, 4 * 8 * 500
    for _ in range(2):
        assert inference.peak_bytes(network, streams, "fp32") == weights + clips + 2 * out


def test_a_larger_batch_holds_more_and_counts_by_the_clip() -> None:
    model = phase_of().settings.model
    network = for_inference(build(model, 3, ClipShape(2, 16)))
    one, four = (made_up.batch(["rgb"], size, ClipShape(2, 16)) for size in (1, 4))
    held = [inference.peak_bytes(network, streams, "fp32") or 0 for streams in (one, four)]
    assert held[0] < held[1]
    settings = InferenceSettings(batch=4, warmups=1, repeats=3)
    assert len(inference.latencies_ms(network, four, settings, "bf16", lambda: None)) == 3


def test_it_can_be_stopped_before_every_pass(tmp_path: Path) -> None:
    store, phase, asked = Store(tmp_path / "store"), phase_of(), []
    attempt = store.claim(phase.key, phase.content, Owner.current("a test"))
    assert attempt is not None

    def stop() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise Stopped("interrupted")

    with pytest.raises(Stopped):
        profiling.profile(phase, PLACE, store, attempt, stop=stop)
    assert not attempt.records.exists()


def test_it_runs_with_the_threads_of_its_settings(tmp_path: Path) -> None:
    phase = phase_of()
    phase = replace(phase, settings=phase.profiled.model_copy(update={"threads": 3}))
    store = Store(tmp_path / "store")
    attempt = store.claim(phase.key, phase.content, Owner.current("a test"))
    assert attempt is not None
    seen: set[int] = set()
    assert profiling.profile(phase, PLACE, store, attempt, stop=lambda: seen.add(torch.get_num_threads()))
    assert seen == {3}
