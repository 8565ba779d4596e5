"""Pruning: who is given up follows from the files alone, is not trained again by its claim, and is in no mean."""

import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import optuna
import pytest

import study
from experiments.problem import SpecError
from models import catalog
from results.attempt import Store
from results.owner import Owner
from results.record import Record, RecordWriter, read_records
from study.declaration import digest_of
from study.event import Event, Progress
from study.executor import local
from study.executor.task import Unheard
from study.leg import Stopped, unstopped
from study.phase import Phase
from study.preparation import Prepared, Request, prepare
from study.prune import make_pruner
from study.pruning import Pruning, Referee, pruning_of
from study.worker import Orders, run_phase
from tests import made_store as made
from tests.made_spec import PRUNED

CONTROL, ARMS = "lr=0.01", ("lr=0.003", "lr=0.001")
GONE = Owner("elsewhere", 1, 0.0, machine="another machine")


def prepared_of(home: Path, text: str = PRUNED, name: str = "asked") -> Prepared:
    (home / f"{name}.yaml").write_text(text)
    return prepare(Request(str(home / f"{name}.yaml")))


def pruning(prepared: Prepared) -> Pruning:
    found = pruning_of(prepared.plan, digest_of(prepared.plan))
    assert found is not None
    return found


def report(store: Store, key: str, values: Sequence[float], owner: Owner = GONE) -> None:
    """Leave what an attempt leaves that reports the mAP of its first epochs."""
    attempt = store.claim(key, {}, owner)
    assert attempt is not None
    with RecordWriter(attempt.reported) as reports:
        reports.write(Record("map", "val", epoch, value, "points") for epoch, value in enumerate(values, start=1))


def progress(epoch: int, epochs: int = 9) -> Progress:
    return Progress(epoch, epochs, 0.5, 50.0, 1.0)


# what may be given up


def test_joint_phases_are_compared_in_the_plans_order_and_the_control_is_exempt(home: Path) -> None:
    prepared = prepared_of(home, PRUNED + "control_again: true\n")
    own = pruning(prepared)
    finals = {trial.arm.name: trial.final.key for trial in prepared.plan.trials}
    assert own.trainings == tuple(finals.values())
    assert own.exempt == {finals[CONTROL], finals["control again"]}
    assert own.epochs == 3


def test_a_training_that_is_probed_is_not_given_up(home: Path) -> None:
    text = PRUNED.replace("optim.lr: 0.01", "probe.input: clean").replace("0.01, 0.003, 0.001", "clean, blurred")
    text = text.replace("optim.lr: [clean", "probe.input: [clean")
    assert pruning(prepared_of(home, text)).trainings == ()


def test_without_a_pruner_nothing_is(home: Path) -> None:
    prepared = prepared_of(home, PRUNED.replace("prune: {pruner: successive_halving, bootstrap_count: 100}\n", ""))
    assert pruning_of(prepared.plan, digest_of(prepared.plan)) is None


def test_renaming_a_study_changes_no_bracket_and_another_claim_does(home: Path) -> None:
    own, renamed = pruning(prepared_of(home)), pruning(prepared_of(home, name="renamed"))
    assert own.claim != renamed.claim
    assert (own.name, own.trainings) == (renamed.name, renamed.trainings)
    assert pruning(prepared_of(home, PRUNED.replace("smallest: 1.0", "smallest: 2.0"))).name != own.name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds: 1", "seeds: until decided", "prune: cannot be used with `seeds: until decided`"),
        ("claim:", "claim:\n  metric: latency", "prune: a claim about latency trains nothing"),
        ("successive_halving", "succesive_halving", "prune: succesive_halving: no such pruner. Did you mean"),
        ("bootstrap_count: 100", "bootstrap: 100", "prune.bootstrap: no such setting. Did you mean 'bootstrap_count'?"),
        ("bootstrap_count: 100", "reduction_factor: 1", "prune.reduction_factor: must be greater than or equal to 2"),
    ],
)
def test_a_pruner_that_cannot_be_is_refused_at_its_line(home: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SpecError) as refused:
        prepared_of(home, PRUNED.replace(old, new))
    assert message in str(refused.value)
    assert "asked.yaml:" in str(refused.value)


