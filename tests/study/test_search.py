"""A search: the files say what Optuna is told, each arm is trained once, and nothing is decided."""

import math
import resource
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import optuna
import pytest

import study
from experiments.problem import SpecError
from experiments.spec import SEARCH_SEEDS
from results.files import UnwritableError
from results.owner import Owner
from results.plan import PlanFile, seeds_of
from study import search as picking
from study.declaration import declare, digest_of, optuna_name, write_plan
from study.preparation import Prepared, Request, prepare
from study.search import ARM, JOURNAL, follow, pick_next
from tests import made_store as made
from tests.made_spec import SEARCH

CLIPS = 8
DEAD = Owner("here", 1, 0.0, machine=Owner.current().machine)


def prepared_of(home: Path, text: str = SEARCH, name: str = "sought") -> Prepared:
    (home / f"{name}.yaml").write_text(text + "charts: []\n")
    return prepare(Request(str(home / f"{name}.yaml")))


def finish(prepared: Prepared, *arms: str, scale: float = 0.01) -> None:
    """Store results of arms, the better the smaller their learning rates; with a `scale` below 0 the worse."""
    for trial in (one for one in prepared.plan.trials if one.arm.name in arms):
        for phase in trial.phases.values():
            made.train(prepared.store, phase.content, CLIPS, signal=scale / trial.arm.settings.optim.lr)


def go_on(prepared: Prepared, declared: PlanFile) -> PlanFile | None:
    """Plan the next round of a search."""
    asked = pick_next(prepared, declared)
    return asked and write_plan(prepared, asked, declared["claim_hash"], "")


def search(prepared: Prepared, scale: float = 0.01) -> list[tuple[str, ...]]:
    """Search to the end with results as `finish` makes them; give the arms of each round."""
    declared, rounds = declare(prepared, ""), []
    seen: set[str] = set()
    while True:
        new = tuple(arm for arm in seeds_of(declared) if arm not in seen)
        finish(prepared, *new, scale=scale)
        seen |= set(new)
        rounds.append(new)
        ahead = go_on(prepared, declared)
        if ahead is None:
            return rounds
        declared = ahead


def told(prepared: Prepared, url: str | None = None) -> optuna.Study:
    """Open Optuna's study of a search."""
    backend = optuna.storages.journal.JournalFileBackend(str(prepared.store.root / JOURNAL))
    storage = url or optuna.storages.JournalStorage(backend)
    return optuna.load_study(study_name=optuna_name(prepared.plan), storage=storage)


def states(prepared: Prepared, url: str | None = None) -> dict[str, int]:
    return dict(Counter(trial.state.name for trial in told(prepared, url).get_trials() if trial.user_attrs))


def test_it_picks_as_many_arms_as_were_asked_for_in_rounds_and_each_once(home: Path) -> None:
    prepared = prepared_of(home)
    assert {trial.seed for trial in prepared.plan.trials} == {SEARCH_SEEDS}
    first, *rounds = search(prepared)
    assert first == ("lr=0.01, weight_decay=0.05",)
    assert [len(own) for own in rounds] == [2, 2, 1]
    assert len({arm for own in rounds for arm in own}) == 5
    assert states(prepared) == {"COMPLETE": 6}
    report = study.report("sought")[0].answer
    assert report.verdict == "undecided"
    assert report.sentence.startswith("Undecided: a search decides no claim; best of 6 arms: lr=0.003, weight_decay=")
    assert all(contrast.low != contrast.low for contrast in report.contrasts), "no arm has an interval"
    assert study.verify() == []


