"""Several studies on a real cluster: what they share is submitted once, and each waits for its own phases alone."""

import json
import re
import subprocess

import pytest
from rich.console import Console

import study
from models.errors import UserError
from results.plan import read_plans
from study.executor import submission
from study.executor.ended import ENDED
from study.preparation import Request
from study.submitting import Submitted, submit_all
from tests.made_slurm import PHASES, Asked, hold, in_queue, release, wait, wait_for_the_end
from tests.made_spec import SPEC

pytestmark = pytest.mark.slow

LEVELS = {"one": "[1, 2]", "other": "[2, 3]", "same": "[1, 2]", "broken": "[1, 2]"}
SHARED = 3
"""An arm of `one` and `other`: its rgb, sender and joint."""
FAILING = {"optim.lr": 1e30, "optim.warmup_fraction": 0.0, "optim.clip_norm": None, "phases.rgb_epochs": 4}


def submit(asked: Asked, *names: str, **overrides: object) -> dict[str, Submitted | UserError]:
    requests = []
    for name in names:
        text = SPEC.replace("[1, 2]", LEVELS[name])
        (asked.folder / f"{name}.yaml").write_text(text.replace("width: 4", "width: -4") if name == "broken" else text)
        changed = overrides.get("overrides", {})
        assert isinstance(changed, dict)
        requests.append(Request(str(asked.folder / f"{name}.yaml"), overrides=changed))
    ended = submit_all(requests, str(asked.lab), "study run --all --on slurm", "somebody", Console(quiet=True))
    return {name.rpartition("/")[2].removesuffix(".yaml"): one for name, one in ended}


def states(name: str) -> dict[str, int]:
    (standing,) = study.status(name)
    return {state: count for state, count in standing.states.items() if count}


def keys(asked: Asked, name: str) -> set[str]:
    return set(read_plans(asked.store).whole[name]["phases"])


def awaited(asked: Asked, submitted: Submitted) -> set[str | None]:
    """Give the keys of the phases in the queue that a study's look waits for, as SLURM says."""
    assert submitted.submission is not None
    look = submitted.submission["arrays"][-1]["job"]
    said = subprocess.check_output(["squeue", "--noheader", f"--jobs={look}", "--format=%E"], text=True)
    numbers = set(re.findall(r"afterany:(\d+(?:_\d+)?)", said))
    jobs = submission.jobs(submission.read_all(asked.store))
    return {job.key for job in jobs if numbers & {job.row.job, job.row.job.partition("_")[0]}}


def test_shared_phases_are_submitted_once_and_each_study_is_answered(asked: Asked) -> None:
    hold()
    ended = submit(asked, "one", "broken", "other", "same")
    assert isinstance(ended["broken"], UserError)
    one, other, same = (ended[name] for name in ("one", "other", "same"))
    assert isinstance(one, Submitted)
    assert isinstance(other, Submitted)
    assert isinstance(same, Submitted)
    assert [(each.phases, each.queued) for each in (one, other, same)] == [
        (PHASES, 0), (PHASES - SHARED, SHARED), (0, PHASES)
    ]  # fmt: skip
    assert len(in_queue()) == 2 * PHASES - SHARED + 3
    assert awaited(asked, other) == keys(asked, "other")
    assert awaited(asked, same) == keys(asked, "same")
    release()
    wait_for_the_end()
    for name in ("one", "other", "same"):
        assert states(name) == {"done": PHASES}
        said = json.loads((asked.store.editions / name / "answer.json").read_text())["sentence"]
        (again,) = study.report(name)
        assert said == again.answer.sentence, "it was answered when all of it was there"
    assert all(len(asked.store.attempts(path.name)) == 1 for path in asked.store.runs.iterdir())
    before = study.sql("select edition, results_before from editions")
    assert set(before["results_before"]) == {0}
    assert [problem for problem in study.verify() if problem.is_damage] == []
    freed, why = study.clean(dry_run=False)
    assert ([item.reason for item in freed], why) == ([ENDED] * 3, "")
    assert submission.read_all(asked.store) == []


def test_cancelling_a_study_spares_what_another_waits_for(asked: Asked) -> None:
    hold()
    submit(asked, "one", "other")
    jobs, kept = study.cancel("one")
    assert (len(jobs), kept) == (PHASES - SHARED + 1, {"other": SHARED})
    wait(lambda: len(in_queue()) == PHASES + 1)
    assert states("one") == {"queued": SHARED, "due": PHASES - SHARED}
    assert states("other") == {"queued": PHASES}
    jobs, kept = study.cancel("other")
    assert (len(jobs), kept) == (PHASES + 1, {}), "those that were submitted for `one` too"
    wait(lambda: not in_queue())


def test_what_failed_for_both_is_tried_again_once(asked: Asked) -> None:
    submit(asked, "one", "other", overrides=FAILING)
    wait_for_the_end()
    (one,), (other,) = study.status("one"), study.status("other")
    assert one.states["failed"] >= 1
    assert other.states["blocked"] >= 1
    hold()
    (first,), (second,) = study.retry("other"), study.retry("one")
    assert first.phases == other.states["failed"] + other.states["blocked"]
    both = {key for each in (first, second) if each.submission for key, _ in submission.jobs_of(each.submission)}
    assert len(both) == first.phases + second.phases, "no phase is in both"
    (one_again,) = study.status("one")
    assert one_again.states["queued"] == one.states["failed"] + one.states["blocked"]
