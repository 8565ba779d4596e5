"""Watching: what is new is said once, SLURM is asked seldom, and it ends when nothing more is to be expected."""

import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from results.attempt import Attempt, Store
from results.files import read_json, replace_json
from results.owner import Owner
from results.record import Record, RecordWriter
from study.executor import submission
from study.key import key_of
from study.standing import standings
from study.watch_screen import draw
from study.watching import ASK_S, QUIET_S, Watch
from tests import made_store as made
from tests.made_many import make_many
from tests.made_submission import make_submission
from tests.study.conftest import Answer

ROOT = Path(__file__).resolve().parents[2]
CODE = "import sys; sys.argv[0] = 'study'; from study.cli import main; main()"
EPOCHS = 4
JOINTS = [key_of(made.contents(level, 0, EPOCHS)["joint"]) for level in (1, 20)]


class Clock:
    """Seconds that pass when told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two arms; the rgb phase of both is done."""
    store = Store(tmp_path / "home" / "store")
    made.write_plan(store, levels=(1, 20), seeds=(0,), epochs=EPOCHS)
    made.train(store, made.contents(1, 0, EPOCHS)["rgb"], 4)
    return store


def calls(tmp_path: Path) -> int:
    path = tmp_path / "calls"
    return path.read_text().count("called") if path.exists() else 0


def submit(store: Store, edition: str = made.EDITION, keys: tuple[str, ...] = (*JOINTS,)) -> str:
    """Note a submission of `keys` and a report; give its token."""
    return make_submission(store, ("7", keys), ("8", []), edition=edition).name


def claim(store: Store, level: int = 1) -> Attempt:
    content = made.contents(level, 0, EPOCHS)["joint"]
    attempt = store.claim(key_of(content), content, Owner.current("a test"))
    assert attempt is not None
    return attempt


def train(attempt: Attempt, step: int, seconds: float = 3.0) -> None:
    with RecordWriter(attempt.records) as writer:
        writer.write(
            [
                Record("loss", "train", step, 0.5),
                Record("map", "val_seen", step, 40.0, "points"),
                Record("map", "val_unseen", step, 44.0, "points"),
                Record("seconds", "train", step, seconds, "s"),
            ]
        )


def shown(watch: Watch) -> str:
    console = Console(file=StringIO(), width=160)
    console.print(draw(watch))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_every_change_is_told_once(store: Store) -> None:
    clock = Clock()
    watch = Watch(store, clock=clock)
    assert watch.look() == []
    assert watch.watched[made.EDITION].counts == {"done": 1, "due": 2}
    first, second = claim(store, 1), claim(store, 20)
    assert watch.look() == [], "a phase that begins is not worth a line"
    train(first, 1)
    assert watch.look() == [], "nor is an epoch that is told so soon"
    train(first, 2)
    clock.now += 60
    (line,) = watch.look()
    assert line.startswith("joint count=1 seed 0: epoch 2/4: loss 0.5, map 42.0  (1 done, 2 running; about")
    assert watch.look() == []
    second.fail(ArithmeticError("diverged"))
    assert watch.look() == ["joint count=20 seed 0: failed: ArithmeticError: diverged"]
    first.stop("told to")
    assert watch.look()[0].startswith("joint count=1 seed 0: stopped; will be resumed")
    assert watch.look() == []


def test_epoch_metric_time_left_and_hours_are_shown(store: Store) -> None:
    watch = Watch(store, clock=Clock())
    attempt = claim(store)
    train(attempt, 1)
    watch.look()
    text = shown(watch)
    assert "joint count=1 seed 0" in text
    assert "1/4" in text
    assert "42.0" in text
    # rgb took 0.25 s an epoch; what is left are 3 epochs of this phase and 4 of the other, at 3 s.
    assert "about 21 s" in text
    assert "processor hours" in text