def test_equal_results_lead_to_equal_picks_whatever_the_study_is_called(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = search(prepared_of(home))
    monkeypatch.setenv("STUDY_HOME", str(home / "another home"))
    assert search(prepared_of(home, name="renamed")) == found
    assert search(prepared_of(home, SEARCH.replace("[0.0, 0.05", "[0.01, 0.05"))) != found


def test_optuna_is_told_again_what_was_removed(home: Path) -> None:
    prepared = prepared_of(home)
    search(prepared)
    (prepared.store.root / JOURNAL).unlink()
    declared = declare(prepared, "")
    assert pick_next(prepared, declared) is None, "there were as many arms as are to be"
    assert states(prepared) == {"COMPLETE": 6}
    assert pick_next(prepared, declared) is None
    assert states(prepared) == {"COMPLETE": 6}, "nothing is told twice"


def test_what_a_killed_worker_left_is_told_failed_stays_planned_and_counts_once_it_is_trained(home: Path) -> None:
    prepared = prepared_of(home)
    declared = declare(prepared, "")
    finish(prepared, *seeds_of(declared))
    ahead = go_on(prepared, declared)
    assert ahead is not None
    _, done, lost = seeds_of(ahead)
    finish(prepared, done)
    follow(prepared, ahead)
    assert states(prepared) == {"COMPLETE": 2, "RUNNING": 1}, "nobody has begun it yet"
    key = next(trial.final.key for trial in prepared.plan.trials if trial.arm.name == lost)
    assert prepared.store.claim(key, {}, DEAD) is not None
    follow(prepared, ahead, [key])
    assert states(prepared) == {"COMPLETE": 2, "RUNNING": 1}, "SLURM holds it"
    follow(prepared, ahead)
    assert states(prepared) == {"COMPLETE": 2, "FAIL": 1}
    assert lost in seeds_of(declare(prepared, ""))
    finish(prepared, lost)
    follow(prepared, ahead)
    assert states(prepared) == {"COMPLETE": 3, "FAIL": 1}


def test_what_was_picked_by_a_run_that_was_killed_before_it_planned_it_is_told_failed(home: Path) -> None:
    prepared = prepared_of(home)
    declared = declare(prepared, "")
    finish(prepared, *seeds_of(declared))
    assert pick_next(prepared, declared) is not None
    assert len(seeds_of(go_on(prepared, declared) or declared)) == 3
    assert states(prepared) == {"COMPLETE": 1, "FAIL": 2, "RUNNING": 2}


def test_an_arm_whose_map_is_no_number_is_told_failed_and_the_search_goes_on(home: Path) -> None:
    prepared = prepared_of(home)
    declared = declare(prepared, "")
    for trial in (one for one in prepared.plan.trials if one.arm.is_control):
        for phase in trial.phases.values():
            made.train(prepared.store, phase.content, CLIPS, signal=math.nan)
    ahead = go_on(prepared, declared)
    assert ahead is not None
    finish(prepared, *[arm for arm in seeds_of(ahead) if arm not in seeds_of(declared)])
    assert go_on(prepared, ahead) is not None
    assert states(prepared) == {"COMPLETE": 2, "RUNNING": 2}, "nothing is told of the control"


def test_an_arm_that_two_runs_picked_at_once_is_told_once_and_failed_the_other_time(home: Path) -> None:
    prepared = prepared_of(home)
    declared = declare(prepared, "")
    finish(prepared, *seeds_of(declared))
    ahead = go_on(prepared, declared)
    assert ahead is not None
    picked = list(seeds_of(ahead))[1]
    arm = next(one for one in prepared.plan.edition.arms if one.name == picked)
    twice = told(prepared)
    twice.enqueue_trial(dict(arm.levels))
    twice.ask(twice.trials[0].distributions).set_user_attr(ARM, picked)
    finish(prepared, picked)
    follow(prepared, ahead)
    assert states(prepared) == {"COMPLETE": 2, "RUNNING": 1, "FAIL": 1}


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-7], lambda content: content[:40] + b"\0\0" + content[42:]]
)
def test_a_damaged_journal_is_set_aside_and_written_anew_from_the_files(
    home: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[bytes], bytes]
) -> None:
    prepared = prepared_of(home)
    search(prepared)
    journal = prepared.store.root / JOURNAL
    for number in ("", "2"):
        content = damage(journal.read_bytes())
        journal.write_bytes(content)
        assert pick_next(prepared, declare(prepared, "")) is None
        assert states(prepared) == {"COMPLETE": 6}
        aside = journal.with_name(f"{JOURNAL}.damaged{number}")
        assert aside.read_bytes() == content
        assert caplog.messages[-1] == (
            f"{journal}: is damaged; set aside as {aside.name} and written anew from the store."
        )
    assert study.verify() == []


def test_a_full_disk_is_said_as_everywhere(home: Path) -> None:
    prepared = prepared_of(home)
    declared = declare(prepared, "")
    finish(prepared, *seeds_of(declared))
    follow(prepared, declared)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((prepared.store.root / JOURNAL).stat().st_size + 9, limits[1]))
    try:
        with pytest.raises(UnwritableError, match=r"optuna.journal: cannot write: the file would exceed"):
            pick_next(prepared, declared)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert go_on(prepared, declared) is not None
    assert states(prepared) == {"COMPLETE": 1, "RUNNING": 2}


