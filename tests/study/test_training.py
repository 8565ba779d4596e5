"""One phase from its key to its published result: the same numbers, whoever trains it, however often it is stopped."""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from models.build import own_state
from models.weights import WeightsError
from results.attempt import Attempt, Store
from results.metric.average_precision import mean_average_precision
from results.owner import Owner
from results.record import Record, read_records
from study import preparation, training
from study.checkpoint import load_resume, load_weights, save_weights
from study.event import Progress
from study.leg import Place, Pruned, Stopped, Superseded
from study.phase import Phase
from study.preparation import Prepared, Request, prepare
from study.trainer import Trainer
from study.training import started, subset_of, train

EPOCHS = 4
SETTINGS = {
    "data.limit": 6,
    "data.frames": 2,
    "data.size": 16,
    "data.margin": 2,
    "model.trunk.width": 4,
    "model.trunk.depth": 2,
    "model.trunk.stage_starts": [1],
    "model.head_dropout": 0.2,
    "model.trunk.drop_path": 0.0,
    "optim.batch": 4,
    "phases.rgb_epochs": EPOCHS,
    "phases.sender_epochs": 1,
    "phases.joint_epochs": 2,
}


RANDOM = {
    "model.trunk.drop_path": 0.3,
    "model.tokens.dropout": 0.2,
    "data.augment.crop": "random_resized",
    "data.augment.rand_augment": "rand-m7-n2-mstd0.5",
    "data.augment.erase": 0.5,
    "phases.joint_epochs": 3,
}


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path))
    return prepare(Request("token_count_sweep", profile="smoke", overrides=SETTINGS))


def phases(prepared: Prepared) -> dict[str, Phase]:
    """The phases of the first trial."""
    return dict(prepared.plan.trials[0].phases)


def place(prepared: Prepared) -> Place:
    way = prepared.ways[prepared.plan.edition.control.name]
    resources = prepared.plan.edition.settings.resources
    cache = way.source.decode(way.frames, way.streams)
    return Place(way.source.dataset(), cache, resources, {"commit": "none", "diff": None}, "a test")


def claimed(phase: Phase, store: Store) -> Attempt:
    attempt = store.claim(phase.key, phase.content | {"key": phase.key}, Owner.current("a test"))
    assert attempt is not None
    return attempt


def numbers(store: Store, phase: Phase) -> list[Record]:
    """All records of a result except times, which never repeat."""
    result = store.result(phase.key)
    assert result is not None
    return [record for record in read_records(result.records) if record.metric != "seconds"]


def stop_in(epoch: int) -> tuple[Callable[[Progress], None], Callable[[], None]]:
    """Give a report and a stop that end a training within `epoch`."""
    reached: list[int] = []

    def stop() -> None:
        if reached and reached[-1] == epoch - 1:
            raise Stopped("enough")

    return lambda progress: reached.append(progress.epoch), stop


def test_a_phase_publishes_records_predictions_weights_and_where_it_came_from(prepared: Prepared) -> None:
    rgb = phases(prepared)["rgb"]
    seen: list[Progress] = []
    assert train(rgb, place(prepared), prepared.store, claimed(rgb, prepared.store), seen.append)
    result = prepared.store.result(rgb.key)
    assert result is not None
    assert [progress.epoch for progress in seen] == list(range(1, EPOCHS + 1))
    assert {record.split for record in read_records(result.records)} == {"train", "val_seen", "val_unseen"}
    assert {record.split for record in read_records(result.sealed)} == {"test_seen", "test_unseen"}
    provenance = json.loads(result.provenance.read_text())
    assert provenance["seconds"] > 0
    assert provenance["parameters"] > 0
    assert provenance["peak_memory_bytes"] > 2**20
    assert not result.resume.exists(), "a finished phase needs no state to go on from"


def test_the_loss_falls(prepared: Prepared) -> None:
    rgb = phases(prepared)["rgb"]
    train(rgb, place(prepared), prepared.store, claimed(rgb, prepared.store))
    losses = [r.value for r in numbers(prepared.store, rgb) if (r.metric, r.split) == ("loss", "train")]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("kind", ["rgb", "joint"])
