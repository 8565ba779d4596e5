"""What was submitted to SLURM: which phase is which job. One folder a submission, `STORE/submissions/<token>/`.

    submission.json   which key is which job; written before anything is submitted, and again with SLURM's numbers
    code/             the five packages as they were
    jobs/             submitit's files: what is run, what it printed

A job is known by its name, which is chosen before it is submitted: a submitter that is killed between the two loses
nothing. Reading is quick and writes nothing.
"""

import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from models.errors import UserError
from results.attempt import Store
from results.files import StoreError, read_json, replace_json, writing
from study.executor import queue
from study.executor.queue import Row


class Array(TypedDict):
    """Phases that were submitted together; `job` is SLURM's number, null before it is known."""

    name: str
    job: str | None
    keys: list[str]


class Asked(TypedDict):
    """What was asked for, as `study.preparation.Request` says it, and the cluster; paths are absolute."""

    name: str
    profile: str | None
    data: str | None
    overrides: dict[str, Any]
    skip_bad: bool
    cluster: str | None


class Submission(TypedDict):
    """What `submission.json` holds; the arrays in the order of their submission, the look's last."""

    token: str
    edition: str
    asked: Asked
    code: str
    command: str
    user: str
    at: str
    arrays: list[Array]


_FORM = TypeAdapter(Submission)
FILE = "submission.json"


def folder_of(store: Store) -> Path:
    """Give the folder of all submissions."""
    return store.root / "submissions"


def make_folder(store: Store) -> Path:
    """Make the folder of a new submission; its name is its token, and those of later ones sort after it."""
    token = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}"
    folder = folder_of(store) / token
    with writing(folder):
        (folder / "jobs").mkdir(parents=True)
    return folder


def jobs_in(store: Store, submission: Submission) -> Path:
    """Give the folder of submitit's files of a submission."""
    return folder_of(store) / submission["token"] / "jobs"


def name_of(token: str, number: int) -> str:
    """Name the array `number` of a submission as SLURM is to know it."""
    return f"study-{token}-{number}"


def write(folder: Path, submission: Submission) -> None:
    """Keep what is, or is about to be, submitted."""
    replace_json(folder / FILE, submission)


def read_all(store: Store) -> list[Submission]:
    """Read all submissions, oldest first; one that `study clean` removes meanwhile is passed over.

    Raises:
        StoreError: one is torn, or not what this version writes.
    """
    found = []
    for path in sorted(folder_of(store).glob(f"*/{FILE}")):
        with suppress(FileNotFoundError):
            found.append(_read(path))
    return found


class Job(NamedTuple):
    """A job of a submission that waits, runs or ends.

    Attributes:
        key: of the phase that it runs; None if it is the one that waits for the phases and answers.
    """

    row: Row
    edition: str
    key: str | None


def jobs(submissions: Iterable[Submission]) -> list[Job]:
    """Ask SLURM, once, which jobs of `submissions` wait, run or end; those submitted later come later.

    Raises:
        queue.QueueError: SLURM does not answer.
    """
    arrays = {array["name"]: (one["edition"], array["keys"]) for one in submissions for array in one["arrays"]}
    found = []
    for row in sorted(queue.rows(arrays.keys()), key=lambda row: row.name):
        edition, keys = arrays[row.name]
        if row.task < len(keys) or not keys:
            found.append(Job(row, edition, keys[row.task] if keys else None))
    return found


def at_work(jobs: Iterable[Job]) -> list[Job]:
    """Leave out the jobs that end: those put back wait again in a moment, the others are gone then."""
    return [job for job in jobs if not job.row.is_ending]


def rows_of(jobs: Iterable[Job]) -> dict[str, Row]:
    """Give what SLURM holds of each phase: the newest job, if there are several."""
    return {job.key: job.row for job in jobs if job.key is not None}


def submitted(submissions: Iterable[Submission]) -> set[str]:
    """Collect the phases that SLURM has taken, whatever became of them."""
    return {key for one in submissions for array in one["arrays"] if array["job"] for key in array["keys"]}


def numbers(jobs: Sequence[Job], keys: Collection[str]) -> list[str]:
    """Give SLURM's numbers of the jobs of `keys`: an array's own, if all that is left of it is among them."""
    left = Counter(_array(job) for job in jobs)
    ours = [job for job in jobs if job.key in keys]
    counts = Counter(map(_array, ours))
    return sorted({_array(job) if counts[_array(job)] == left[_array(job)] else job.row.job for job in ours})


def _array(job: Job) -> str:
    return job.row.job.partition("_")[0]


def held(store: Store, keys: Set[str]) -> tuple[dict[str, Row], str]:
    """Say which of `keys` SLURM holds, asking it once, or not at all if none was ever submitted.

    Returns:
        key -> its job; and why it is not known, or empty.
    """
    try:
        found = rows_of(at_work(jobs(concerned(read_all(store), keys))))
    except UserError as error:
        return {}, str(error)
    return {key: row for key, row in found.items() if key in keys}, ""


def concerned(submissions: Iterable[Submission], keys: Set[str], editions: Collection[str] = ()) -> list[Submission]:
    """Give the submissions of any of `editions`, and those that hold any of `keys`."""
    return [
        one
        for one in submissions
        if one["edition"] in editions or any(not keys.isdisjoint(array["keys"]) for array in one["arrays"])
    ]


def logs_of(store: Store, key: str) -> list[Path]:
    """Find what the newest job of a phase that printed anything printed, submitit's own words included."""
    for one in reversed(read_all(store)):
        for own, job in jobs_of(one):
            if own == key and (paths := logs_in(jobs_in(store, one), job)):
                return paths
    return []


def look_logs_of(store: Store, edition: str) -> list[Path]:
    """Find what the newest look at an edition that printed anything printed."""
    for one in reversed(read_all(store)):
        if one["edition"] == edition and (paths := look_logs_in(store, one)):
            return paths
    return []


def look_logs_in(store: Store, submission: Submission) -> list[Path]:
    """Find what the look of a submission printed."""
    return logs_in(jobs_in(store, submission), submission["arrays"][-1]["job"])


def logs_in(folder: Path, job: str | None) -> list[Path]:
    """Find what the processes of a job printed, in their order; `folder` holds submitit's files."""
    return sorted(folder.glob(f"{job}_*_log.out"), key=lambda path: (len(path.name), path.name))


def jobs_of(submission: Submission) -> Iterator[tuple[str, str | None]]:
    """Go through the phases of a submission: key and SLURM's number of its job, None if that is not known."""
    for array in submission["arrays"]:
        for number, key in enumerate(array["keys"]):
            yield key, job_of(array, number)


def job_of(array: Array, number: int) -> str | None:
    """Give SLURM's number of the job of one phase: ``123_4``, or ``123`` if it was submitted alone."""
    job = array["job"]
    return job if job is None or len(array["keys"]) <= 1 else f"{job}_{number}"


def pieces(keys: Sequence[str], most: int) -> list[list[str]]:
    """Split `keys` into parts of at most `most`."""
    return [list(keys[start : start + most]) for start in range(0, len(keys), most)]


def _read(path: Path) -> Submission:
    try:
        return _FORM.validate_python(read_json(path))
    except ValidationError as error:
        raise StoreError(
            f"{path}: is not a submission ({error.errors()[0]['msg']}). It was changed, or another version wrote it. "
            f"Remove {path.parent} when its jobs have ended; results lie elsewhere."
        ) from error