def test_what_a_killed_attempt_measured_is_not_told_again(store: Store) -> None:
    watch = Watch(store, clock=Clock())
    watch.look()
    content = made.contents(1, 0, EPOCHS)["joint"]
    dead = Owner("here", 1, 0.0, machine=Owner.current().machine)
    attempt = store.claim(key_of(content), content, dead)
    assert attempt is not None
    train(attempt, 1)
    assert watch.watched[made.EDITION].board.latest == {}
    claim(store)
    watch.look()
    assert watch.watched[made.EDITION].counts == {"done": 1, "running": 1, "due": 1}


def test_slurm_is_never_asked_about_what_was_never_submitted(store: Store, squeue: Answer, tmp_path: Path) -> None:
    squeue("true")
    clock = Clock()
    watch = Watch(store, clock=clock)
    for _ in range(50):
        clock.now += 1
        watch.look()
    assert calls(tmp_path) == 0


def test_slurm_is_asked_once_in_ten_seconds_however_many_phases_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    store = make_many(tmp_path, phases=800)
    clock = Clock()
    watch = Watch(store, clock=clock)
    for _ in range(60):
        watch.look()
        clock.now += 1
    assert len((tmp_path / "bin" / "calls").read_text().splitlines()) == 60 / ASK_S
    counts = watch.watched["many_one"].counts
    assert counts.total() == 200
    assert counts["queued"] > 0
    assert "Resources" in shown(watch)


def test_it_ends_when_nothing_is_left_and_the_report_too(store: Store, squeue: Answer) -> None:
    token = submit(store)
    report = f"echo '{submission.name_of(token, 1)}|8|8|N/A|PENDING|Dependency'"
    squeue(report)
    clock = Clock()
    watch = Watch(store, clock=clock)
    watch.look()
    for level in (1, 20):
        made.train(store, made.contents(level, 0, EPOCHS)["joint"], 4)
    watch.look()
    assert not watch.is_whole
    assert not watch.has_ended, "the report is still to come"
    squeue("true")
    clock.now += ASK_S / 2
    watch.look()
    assert not watch.has_ended, "SLURM was not asked since"
    clock.now += ASK_S / 2
    watch.look()
    assert not watch.has_ended, "nobody has answered"
    answer(store)
    assert watch.has_ended
    assert watch.is_whole


def test_jobs_of_another_study_that_shares_a_phase_keep_nobody_waiting(store: Store, squeue: Answer) -> None:
    token = submit(store, "another_study", (*JOINTS, "f" * 64))
    jobs, report = (submission.name_of(token, number) for number in (0, 1))
    squeue(f"echo '{jobs}|9|7|2|RUNNING|None'; echo '{report}|8|8|N/A|PENDING|'")
    watch = Watch(store, clock=Clock())
    for level in (1, 20):
        made.train(store, made.contents(level, 0, EPOCHS)["joint"], 4)
    answer(store)
    watch.look()
    assert watch.has_ended


def test_what_nobody_answers_is_said_after_a_while(store: Store) -> None:
    for level in (1, 20):
        made.train(store, made.contents(level, 0, EPOCHS)["joint"], 4)
    clock = Clock()
    watch = Watch(store, clock=clock)
    watch.look()
    assert not watch.has_ended
    clock.now += QUIET_S
    assert watch.has_ended
    assert not watch.is_whole
    (standing,) = standings(store)
    assert standing.is_unanswered
    answer(store)
    assert not standings(store)[0].is_unanswered
    make_older(store.editions / made.EDITION / "answer.json")
    assert standings(store)[0].is_unanswered, "that was before the last training"


def make_older(path: Path) -> None:
    os.utime(path, (1.0, 1.0))


def test_what_is_due_and_nobody_works_on_ends_it_after_a_while(store: Store) -> None:
    clock = Clock()
    watch = Watch(store, clock=clock)
    attempt = claim(store)
    watch.look()
    clock.now += 10 * QUIET_S
    watch.look()
    assert not watch.has_ended, "a phase runs"
    attempt.stop("told to")
    watch.look()
    assert not watch.has_ended, "another one may begin in a moment"
    clock.now += QUIET_S
    watch.look()
    assert watch.has_ended
    assert not watch.is_whole


