"""Every fault strikes a study that trains, and then no result is lost, none is doubled, and the numbers are equal."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from models.errors import UserError
from tests.made_slurm import LAB, Asked, wait, wait_for_the_end
from tests.slurm import faults
from tests.slurm.faults import TEXT, Fault, Numbers, judge
from tests.slurm.seen import Missed, is_over, logs, published

pytestmark = pytest.mark.slow
KILLS = 20
TRIES = 5


@pytest.fixture(scope="module")
def undisturbed(cluster: Path, tmp_path_factory: pytest.TempPathFactory) -> Numbers:
    """Run the study on this machine, without SLURM and without faults; give its numbers."""
    return faults.undisturbed(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def trains(asked: Asked) -> Asked:
    (asked.folder / "asked.yaml").write_text(TEXT)
    return asked


@pytest.fixture
def on_a_small_disk(trains: Asked) -> Iterator[Asked]:
    home = trains.folder / "home"
    home.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", home], capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield trains
    subprocess.run(["scancel", "--quiet", "--user", str(os.getuid())])
    wait_for_the_end()
    subprocess.run(["umount", "--lazy", home], check=True)


def strike(fault: Fault, asked: Asked) -> dict[str, bytes]:
    """Strike a study that has published something and trains; give what it had published.

    Where all that ran had ended by itself, the study is begun anew.
    """
    for number in range(TRIES):
        asked.submit()
        wait(lambda: bool(published(asked)))
        before = published(asked)
        try:
            print(*fault(asked, Random(number)))
        except Missed as reason:
            print(f"missed: {reason}")
            wait_for_the_end()
            shutil.rmtree(asked.store.root)
        else:
            return before
    raise AssertionError(f"{fault.__name__} missed {TRIES} times")


@pytest.mark.parametrize(
    "fault", [faults.preempted, faults.cancelled, faults.control_down], ids=lambda fault: fault.__name__
)
def test_it_ends_as_if_nothing_had_happened_after(fault: Fault, trains: Asked, undisturbed: Numbers) -> None:
    before = strike(fault, trains)
    judge(trains, before, undisturbed, by_itself=fault is not faults.cancelled)


def test_workers_are_killed_at_twenty_random_moments(trains: Asked, undisturbed: Numbers) -> None:
    chance, killed = Random(1), []
    while len(killed) < KILLS:
        if is_over(trains):
            judge(trains, published(trains), undisturbed)
            shutil.rmtree(trains.folder / "home")
        trains.submit()
        before = published(trains)
        with suppress(Missed):
            killed += faults.workers_killed(trains, chance)
        assert before.items() <= published(trains).items()
    print(*killed, sep="\n")
    judge(trains, published(trains), undisturbed)


def test_time_is_used_up_twice(trains: Asked, undisturbed: Numbers) -> None:
    trains.lab.write_text(faults.SHORT)
    trains.submit()
    print(*faults.timed_out(trains, Random(0)))
    trains.lab.write_text(LAB)
    judge(trains, {}, undisturbed)


def test_a_node_is_lost_and_two_workers_of_a_phase_live(trains: Asked, undisturbed: Numbers) -> None:
    faults.worsened(trains, machines=True)
    trains.submit()
    with faults.impatient():
        print(*faults.node_lost(trains, Random(0)))
        judge(trains, published(trains), undisturbed, by_itself=True)


def test_the_disk_is_full(on_a_small_disk: Asked, undisturbed: Numbers) -> None:
    before = strike(faults.disk_full, on_a_small_disk)
    judge(on_a_small_disk, before, undisturbed)


def test_the_store_loses_replies(trains: Asked, undisturbed: Numbers) -> None:
    note = faults.worsened(trains, store=True)
    trains.submit()
    wait_for_the_end()
    lost = note.read_text().split()
    assert min(lost.count(name) for name in ("link", "replace", "mkdir")) >= 1, lost
    judge(trains, published(trains), undisturbed, by_itself=True)


def test_slurm_says_nothing_of_a_dead_claimant(
    trains: Asked, undisturbed: Numbers, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes = trains.folder / "fakes"
    faults.worsened(trains, machines=True, path=fakes)
    for program in ("squeue", "sacct"):
        faults.fake(fakes / program, f"echo {program} >>{fakes}/asked", f"exit {int(program == 'squeue')}")
    with faults.impatient():
        trains.submit()
        print(*faults.workers_killed(trains, Random(0)))
        before = published(trains)
        with monkeypatch.context() as patch:
            patch.setenv("PATH", str(fakes), prepend=os.pathsep)
            with pytest.raises(UserError, match="Nothing is lost"):
                trains.submit()
            (fakes / "squeue").rename(fakes / "hidden")
            trains.submit()
            (fakes / "hidden").rename(fakes / "squeue")
        wait_for_the_end()
        assert "squeue" in (fakes / "asked").read_text()
        judge(trains, before, undisturbed)


@pytest.mark.parametrize(("moment", "number"), [("before", 1), ("after", 1), ("before", 2), ("after", 3)])
def test_whoever_submits_is_killed(trains: Asked, undisturbed: Numbers, moment: str, number: int) -> None:
    print(*faults.submitter_killed_at(trains, moment, number))
    judge(trains, {}, undisturbed)


def test_it_is_started_twice_at_once(trains: Asked, undisturbed: Numbers) -> None:
    print(*faults.started_twice(trains, Random(0)))
    wait_for_the_end()
    assert [path for path in logs(trains) if "Traceback" in path.read_text()] == []
    judge(trains, {}, undisturbed)
