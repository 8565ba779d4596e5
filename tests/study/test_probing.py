"""Probes: the numbers of a finished network, measured again on other clips, and nothing trained."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from rich.console import Console

import study
from models.errors import UserError
from results.attempt import Store
from results.record import Record, read_records
from study.checkpoint import load_weights
from study.loader import Batch
from study.phase import Phase, phases_of
from study.preparation import Prepared, Request, prepare
from study.probing import damage_of, finished
from study.settings import Settings
from tests.made_spec import SPEC

PROBES = """\
factors:
  shown:
    clean: {}
    shuffled: {probe.input: shuffled}
    true sender tokens: {probe.tokens: sender}
    frames alone, shuffled: {model.baseline: mc3_18, probe.input: shuffled}
"""


def spec(changed: str = "") -> str:
    head, tail = SPEC.split("factors:\n  model.tokens.count: [1, 2]\n")
    return head.replace("{model.tokens.count: 2}", "{shown: clean}") + PROBES + tail + changed


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(spec())
    request = Request(str(tmp_path / "asked.yaml"))
    assert study.run(request, console=Console(quiet=True)).is_whole
    return prepare(request)


def finals(prepared: Prepared) -> dict[str, Phase]:
    return {trial.arm.name: trial.final for trial in prepared.plan.trials}


def predictions(store: Store, phase: Phase) -> pl.DataFrame:
    result = store.result(phase.key)
    assert result is not None
    return pl.read_parquet(result.predictions)


def test_probes_share_the_training_and_measure_what_it_makes_of_other_clips(ran: Prepared) -> None:
    last, store = finals(ran), ran.store
    clean, shuffled = last["shown=clean"], last["shown=shuffled"]
    assert (clean.kind, shuffled.kind) == ("joint", "probe")
    assert shuffled.parents == {"joint": clean.key}
    assert ran.plan.epochs == 3 + 2, "rgb, sender and joint once, and the baseline"
    before, after = predictions(store, clean), predictions(store, shuffled)
    assert before.drop("scores").equals(after.drop("scores")), "the same clips, labels and motion"
    assert not before["scores"].equals(after["scores"])
    result = store.result(shuffled.key)
    assert result is not None
    assert not result.checkpoint.exists()
    assert result.sealed.exists()
    assert study.verify() == []
    arms = study.sql("select arm, split from finals order by all")["arm"].unique().to_list()
    assert set(arms) == set(last)


def test_a_probe_that_changes_nothing_repeats_the_numbers_of_the_training(ran: Prepared, tmp_path: Path) -> None:
    """Blur of almost nothing: what differs is the phase alone."""
    (tmp_path / "again.yaml").write_text(
        spec().replace("probe.input: shuffled", "probe: {input: blurred, blur: 0.0001}")
    )
    request = Request(str(tmp_path / "again.yaml"))
    assert study.run(request, console=Console(quiet=True)).is_whole
    last, store = finals(prepare(request)), ran.store
    clean, blurred = (predictions(store, last[f"shown={name}"]) for name in ("clean", "shuffled"))
    scores = [np.stack(frame["scores"].to_list()) for frame in (clean, blurred)]
    np.testing.assert_allclose(*scores, rtol=0, atol=1e-6)


def test_a_probe_records_the_same_metrics_at_one_step(ran: Prepared) -> None:
    def metrics(phase: Phase) -> set[tuple[str, str]]:
        result = ran.store.result(phase.key)
        assert result is not None
        records: list[Record] = list(read_records(result.records))
        last = max(one.step for one in records)
        return {(one.metric, one.split) for one in records if one.step == last and one.split.startswith("val")}

    last = finals(ran)
    assert metrics(last["shown=shuffled"]) == metrics(last["shown=clean"]) != set()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            "  model.distill: none\n",
            r"asked.yaml:\d+  probe.tokens: sender tokens need an arm whose receivers ",
        ),
        ("  model.fusion: none\n", r"sender tokens need .* a fusion that reads receivers \(model.fusion\)"),
        (
            "  model.modality: skeleton\n",
            r"tokens of the sender skeleton have width 64, and those of the trunk 8: .* to 8",
        ),
    ],
)
def test_sender_tokens_that_do_not_fit_are_refused_before_any_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, message: str
) -> None:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(spec(changed))
    with pytest.raises(UserError, match=message):
        study.run(Request(str(tmp_path / "asked.yaml")), console=Console(quiet=True))


def keys(**changes: Any) -> dict[str, str]:
    return {role: phase.key for role, phase in phases_of(Settings.model_validate(changes), 0, 0, "").items()}


def test_a_probe_adds_a_phase_and_changes_no_key_of_the_training() -> None:
    trained, probed = keys(), keys(probe={"input": "dropped"})
    assert probed.pop("probe")
    assert probed == trained
    assert keys(probe={"input": "dropped"})["probe"] != keys(probe={"input": "dropped", "dropped": 0.25})["probe"]
    assert keys(signatures={"reliance": 3.0}) == trained


def test_true_sender_tokens_are_those_that_the_sender_phase_learned(ran: Prepared) -> None:
    """The network that is shown has the weights of both of its parents."""
    trial = next(trial for trial in ran.plan.trials if trial.arm.name == "shown=true sender tokens")
    dataset = ran.ways[trial.arm.name].source.dataset()
    network = finished(trial.final, dataset, ran.store).state_dict()
    sender = load_weights(ran.store.checkpoint(trial.phases["sender"].key))
    joint = load_weights(ran.store.checkpoint(trial.phases["joint"].key))
    assert all(torch.equal(network[name], value) for name, value in joint.items())
    learned = {name: value for name, value in sender.items() if name.startswith("sender.")}
    assert learned
    assert all(torch.equal(network[f"senders.rgb_difference.{name}"], value) for name, value in learned.items())


def test_every_seed_damages_a_clip_in_its_own_way(ran: Prepared) -> None:
    phase = next(trial.final for trial in ran.plan.trials if trial.arm.name == "shown=shuffled")
    dataset = ran.ways["shown=shuffled"].source.dataset()
    batch = Batch({"rgb": torch.arange(8.0).view(1, 1, 8, 1, 1)}, torch.zeros(1, 20), torch.tensor([0]), 1)
    phases = [replace(phase, seed=seed) for seed in range(4)]
    shown = [damage_of(each, dataset)(batch).streams["rgb"].flatten().tolist() for each in phases]
    assert len({tuple(frames) for frames in shown}) == 4