def test_it_goes_on_while_slurm_does_not_answer(store: Store, squeue: Answer) -> None:
    submit(store)
    squeue("echo 'Unable to contact slurm controller' >&2; exit 1")
    clock = Clock()
    watch = Watch(store, clock=clock)
    for _ in range(10):
        clock.now += ASK_S
        watch.look()
    assert not watch.has_ended
    assert "Unable to contact slurm controller" in shown(watch)


def test_a_plan_that_grows_is_followed(store: Store) -> None:
    watch = Watch(store, clock=Clock())
    watch.look()
    made.write_plan(store, levels=(1, 20), seeds=(0, 1), epochs=EPOCHS)
    watch.look()
    assert watch.watched[made.EDITION].counts.total() == 6


def test_where_seeds_may_be_added_it_waits_for_them_a_while(store: Store) -> None:
    claim = read_json(store.editions / made.EDITION / "plan.json")["claim"] | {"looks": [1, 2]}
    made.write_plan(store, levels=(1, 20), seeds=(0,), epochs=EPOCHS, claim=claim)
    for level in (1, 20):
        made.train(store, made.contents(level, 0, EPOCHS)["joint"], 4)
    clock = Clock()
    watch = Watch(store, clock=clock)
    watch.look()
    clock.now += QUIET_S - 1
    watch.look()
    assert not watch.has_ended
    made.write_plan(store, levels=(1, 20), seeds=(0, 1), epochs=EPOCHS, claim=claim)
    clock.now += 2
    watch.look()
    assert not watch.has_ended
    made.write_plan(store, levels=(1, 20), seeds=(0,), epochs=EPOCHS, claim=claim)
    answer(store)
    watch.look()
    assert not watch.has_ended, "the look has been taken, and may ask for more"
    clock.now += QUIET_S
    watch.look()
    assert watch.has_ended


def answer(store: Store) -> None:
    replace_json(store.editions / made.EDITION / "answer.json", {"sentence": "Undecided."})


def start(store: Store, *words: str) -> subprocess.Popen[str]:
    own = os.environ | {"STUDY_HOME": str(store.root.parent)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *words], cwd=ROOT, env=own, stdout=pipe, stderr=pipe, text=True
    )


def test_piped_it_says_where_things_stand_and_its_exit_code_whether_all_is_done(store: Store) -> None:
    for level in (1, 20):
        made.train(store, made.contents(level, 0, EPOCHS)["joint"], 4)
    answer(store)
    files = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    watching = start(store, "watch", made.EDITION)
    said, _ = watching.communicate(timeout=60)
    assert watching.returncode == 0
    assert said.startswith(f"{made.EDITION}: 3 done; spent 0.00 processor hours")
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == files
    made.write_plan(store, levels=(1, 20), seeds=(0, 1), epochs=EPOCHS)
    failing = made.contents(1, 1, EPOCHS)["rgb"]
    attempt = made.claim(store, failing)
    assert attempt is not None
    attempt.fail(ArithmeticError("diverged"))
    watching = start(store, "watch")
    said, _ = watching.communicate(timeout=60)
    assert watching.returncode == 1
    assert "3 done, 1 failed, 2 blocked" in said
    assert "failed: rgb of 2 arms (count=1 ...) seed 1: ArithmeticError: diverged" in said


def test_whoever_interrupts_it_leaves_it_in_peace(store: Store) -> None:
    claim(store)
    watching = start(store, "watch")
    assert watching.stdout is not None
    assert "1 running" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=60)
    assert (watching.returncode, said) == (0, "no longer watched; what runs goes on\n")


def test_an_unknown_study_is_refused(store: Store) -> None:
    watching = start(store, "watch", "token_count_swep")
    _, said = watching.communicate(timeout=60)
    assert watching.returncode == 2
    assert "no such study" in said