# who is given up


def curves(count: int, epochs: int) -> list[list[float]]:
    """Give curves that cross, since late ones overtake early ones, and of which some fall in the end."""

    def value(own: int, epoch: int) -> float:
        return 50 - 40 / (1 + epoch) + (7 * own % 5) * epoch / 8 - (own % 3) * (10 + 4 * max(0, epoch - 2))

    return [[value(own, epoch) for epoch in range(epochs)] for own in range(count)]


@pytest.mark.parametrize(
    "settings",
    [
        {"pruner": "median", "n_startup_trials": 2},
        {"pruner": "percentile", "percentile": 40, "n_startup_trials": 1},
        {"pruner": "successive_halving", "reduction_factor": 2},
        {"pruner": "hyperband", "reduction_factor": 2},
        {"pruner": "patient", "patience": 1, "wrapped": {"pruner": "median", "n_startup_trials": 2}},
    ],
    ids=lambda settings: settings["pruner"],
)
def test_it_decides_as_optuna_does_in_one_process(tmp_path: Path, settings: Mapping[str, object]) -> None:
    """Each training is judged by a referee of its own, after every epoch by another one: as if killed each time."""
    shown, keys = curves(8, 9), [f"{number:064d}" for number in range(8)]
    own = catalog.load("study.prune", str(settings["pruner"])).Settings(**settings)
    told = Pruning("sweep", "c0", "study-0", own, 9, tuple(keys), frozenset(keys[:1]))
    store, expected, found = Store(tmp_path / "store", alive=lambda owner: False), [], []

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    alone = optuna.create_study(study_name="study-0", direction="maximize", pruner=make_pruner(own, 9))
    for trial, key, values in zip([alone.ask() for _ in keys], keys, shown, strict=True):
        steps = []
        for epoch, value in enumerate(values, start=1):
            trial.report(value, epoch)
            steps.append(value)
            if trial.should_prune() and key != keys[0] and epoch < 9:
                break
        expected.append(len(steps))
        ended = optuna.trial.TrialState.PRUNED if len(steps) < 9 else optuna.trial.TrialState.COMPLETE
        alone.tell(trial, None if len(steps) < 9 else values[-1], ended)

    for key, values in zip(keys, shown, strict=True):
        for epoch in range(1, 10):
            report(store, key, values[:epoch])
            reason = Referee(told, store, key).gives_up(progress(epoch))
            if reason:
                store.attempts(key)[-1].prune("sweep", "c0", epoch, reason)
                break
        else:
            publish(store, key)
        found.append(epoch)
    assert found == expected
    assert 9 in found
    assert min(found) < 9


def publish(store: Store, key: str) -> None:
    """Make the newest attempt a result, whose records hold no mAP of their own."""
    attempt = store.attempts(key)[-1]
    with RecordWriter(attempt.records) as records:
        records.write([Record("loss", "train", 9, 0.5), Record("seconds", "train", 9, 1.0, "s")])
    for name in ("settings.json", "provenance.json"):
        (attempt.folder / name).write_text("{}")
    assert attempt.publish(1.0, ())


def hopeless(tmp_path: Path) -> tuple[Pruning, Store]:
    """Give two trainings, of which the second is the worse one, and a pruner that waits for nothing."""
    own = catalog.load("study.prune", "successive_halving").Settings(reduction_factor=2)
    store = Store(tmp_path / "store", alive=lambda owner: False)
    report(store, "a" * 64, [60.0, 61.0])
    report(store, "b" * 64, [10.0, 11.0])
    return Pruning("sweep", "c0", "study-0", own, 9, ("a" * 64, "b" * 64), frozenset()), store


def test_it_says_who_gave_up_what_when(tmp_path: Path) -> None:
    told, store = hopeless(tmp_path)
    reason = Referee(told, store, "b" * 64).gives_up(progress(2))
    assert reason == "given up by the pruner successive_halving after epoch 2 of 9, at map 11.0"
    assert Referee(told, store, "a" * 64).gives_up(progress(2)) == ""


