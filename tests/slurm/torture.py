"""Faults at random moments, for as long as one likes: ``python -m tests.slurm.torture --minutes 60 [--seed N]``.

Study after study trains on one cluster, under blow after blow; each is then brought to its end and judged. It goes on
after what it finds, and prints a table: how often each fault struck, and what was found.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import UserError
from tests import made_cluster
from tests.made_slurm import LAB, Asked, in_queue, release, wait
from tests.slurm import faults
from tests.slurm.faults import Fault, Numbers
from tests.slurm.seen import Missed, is_over, published

OFTEN: dict[Fault, int] = {
    faults.workers_killed: 40,
    faults.cancelled: 20,
    faults.preempted: 12,
    faults.disk_full: 6,
    faults.submitter_killed: 5,
    faults.started_twice: 3,
    faults.control_down: 2,
    faults.node_lost: 2,
    faults.timed_out: 2,
}
"""How often each fault is chosen, of 92."""
TEXT = faults.text_of(500)
"""Longer than it takes a phase to start: most blows are to fall while phases train."""
STRIKES = 60
"""Faults of one study at most."""
PAUSE_S = 3.0
DISK = "size=400m"
"""Each submission keeps a copy of the code: some hundred of them must fit."""


@dataclass
class Tally:
    """What struck, and what came of it."""

    struck: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    lost_replies: int = 0
    studies: int = 0
    problems: list[str] = field(default_factory=list)

    def table(self) -> str:
        lines = ["| fault | struck | missed |", "|---|---|---|"]
        lines += [f"| {name} | {self.struck[name]} | {self.missed[name]} |" for name in self.struck | self.missed]
        lines.append(f"| in all | {self.struck.total()} | {self.missed.total()} |")
        lines += ["", f"Stores lost {self.lost_replies} replies beside."]
        lines.append(f"{self.studies} studies brought to their end and judged; problems: {len(self.problems)}")
        return "\n".join([*lines, *self.problems])


def torture(minutes: float, seed: int) -> Tally:
    """Strike until the time is over."""
    chance, tally, until = random.Random(seed), Tally(), time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory(prefix="study-torture-") as name, made_cluster.started():
        folder = Path(name)
        (folder / "undisturbed").mkdir()
        expected = faults.undisturbed(folder / "undisturbed", TEXT)
        while time.monotonic() < until:
            own = folder / str(tally.studies + len(tally.problems))
            try:
                with faults.impatient():
                    one_study(own, chance, tally, until, expected)
                tally.studies += 1
            except Exception as error:  # what is found must not end the search
                traceback.print_exc()
                tally.problems.append(f"{own.name}: {type(error).__name__}: {str(error)[:300]}")
            finally:
                clear(own)
    return tally


def one_study(folder: Path, chance: random.Random, tally: Tally, until: float, expected: Numbers) -> None:
    """Submit a study, strike it, and judge what comes of it."""
    asked, is_small = made(folder)
    kinds = {
        "in a store that loses replies": chance.random() < 0.3,
        "on nodes that are machines of their own": chance.random() < 0.7,
        "with little time": chance.random() < 0.3,
    }
    is_racing, are_machines, is_short = kinds.values()
    note = faults.worsened(asked, machines=are_machines, store=is_racing, lab=faults.SHORT if is_short else LAB)
    say(f"study {folder.name} {', '.join(name for name, is_so in kinds.items() if is_so)}")
    needs = {faults.disk_full: is_small, faults.node_lost: are_machines, faults.timed_out: is_short}
    possible = {fault: often for fault, often in OFTEN.items() if needs.get(fault, True)}
    for _ in range(STRIKES):
        submit(asked)
        if time.monotonic() > until or is_over(asked):
            break
        (fault,) = chance.choices(list(possible), list(possible.values()))
        before = published(asked)
        try:
            struck = fault(asked, chance)
        except Missed as reason:
            tally.missed[fault.__name__] += 1
            time.sleep(PAUSE_S)
            say(f"{fault.__name__} missed: {reason}")
        else:
            tally.struck[fault.__name__] += len(struck)
            say(f"{fault.__name__}: {'; '.join(struck)}")
        assert before.items() <= published(asked).items()
    asked.lab.write_text(LAB)
    faults.judge(asked, published(asked), expected)
    tally.lost_replies += len(note.read_text().split()) if note.exists() else 0


def made(folder: Path) -> tuple[Asked, bool]:
    """Make a study with a store of its own, on a small disk where that may be mounted."""
    home = folder / "home"
    home.mkdir(parents=True)
    is_small = not subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", home], capture_output=True).returncode
    os.environ["STUDY_HOME"] = str(home)
    (folder / "asked.yaml").write_text(TEXT)
    (folder / "lab.yaml").write_text(LAB)
    return Asked(folder), is_small


def submit(asked: Asked) -> None:
    """Submit what is due; while SLURM is not itself, later."""
    try:
        asked.submit()
    except UserError as error:
        say(f"not submitted: {error}")


def clear(folder: Path) -> None:
    """Leave nothing of a study in the queue or mounted."""
    release()
    subprocess.run(["scancel", "--quiet", "--user", str(os.getuid())])
    wait(lambda: not in_queue())
    subprocess.run(["umount", "--lazy", folder / "home"], capture_output=True)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    words = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no daemon stays behind
    if missing := made_cluster.missing():
        sys.exit(f"no SLURM to torture, {', '.join(missing)} not installed: .ci/run installs them (apt-get)")
    say(f"seed {words.seed}, {words.minutes:g} minutes")
    tally = torture(words.minutes, words.seed)
    print(tally.table())
    sys.exit(1 if tally.problems else 0)


if __name__ == "__main__":
    main()