def test_a_phase_that_is_stopped_and_resumed_equals_one_that_never_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """With everything that draws at random: drop path, dropout of tokens and features, RandAugment, erasing."""
    monkeypatch.setenv("STUDY_HOME", str(tmp_path))
    prepared = prepare(Request("token_count_sweep", profile="smoke", overrides=SETTINGS | RANDOM))
    here, undisturbed = place(prepared), Store(tmp_path / "undisturbed")
    *parents, phase = [one for one in phases(prepared).values() if kind in ("joint", one.kind)]
    for store in (undisturbed, prepared.store):
        for parent in parents:
            train(parent, here, store, claimed(parent, store))
    train(phase, here, undisturbed, claimed(phase, undisturbed))
    stops = (2, phase.epochs)
    for epoch in stops:
        attempt = claimed(phase, prepared.store)
        report, stop = stop_in(epoch)
        with pytest.raises(Stopped):
            train(phase, here, prepared.store, attempt, report, stop)
        attempt.stop("a test")
    train(phase, here, prepared.store, claimed(phase, prepared.store))
    assert len(prepared.store.attempts(phase.key)) == 3
    assert numbers(prepared.store, phase) == numbers(undisturbed, phase)
    assert prepared.store.checkpoint(phase.key).read_bytes() == undisturbed.checkpoint(phase.key).read_bytes()