def test_nobody_is_given_up_after_the_last_epoch_nor_if_exempt(tmp_path: Path) -> None:
    told, store = hopeless(tmp_path)
    assert Referee(told, store, "b" * 64).gives_up(progress(2, epochs=2)) == ""
    exempt = Pruning(**{**vars(told), "exempt": frozenset({"b" * 64})})
    assert Referee(exempt, store, "b" * 64).gives_up(progress(2)) == ""


def test_a_damaged_file_of_another_training_disturbs_nobody(tmp_path: Path) -> None:
    told, store = hopeless(tmp_path)
    store.attempts("a" * 64)[-1].done.write_text("cut")
    assert Referee(told, store, "b" * 64).gives_up(progress(2)) == ""


def test_a_training_that_another_study_finished_counts_as_far_as_it_was_measured(tmp_path: Path) -> None:
    told, store = hopeless(tmp_path)
    content = made.contents(5, 0)["joint"]
    key = made.key_of(content)
    made.train(store, content, signal=99.0)
    done = Pruning(**{**vars(told), "trainings": (key, "b" * 64)})
    assert Referee(done, store, "b" * 64).gives_up(progress(2)) != ""


# a whole study


def joint(prepared: Prepared, arm: str) -> Phase:
    return next(trial.final for trial in prepared.plan.trials if trial.arm.name == arm)


def orders(prepared: Prepared) -> Orders:
    resources = prepared.plan.edition.settings.resources
    code: dict[str, str | None] = {"commit": "none", "diff": None}
    return Orders(prepared.store.root, prepared.sources, resources, code, "a test", pruning=pruning(prepared))


def train(prepared: Prepared, phase: Phase, stop_after: int | None = None) -> Event:
    """Run a phase in this process; it may be told to stop after so many epochs."""

    def stop() -> None:
        attempts = prepared.store.attempts(phase.key)
        if stop_after is not None and prepared.store.states([phase.key])[phase.key].step == stop_after and attempts:
            raise Stopped("told to stop")

    return run_phase(phase, orders(prepared), prepared.store, Unheard(), stop if stop_after else unstopped)


@pytest.mark.slow
def test_what_is_given_up_is_terminal_for_its_claim_and_another_study_goes_on_with_it(home: Path) -> None:
    request = Request(str(home / "asked.yaml"))
    prepared = prepared_of(home)
    outcome = study.run(request, workers=1)
    assert outcome.is_whole
    assert outcome.report.pruned == "pruned: 2 of 3 trainings, 44 % of epochs saved"
    assert "Pruned: 2 of 3 trainings, 44 % of epochs saved; the arms of these" in outcome.report.answer.note
    assert "pruned: 2 of 3 trainings" in outcome.report.page.read_text().lower()
    given_up = prepared.store.pruned(digest_of(prepared.plan), (joint(prepared, arm).key for arm in ARMS))
    assert {attempt.number for attempt in given_up.values()} == {1}
    assert [json.loads(line)["step"] for line in given_up[joint(prepared, ARMS[0]).key].reported.open()] == [1]
    (standing,) = study.status("asked")
    assert (standing.states["pruned"], standing.states["done"], standing.is_unanswered) == (2, 4, False)
    assert standing.pruned == outcome.report.pruned
    assert study.sql("select distinct arm from finals").rows() == [(CONTROL,)]
    drawn = "select arm, max(step) from curves where phase = 'joint' and metric = 'loss' and split = 'train' group by 1"
    assert dict(study.sql(drawn).rows()) == {CONTROL: 3, ARMS[0]: 1, ARMS[1]: 1}
    assert study.verify() == []

    before = sorted(prepared.store.runs.glob("*/*"))
    assert str(study.run(request, workers=1).report.answer) == str(outcome.report.answer)
    assert sorted(prepared.store.runs.glob("*/*")) == before, "what was given up is not trained again"
    assert study.plan(request).states["joint"] == {"done": 1, "pruned": 2}

    plain = PRUNED.replace("prune: {pruner: successive_halving, bootstrap_count: 100}\n", "")
    other = prepared_of(home, plain, "other")
    assert {key for key, phase in other.plan.phases.items()} == set(prepared.plan.phases)
    finished = study.run(Request(str(home / "other.yaml")), workers=1)
    assert finished.report.pruned == ""
    result = prepared.store.result(joint(prepared, ARMS[0]).key)
    assert result is not None
    assert [record.step for record in read_records(result.records) if record.metric == "loss"] == [1, 2, 2, 2, 3, 3, 3]
    finals = "select edition, arm, pruned from finals where split = 'val_seen' order by all"
    assert study.sql(finals).rows() == [
        ("asked", ARMS[1], True), ("asked", ARMS[0], True), ("asked", CONTROL, False),
        ("other", ARMS[1], False), ("other", ARMS[0], False), ("other", CONTROL, False),
    ]  # fmt: skip
    assert study.report("asked")[0].pruned == outcome.report.pruned
    assert {one.edition: one.states["pruned"] for one in study.status()} == {"asked": 2, "other": 0}
    assert study.verify() == []