@pytest.mark.parametrize("loss", ["removed", "edited and put back"])
def test_what_was_picked_is_known_though_the_plan_was_lost(home: Path, loss: str) -> None:
    prepared = prepared_of(home)
    declared = declare(prepared, "")
    finish(prepared, *seeds_of(declared))
    ahead = go_on(prepared, declared)
    assert ahead is not None
    _, done, failed = seeds_of(ahead)
    finish(prepared, done)
    key = next(trial.final.key for trial in prepared.plan.trials if trial.arm.name == failed)
    assert prepared.store.claim(key, {}, DEAD) is not None
    follow(prepared, ahead)
    if loss == "removed":
        (prepared.store.editions / "sought" / "plan.json").unlink()
    else:
        declare(prepared_of(home, SEARCH.replace("smallest: 1.0", "smallest: 2.0")), "")
    prepared = prepared_of(home)
    again = declare(prepared, "")
    assert list(seeds_of(again)) == [prepared.plan.edition.control.name], "until the search looks"
    follow(prepared, again)
    found = go_on(prepared, again)
    assert found is not None
    assert found["trials"] == ahead["trials"]
    finish(prepared, failed)
    assert len(seeds_of(go_on(prepared, found) or found)) == 5
    assert states(prepared) == {"COMPLETE": 3, "FAIL": 1, "RUNNING": 2}


def test_what_somebody_is_training_is_neither_told_failed_nor_done(home: Path) -> None:
    prepared = prepared_of(home)
    ahead = go_on(prepared, declare(prepared, ""))
    assert ahead is not None
    key = ahead["trials"][1]["final"]
    assert prepared.store.claim(key, {}, Owner.current()) is not None
    follow(prepared, ahead)
    assert states(prepared) == {"RUNNING": 2}


def test_what_a_pruner_gave_up_is_told_pruned_and_not_trained_again(home: Path) -> None:
    text = SEARCH.replace("seeds: 1", "seeds: 1\nprune: {pruner: successive_halving, bootstrap_count: 100}")
    prepared = prepared_of(home, text)
    declared = declare(prepared, "")
    finish(prepared, *seeds_of(declared))
    ahead = go_on(prepared, declared)
    assert ahead is not None
    attempt = prepared.store.claim(ahead["trials"][1]["final"], {}, Owner.current())
    assert attempt is not None
    attempt.prune("sought", ahead["claim_hash"], 1, "it was the worst")
    follow(prepared, ahead)
    follow(prepared, ahead)
    assert states(prepared) == {"COMPLETE": 1, "PRUNED": 1, "RUNNING": 1}


@pytest.mark.parametrize(("startup", "learns"), [(0, True), (50, False)])
def test_tpe_learns_from_results_once_it_has_picked_as_many_blindly_as_it_was_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, startup: int, learns: bool
) -> None:
    text = SEARCH.replace("startup: 2", f"startup: {startup}")
    found = search(prepared_of(home, text))
    monkeypatch.setenv("STUDY_HOME", str(home / "another home"))
    assert (search(prepared_of(home, text), scale=-0.01) != found) == learns


def test_each_round_draws_anew_and_what_is_drawn_again_is_told_what_is_known_of_it(home: Path) -> None:
    prepared = prepared_of(home, SEARCH.replace("trials: 5, batch: 2", "trials: 6, batch: 1, sampler: random"))
    assert len(search(prepared)) == 7
    trials = told(prepared).get_trials()
    drawn = Counter(str(trial.params) for trial in trials)
    assert max(drawn.values()) < 5, "with one seed for all six rounds the first draw comes back in each of them"
    again = [trial for trial in trials if not trial.user_attrs]
    assert {trial.state.name for trial in again} == {"COMPLETE"}
    known = {str(trial.params): trial.values for trial in trials if trial.user_attrs}
    assert all(trial.values == known[str(trial.params)] for trial in again)


def test_after_many_repetitions_an_arm_is_drawn_that_was_never_picked(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picking, "MOST_REPEATS", 0)
    prepared = prepared_of(home, SEARCH.replace("trials: 5, batch: 2", "trials: 50, batch: 8, sampler: random"))
    assert [len(own) for own in search(prepared)] == [1, 8]
    assert sum(not trial.user_attrs for trial in told(prepared).get_trials()) == 1


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_it_ends_when_there_are_no_more_arms(home: Path, sampler: str) -> None:
    text = SEARCH.replace("trials: 5, batch: 2", f"trials: 50, batch: 3, sampler: {sampler}")
    rounds = search(prepared_of(home, text))
    assert sorted(len(own) for own in rounds) == [1, 2, 3, 3]
    assert len({arm for own in rounds for arm in own}) == 9


