"""Probes: the numbers of a finished network, measured again on other clips, and nothing trained."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

import study
from models.errors import UserError
from results.attempt import Store
from results.record import Record, read_records
from study.phase import Phase, phases_of
from study.preparation import Prepared, Request, prepare
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
