"""Submissions that may go: their jobs have ended, and they hold no log that explains what became of a phase."""

from collections.abc import Mapping
from pathlib import Path

from models.errors import UserError
from results.attempt import Store
from results.clean import is_abandoned
from results.plan import PlanFile, grows, pruned_of, read_plans
from results.state import OVER
from study.executor import submission
from study.executor.submission import Submission
from study.standing import is_unanswered

ENDED, CUT_OFF = "submission whose jobs have ended", "submission that was cut off"


def ended(store: Store) -> tuple[dict[Path, str], str]:
    """List the folders of submissions from which nothing is needed any more.

    One is needed while SLURM holds any of its jobs, while it holds the newest log of a phase that is not done or of a
    look that did not answer, and while a look waits for a phase of it: the look would submit it again. Where SLURM does
    not answer, all of them are.

    Returns:
        folder -> why it may go; and why submissions stay, or empty.
    """
    try:
        submissions = submission.read_all(store)
        held = {job.row.name for job in submission.jobs(submissions)}
    except UserError as error:
        return {}, f"submissions stay: {error}"
    plans = read_plans(store).whole
    kept = _with_logs(store, submissions)
    kept |= _with_looks(store, submissions, plans) | _with_look_logs(store, submissions, plans)
    found = {}
    for one in submissions:
        folder = submission.folder_of(store) / one["token"]
        names = {array["name"] for array in one["arrays"]}
        was_submitted = all(array["job"] for array in one["arrays"]) or is_abandoned(folder / submission.FILE)
        if was_submitted and not names & held and one["token"] not in kept:
            found[folder] = ENDED
    return found | dict.fromkeys(_cut_off(store), CUT_OFF), ""


def _with_logs(store: Store, submissions: list[Submission]) -> set[str]:
    """Name the submissions that hold the newest log of a phase that is not done."""
    keys = {key for one in submissions for key, _ in submission.jobs_of(one)}
    open_keys = {key for key, state in store.states(keys).items() if state.name not in OVER}
    tokens = set()
    for one in reversed(submissions):
        jobs = submission.jobs_in(store, one)
        here = {key for key, job in submission.jobs_of(one) if key in open_keys and submission.logs_in(jobs, job)}
        tokens |= {one["token"]} if here else set()
        open_keys -= here
    return tokens


def _with_looks(store: Store, submissions: list[Submission], plans: Mapping[str, PlanFile]) -> set[str]:
    """Name the submissions of studies that results make grow, that hold a planned phase which is not done."""
    with_looks = {edition: plan for edition, plan in plans.items() if grows(plan)}
    open_keys = {
        key
        for plan in with_looks.values()
        for given_up in [pruned_of(store, plan)]
        for key, state in store.states(plan["phases"]).items()
        if state.name != "done" and key not in given_up
    }
    return {
        one["token"]
        for one in submissions
        if one["edition"] in with_looks and any(key in open_keys for key, _ in submission.jobs_of(one))
    }


def _with_look_logs(store: Store, submissions: list[Submission], plans: Mapping[str, PlanFile]) -> set[str]:
    """Name the submissions that hold the newest log of a look at an edition that is done and not answered."""
    newest = {one["edition"]: one["token"] for one in submissions if submission.look_logs_in(store, one)}
    return {newest[edition] for edition, plan in plans.items() if edition in newest and is_unanswered(store, plan)}


def _cut_off(store: Store) -> list[Path]:
    """Find folders that nothing was ever submitted from: whoever made them was killed."""
    folders = [path for path in submission.folder_of(store).glob("*") if path.is_dir()]
    return [path for path in folders if not (path / submission.FILE).exists() and is_abandoned(path)]