@pytest.mark.parametrize("kind", ["rgb", "joint"])
def test_a_phase_that_is_broken_off_in_the_middle_of_an_epoch_loses_no_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Every attempt takes one step or one batch of a measurement more than the one before."""
    monkeypatch.setenv("STUDY_HOME", str(tmp_path))
    prepared = prepare(Request("token_count_sweep", profile="smoke", overrides=SETTINGS | RANDOM | {"optim.batch": 4}))
    here, undisturbed, store = place(prepared), Store(tmp_path / "undisturbed"), prepared.store
    *parents, phase = [one for one in phases(prepared).values() if kind in ("joint", one.kind)]
    for one in (undisturbed, store):
        for parent in parents:
            train(parent, here, one, claimed(parent, one))
    steps: list[int] = []
    take = Trainer._step
    monkeypatch.setattr(Trainer, "_step", lambda self, step, batch: (steps.append(step), take(self, step, batch))[1])
    train(phase, here, undisturbed, claimed(phase, undisturbed))
    at_once, attempts = steps.copy(), 0
    steps.clear()
    while store.result(phase.key) is None:
        attempts += 1
        left = iter(range(attempts))

        def stop(left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise Stopped("enough")

        attempt = claimed(phase, store)
        try:
            train(phase, here, store, attempt, stop=stop)
        except Stopped:
            attempt.stop("a test")
    assert attempts > phase.epochs
    assert steps == at_once
    assert numbers(store, phase) == numbers(undisturbed, phase)
    assert store.checkpoint(phase.key).read_bytes() == undisturbed.checkpoint(phase.key).read_bytes()


@pytest.mark.parametrize("share", [0.0, 1e9])
def test_the_state_is_kept_as_often_as_its_share_of_the_time_allows(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr(training, "SAVING", share)
    kept: list[int] = []
    save = training.save_resume
    monkeypatch.setattr(training, "save_resume", lambda path, state: (kept.append(state.epoch), save(path, state)))
    phase = phases(prepared)["rgb"]
    assert train(phase, place(prepared), prepared.store, claimed(phase, prepared.store))
    assert kept == ([1, phase.epochs - 1] if share == 0 else list(range(1, phase.epochs)))


@pytest.mark.parametrize("ending", [Stopped, Pruned])
def test_who_is_told_after_an_epoch_to_end_keeps_its_state(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch, ending: type[Exception]
) -> None:
    monkeypatch.setattr(training, "SAVING", 0.0)
    phase = phases(prepared)["rgb"]
    attempt = claimed(phase, prepared.store)
    ended = phase.epochs - 2

    def report(progress: Progress) -> None:
        if progress.epoch == ended:
            raise ending("a test")

    with pytest.raises(ending):
        train(phase, place(prepared), prepared.store, attempt, report)
    assert ended > 1
    assert load_resume(attempt.resume).epoch == ended


FUSIONS = """\
question: {ask: 'Does fusion help?'}
claim: {says: {which: any, direction: better}, smallest: 1.0}
profile: smoke
design: sweep
control: {model.fusion: mctf}
factors: {model.fusion: [mctf, average]}
"""


@pytest.mark.slow
def test_shared_phases_give_bit_for_bit_what_a_trial_alone_gives(prepared: Prepared, tmp_path: Path) -> None:
    """An arm starts from phases that another arm trained; then alone, in a fresh process and store."""
    (tmp_path / "fusions.yaml").write_text(FUSIONS)
    prepared = prepare(Request(str(tmp_path / "fusions.yaml"), profile="smoke", overrides=SETTINGS))
    here, store = place(prepared), prepared.store
    order = list(prepared.plan.phases.values())
    control, trial = prepared.plan.trials[:2]
    assert {kind for kind in trial.phases if trial.phases[kind] == control.phases[kind]} == {"rgb", "sender"}
    until = order.index(trial.final) + 1
    for phase in order[:until]:
        train(phase, here, store, claimed(phase, store))
    alone = Store(tmp_path / "alone")
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_train_all, args=([p.content for p in trial.phases.values()], alone.root, here))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    assert numbers(alone, trial.final) == numbers(store, trial.final)
    assert alone.checkpoint(trial.final.key).read_bytes() == store.checkpoint(trial.final.key).read_bytes()


def _train_all(contents: list[dict[str, object]], root: Path, here: Place) -> None:
    store = Store(root)
    for content in contents:
        phase = Phase.of(content)
        train(phase, here, store, claimed(phase, store))


@pytest.mark.slow
def test_a_killed_worker_goes_on_from_its_last_state_to_the_same_numbers(prepared: Prepared, tmp_path: Path) -> None:
    rgb, here = phases(prepared)["rgb"], place(prepared)
    undisturbed = Store(tmp_path / "undisturbed")
    train(rgb, here, undisturbed, claimed(rgb, undisturbed))
    kills = 0
    for steps in (1, 5, 3):
        process = multiprocessing.get_context("spawn").Process(
            target=_train_and_die, args=(rgb.content, prepared.store.root, here, steps)
        )
        process.start()
        process.join(120)
        kills += process.exitcode == -signal.SIGKILL
    assert kills == 3
    train(rgb, here, prepared.store, claimed(rgb, prepared.store))
    assert numbers(prepared.store, rgb) == numbers(undisturbed, rgb)
    assert prepared.store.checkpoint(rgb.key).read_bytes() == undisturbed.checkpoint(rgb.key).read_bytes()


def _train_and_die(content: dict[str, object], root: Path, here: Place, steps: int) -> None:
    """Train, and kill this process before its step number `steps`."""
    training.SAVING = 0.0  # so that records are ahead of the state
    left = [steps]

    def die() -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    _train(Phase.of(content), Store(root), here, die)


def _train(phase: Phase, store: Store, here: Place, stop: Callable[[], None]) -> None:
    train(phase, here, store, claimed(phase, store), stop=stop)


def test_a_torn_state_is_passed_over_and_the_phase_trained_anew(prepared: Prepared) -> None:
    rgb, here = phases(prepared)["rgb"], place(prepared)
    attempt = claimed(rgb, prepared.store)
    report, stop = stop_in(3)
    with pytest.raises(Stopped):
        train(rgb, here, prepared.store, attempt, report, stop)
    attempt.stop("a test")
    attempt.resume.write_bytes(attempt.resume.read_bytes()[:100])
    assert train(rgb, here, prepared.store, claimed(rgb, prepared.store))
    steps = [record.step for record in numbers(prepared.store, rgb) if record.split == "train"]
    assert steps == list(range(1, EPOCHS + 1))


def test_a_worker_that_was_taken_over_publishes_nothing(prepared: Prepared) -> None:
    rgb = phases(prepared)["rgb"]
    attempt = claimed(rgb, prepared.store)
    (attempt.folder.parent / "2").mkdir()
    with pytest.raises(Superseded):
        train(rgb, place(prepared), prepared.store, attempt)
    assert prepared.store.done(rgb.key) is None


def test_a_phase_sees_only_what_its_key_hashes(prepared: Prepared) -> None:
    rgb = phases(prepared)["rgb"]
    rebuilt = Phase.of(json.loads(json.dumps(rgb.content)))
    assert rebuilt.key == rgb.key
    assert rebuilt.content == rgb.content
    assert not hasattr(rebuilt.settings, "resources")
    assert not hasattr(rebuilt.settings.data, "source")


def from_file(prepared: Prepared, path: Path) -> tuple[Prepared, Place]:
    """Plan the same study once more, with an RGB branch that starts from `path`."""
    asked = Request("token_count_sweep", profile="smoke", overrides={**FEW, "model.weights": str(path)})
    started_from = prepare(asked)
    return started_from, replace(place(prepared), weights=started_from.weights)


FEW = SETTINGS | {"model.tokens.dropout": 0.0, "phases.rgb_epochs": 1}


@pytest.fixture
def weights(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint of the control's RGB branch; arms with other tokens are not looked at."""
    monkeypatch.setattr(preparation, "refuse_unfit_weights", lambda *given: None)
    rgb = phases(prepared)["rgb"]
    network = started(rgb, place(prepared).dataset, prepared.store)
    save_weights(tmp_path / "weights.safetensors", {name: value + 1 for name, value in own_state(network).items()})
    return tmp_path / "weights.safetensors"


