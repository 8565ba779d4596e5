"""A tuned study whose trainings are made: nothing is trained, and every file is real."""

from collections.abc import Mapping
from pathlib import Path

from results.answer import Answer
from results.owner import Owner
from results.plan import PlanFile, read_plan
from study.declaration import declare
from study.looking import plan_next, planned_so_far
from study.phase import Phase
from study.planner import Trial
from study.preparation import Prepared, Request, prepare
from study.reporting import Report, report_edition
from tests import made_store as made
from tests.made_spec import TUNED

CLIPS = 8
BEST = {"count=1": "lr=0.01", "count=2": "lr=0.1"}


def prepared_of(home: Path, text: str = TUNED) -> Prepared:
    (home / "asked.yaml").write_text(text)
    return prepare(Request(str(home / "asked.yaml")))


def finish(prepared: Prepared, trial: Trial, signal: float = 1.0) -> None:
    for phase in trial.phases.values():
        made.train(prepared.store, phase.content, CLIPS, signal)


def finish_parents(prepared: Prepared, trial: Trial) -> None:
    for phase in list(trial.phases.values())[:-1]:
        made.train(prepared.store, phase.content, CLIPS)


def fail(prepared: Prepared, trial: Trial) -> None:
    finish_parents(prepared, trial)
    lose(prepared, trial.final)


def lose(prepared: Prepared, phase: Phase) -> None:
    attempt = prepared.store.claim(phase.key, phase.content, Owner.current("a test"))
    assert attempt is not None
    attempt.fail(ArithmeticError("diverged"))


def plan_now(prepared: Prepared) -> PlanFile:
    return read_plan(prepared.store.editions / "asked" / "plan.json")


def tune(prepared: Prepared, best: Mapping[str, str] = BEST) -> None:
    """Store results of the tuning, in which one combination of each arm is far better than the others."""
    for trial in prepared.plan.tuning:
        finish(prepared, trial, 9.0 if best[trial.arm.name] == trial.arm.tried else 0.0)


def go_on(prepared: Prepared, declared: PlanFile) -> PlanFile | None:
    """Take the look after the tuning, which needs no answer."""
    return plan_next(prepared, declared, Report(Answer("undecided", "", ()), Path(), ()))


def go_on_to_the_end(prepared: Prepared) -> tuple[PlanFile, Report]:
    """Tune, choose, and store results of the comparison."""
    tune(prepared)
    ahead = go_on(prepared, declare(prepared, ""))
    assert ahead is not None
    for trial in planned_so_far(prepared.plan, ahead).trials:
        finish(prepared, trial)
    return ahead, report_edition(prepared.store, "asked")