def test_optuna_may_keep_what_it_knows_in_a_database_which_is_no_part_of_the_claim(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLDER", str(home))
    prepared = prepared_of(home, SEARCH.replace("trials: 5", "trials: 3, storage: 'sqlite:///$FOLDER/all.db'"))
    search(prepared)
    assert not (prepared.store.root / JOURNAL).exists()
    assert states(prepared, f"sqlite:///{home}/all.db") == {"COMPLETE": 4}
    plan = prepared.store.editions / "sought" / "plan.json"
    assert "sqlite" not in plan.read_text()
    assert optuna_name(prepared.plan) == optuna_name(prepared_of(home, SEARCH.replace("s: 5", "s: 3")).plan)


def test_a_plan_counts_what_will_be_trained_and_not_every_arm(home: Path) -> None:
    prepared_of(home)
    planned = study.plan(Request(str(home / "sought.yaml")))
    assert len(planned.plan.trials) == 6
    assert planned.first_look is not None
    assert len(planned.first_look.plan.trials) == 1


AGAINST = SEARCH.replace("startup: 2", "startup: 2, against: latency") + "  inference: {warmups: 1, repeats: 3}\n"


def test_what_decides_the_second_objective_decides_the_claim_and_the_editions_name(home: Path) -> None:
    fewer, more = (prepared_of(home, AGAINST.replace("repeats: 3", f"repeats: {count}")).plan for count in (3, 30))
    assert digest_of(fewer) != digest_of(more)
    asked = Request(str(home / "sought.yaml"), overrides={"inference.repeats": 5})
    assert prepare(asked).plan.edition.name == "sought--inference.repeats=5"
    alone = [prepared_of(home, SEARCH + f"  inference: {{repeats: {count}}}\n").plan for count in (3, 30)]
    assert digest_of(alone[0]) == digest_of(alone[1]), "without it nothing is measured"


def test_arms_that_differ_in_the_second_objective_alone_are_two(home: Path) -> None:
    levels = "factors:\n  inference.repeats: [3, 5]"
    text = (
        AGAINST.replace(", repeats: 3", "")
        .replace("factors:", levels)
        .replace("control: {", "control: {inference.repeats: 3, ")
    )
    assert len(prepared_of(home, text).plan.edition.arms) == 18
    assert len(prepared_of(home, text.replace(", against: latency", "")).plan.edition.arms) == 9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds: 1": "seeds: until decided"}, "seeds: a search has a number of seeds."),
        ({"claim:": "claim:\n  metric: latency"}, "claim.metric: a search has mAP"),
        ({"claim:": "claim:\n  split: test"}, "claim.split: a search has a validation split."),
        ({"claim:": "claim:\n  within: [optim.lr]"}, "claim.within: a search has no groups of arms."),
        ({"seeds: 1": "seeds: 1\ncontrol_again: true"}, "control_again: a search has each arm once."),
        ({"startup: 2": "sampler: nsga2"}, "design.against: nsga2 is for two objectives, but there is one."),
        ({"startup: 2": "sampler: tpee"}, "design.sampler: must be 'tpe', 'nsga2' or 'random', but got 'tpee'"),
        (
            {"startup: 2": "sampler: nsga2, against: latency", "seeds: 1": "seeds: 1\nprune: median"},
            "prune: a search has no pruner, which judges by one objective.",
        ),
    ],
)
def test_a_search_that_cannot_be_is_refused_at_its_line(home: Path, changes: Mapping[str, str], message: str) -> None:
    text = SEARCH
    for old, new in changes.items():
        text = text.replace(old, new)
    with pytest.raises(SpecError) as refused:
        prepared_of(home, text)
    assert message in str(refused.value)
    assert "sought.yaml:" in str(refused.value)


@pytest.mark.slow
def test_it_runs_to_its_end_with_two_objectives_and_a_second_time_does_nothing(home: Path) -> None:
    text = SEARCH.replace("trials: 5, batch: 2, startup: 2", "trials: 3, batch: 2, sampler: nsga2, against: latency")
    prepared = prepared_of(home, text + "  inference: {warmups: 1, repeats: 3}\n")
    outcome = study.run(Request(str(home / "sought.yaml")), workers=1)
    assert outcome.is_whole
    assert "with no other better in both mAP and latency of 4 arms: " in outcome.report.answer.sentence
    assert outcome.report.answer.sentence.endswith(" ms.")
    assert study.sql("select count(distinct arm) from finals").item() == 4
    assert len(told(prepared).best_trials) >= 1
    assert all(len(trial.values) == 2 for trial in told(prepared).get_trials() if trial.values)
    runs = sorted(prepared.store.runs.glob("*/*"))
    assert study.run(Request(str(home / "sought.yaml")), workers=1).report.answer.sentence
    assert sorted(prepared.store.runs.glob("*/*")) == runs
