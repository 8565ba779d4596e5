"""What can be done from any shell with a study that was submitted to SLURM: cancel it, read what failed."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from models.errors import UserError
from results.attempt import Store
from results.plan import read_plans
from study.executor import queue, submission
from study.executor.submission import Submission
from study.standing import editions

TAIL_LINES = 60
MANY = 200
"""Jobs in one call of `scancel`."""
LEAST_DIGITS = 4
LAST_WORDS_S = 2.0
"""A look that is cancelled in the middle of a call of `sbatch` may take so long to die."""


class Cancelled(NamedTuple):
    """What became of the jobs of a study.

    Attributes:
        jobs: SLURM's numbers of those that were cancelled.
        kept: edition -> how many go on since it waits for them.
    """

    jobs: list[str]
    kept: Mapping[str, int]


class Log(NamedTuple):
    """What a phase left behind.

    Attributes:
        text: the traceback of the error that ended it, or the end of what each of its processes printed last.
        files: where all of it is.
    """

    key: str
    state: str
    text: str
    files: tuple[Path, ...]


def cancel(store: Store, name: str) -> Cancelled:
    """Cancel the jobs of a study or edition, in the queue or running, whoever submitted them.

    A phase that another study needs, whose look is in the queue, goes on: that study waits for it. A look that runs may
    submit something before it dies: then that is cancelled too.

    Raises:
        UserError: the store holds no such study.
        QueueError: SLURM does not answer.
    """
    cancelled: list[str] = []
    refused: list[str] = []
    while True:
        ours, kept = _jobs_to_cancel(store, name)
        new = [job for job in ours if job.row.job not in cancelled]
        for part in submission.pieces([job.row.job for job in new], MANY):
            try:
                queue.asked(["scancel", "--quiet", *part])
            except queue.QueueError as error:  # of one of them, which may be another user's: the others are cancelled
                refused.append(str(error))
        cancelled += [job.row.job for job in new]
        if not any(job.key is None and (job.row.state == "RUNNING" or job.row.is_ending) for job in new):
            break
        time.sleep(LAST_WORDS_S)
    if refused:
        raise queue.QueueError("\n".join(refused))
    return Cancelled(cancelled, kept)


def _jobs_to_cancel(store: Store, name: str) -> tuple[list[submission.Job], Counter[str]]:
    """List the jobs of a study that no other study waits for, and count those that others do, by edition."""
    own = {one["edition"] for one in submissions_of(store, name)}
    plans, everything = read_plans(store).whole, submission.jobs(submission.read_all(store))
    wanted = {key for edition in own & plans.keys() for key in plans[edition]["phases"]}
    waiting = sorted({job.edition for job in submission.at_work(everything) if job.key is None} - own)
    awaited = {key: edition for edition in waiting if edition in plans for key in plans[edition]["phases"]}
    ours = [job for job in everything if job.edition in own or job.key in wanted]
    kept = Counter(awaited[job.key] for job in ours if job.key in awaited)
    return [job for job in ours if job.key not in awaited], kept


def submissions_of(store: Store, name: str) -> list[Submission]:
    """Give what was submitted of a study or edition, oldest first.

    Raises:
        UserError: the store holds no such study, or nothing of it was submitted.
    """
    known = editions(store, name)
    wanted = {*known.whole, *known.damaged}
    found = [one for one in submission.read_all(store) if one["edition"] in wanted]
    if not found:
        raise UserError(f"{name}: nothing of it was submitted to SLURM. `study run {name} --on slurm` submits it.")
    return found


def logs(store: Store, key: str) -> Log:
    """Read what a phase left behind.

    Args:
        key: or its first digits; or an edition, for what the newest look at it printed.

    Raises:
        UserError: no phase, or several, begin with them.
    """
    if key in read_plans(store).whole:
        return _log(key, "look", submission.look_logs_of(store, key))
    key = _whole(store, key)
    state, attempts = store.state(key), store.attempts(key)
    own = [attempts[-1].log] if attempts and attempts[-1].log.exists() else []
    return _log(key, state, own + submission.logs_of(store, key), attempts[-1].failure() if attempts else None)


def _log(key: str, state: str, files: Sequence[Path], failure: Mapping[str, Any] | None = None) -> Log:
    """Give the traceback of a failure; without one the end of what was printed to `files`."""
    lines = failure["traceback"].splitlines() if failure else [line for path in files for line in _end(path, files)]
    return Log(key, state, "\n".join(lines) or "nothing was printed", tuple(files))


def _whole(store: Store, start: str) -> str:
    known = {path.name for path in store.runs.glob(f"{start}*")} if start.isalnum() else set()
    known |= {key for one in submission.read_all(store) for key, _ in submission.jobs_of(one) if key.startswith(start)}
    if len(start) < LEAST_DIGITS or len(known) != 1:
        there = f"{len(known)} phases begin with it" if known else "no phase begins with it"
        raise UserError(
            f"{start}: {there}. Give at least {LEAST_DIGITS} first digits of a key: `study status` names the folders "
            'of failed phases, and `study sql "select key, kind, state from phases"` all.'
        )
    return known.pop()


def _end(path: Path, files: Sequence[Path]) -> list[str]:
    """Give the last lines of `path`, under its name if several of `files` say something."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
    return [f"{path.name}:", *lines] if lines and len(files) > 1 else lines