@pytest.mark.slow
def test_a_claim_that_was_changed_trains_what_the_old_one_gave_up(home: Path) -> None:
    request = Request(str(home / "asked.yaml"))
    prepared_of(home)
    assert study.run(request, workers=2).report.pruned == "pruned: 2 of 3 trainings, 44 % of epochs saved"
    prepared_of(home, PRUNED.replace("prune: {pruner: successive_halving, bootstrap_count: 100}\n", ""))
    outcome = study.run(request, workers=2)
    assert outcome.report.pruned == ""
    assert study.sql("select count(*) from finals where split = 'val_seen' and not pruned").rows() == [(3,)]


def test_a_training_that_was_stopped_and_resumed_is_given_up_by_the_same_reports(home: Path) -> None:
    text = PRUNED.replace("bootstrap_count: 100", "min_resource: 2, bootstrap_count: 100")
    prepared = prepared_of(home, text)
    prepared.store.prepare()
    phase = joint(prepared, ARMS[0])
    assert train(prepared, prepared.plan.phases[phase.parents["rgb"]]).state == "done"
    assert train(prepared, phase, stop_after=1).state == "stopped"
    ended = train(prepared, phase)
    assert ended.state == "pruned"
    assert "after epoch 2 of 3, at map" in ended.text
    stopped, resumed = prepared.store.attempts(phase.key)
    reports = [[record.step for record in read_records(one.reported)] for one in (stopped, resumed)]
    assert reports == [[1], [1, 2]]
    assert train(prepared, phase).state == "pruned"
    assert len(prepared.store.attempts(phase.key)) == 2, "it was not begun again"


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_training_given_up_by_the_same_reports(home: Path) -> None:
    prepared = prepared_of(home, PRUNED.replace("bootstrap_count: 100", "min_resource: 2, bootstrap_count: 100"))
    phase = joint(prepared, ARMS[0])
    phases = {key: one for key, one in prepared.plan.phases.items() if key in (phase.key, *phase.parents.values())}
    killed: list[int] = []

    def kill_first(event: Event) -> None:
        if event.key == phase.key and event.state == "epoch" and not killed:
            claim = prepared.store.attempts(phase.key)[-1].folder / "claim.json"
            killed.append(json.loads(claim.read_text())["pid"])
            os.kill(killed[0], signal.SIGKILL)

    schedule = local.run(phases, (), orders(prepared), 1, kill_first)
    assert killed
    assert schedule.pruned == {phase.key}
    assert prepared.store.pruned(digest_of(prepared.plan), [phase.key])[phase.key].number == 2
    reports = [[record.step for record in read_records(one.reported)] for one in prepared.store.attempts(phase.key)]
    assert reports in ([[1], [1, 2]], [[1, 2], [1, 2]]), "it was killed after its first epoch, or in its second"