def test_a_phase_starts_from_the_file_that_its_key_names_by_content(prepared: Prepared, weights: Path) -> None:
    planned, here = from_file(prepared, weights)
    rgb = Phase.of(json.loads(json.dumps(phases(planned)["rgb"].content)))
    network = started(rgb, here.dataset, planned.store, here.weights)
    held = load_weights(weights)
    assert all(torch.equal(value, held[name]) for name, value in network.state_dict().items())
    assert train(rgb, here, planned.store, claimed(rgb, planned.store))


def test_a_file_that_changed_since_it_was_planned_is_no_start(prepared: Prepared, weights: Path) -> None:
    planned, here = from_file(prepared, weights)
    rgb = phases(planned)["rgb"]
    with pytest.raises(WeightsError, match="no file is named"):
        started(rgb, here.dataset, planned.store)
    save_weights(weights, {"other": torch.zeros(1)})
    with pytest.raises(WeightsError, match=r"weights\.safetensors: was changed since the study was planned"):
        train(rgb, here, planned.store, claimed(rgb, planned.store))
    assert planned.store.done(rgb.key) is None


def test_all_arms_share_what_they_agree_on(prepared: Prepared) -> None:
    """A token sweep shares nothing within itself: every count has its own rgb and sender."""
    assert prepared.plan.epochs == prepared.plan.epochs_unshared
    seeds = {trial.seed for trial in prepared.plan.trials}
    assert len(prepared.plan.phases) == 3 * 5 * len(seeds)


def test_only_measured_muscle_groups_have_scores_and_count_in_the_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path))
    labels = {"data.labels.trained": 10, "data.labels.measured": 5, "data.limit": 12}
    prepared = prepare(Request("token_count_sweep", profile="smoke", overrides=SETTINGS | labels))
    phase = phases(prepared)["rgb"]
    attempt = claimed(phase, prepared.store)
    assert train(phase, place(prepared), prepared.store, attempt)
    subset = subset_of(phase, place(prepared).dataset)
    rows = pl.read_parquet(attempt.predictions)
    scores_NC = np.array(rows["scores"].to_list())
    assert set(np.flatnonzero(~np.isnan(scores_NC).all(axis=0))) == set(subset.measured)
    assert len(subset.measured) == 5
    final = {(one.metric, one.split): one.value for one in read_records(attempt.records) if one.step == EPOCHS}
    for split in ("val_seen", "val_unseen"):
        on = (rows["split"] == split).to_numpy()
        labels_NC = np.array(rows["labels"].to_list())[on]
        assert final["map", split] == pytest.approx(mean_average_precision(scores_NC[on], labels_NC))
        learned = {metric for metric, where in final if metric.startswith("ap.") and where == split}
        assert len(learned) <= 10
        assert learned <= {f"ap.{place(prepared).dataset.labels[label]}" for label in subset.learned}
