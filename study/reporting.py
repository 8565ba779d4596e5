"""From the store to pages: bring the database up to date, compare, answer, draw. No torch."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reports import index, page
from results import pruned, tuned
from results.answer import Answer, answer_claim, answer_sealed
from results.attempt import Store
from results.claim import Claim
from results.contrast import Contrast, contrasts
from results.cost import cost_contrasts, costs
from results.edition import changed_claim, read_edition
from results.files import StoreError, jsonable, replace_json
from results.frame import predictions
from results.ledger import sync
from results.looks import Course, answer_looks, looks_at_costs, looks_at_scores
from results.measure import Model
from results.plan import PlanFile, is_tuning, pruned_of, read_plan, standing_of
from results.query import connect
from results.searched import answer_search
from results.state import FAILED
from study.layout import pages_folder
from study.standing import editions

if TYPE_CHECKING:
    import duckdb


class Report(NamedTuple):
    """An edition, answered.

    Attributes:
        problems: what of the store could not be taken in, and so is missing from the answer.
        asked: arm -> how many seeds it is to have for the next look; None if there is none to come.
        cautions: what a reader must know before citing it, as the page says it.
        pruned: what was given up, and what that saved, or empty.
        tuned: what each arm has chosen before, and what that cost, or empty.
        untuned: arms that cannot choose their levels, because no combination was trained to its end.
    """

    answer: Answer
    page: Path
    problems: tuple[str, ...]
    asked: Mapping[str, int] | None = None
    cautions: tuple[str, ...] = ()
    pruned: str = ""
    tuned: str = ""
    untuned: tuple[str, ...] = ()


def report_study(store: Store, name: str) -> list[Report]:
    """Answer every edition of a study (or the one edition) called `name`.

    Raises:
        UserError: the store holds no such study.
        StoreError: its only plan is damaged.
    """
    plans = editions(store, name)
    if not plans.whole:
        raise StoreError(" ".join(plans.damaged.values()))
    return [report_edition(store, edition) for edition in plans.whole]


def report_edition(store: Store, edition: str, pages: Path | None = None) -> Report:
    """Answer one edition, and write its page and the index.

    Args:
        pages: where to; the checkout's own folder, or that of `$STUDY_HOME`, if None.

    Raises:
        StoreError: its files are damaged, or a page cannot be written.
    """
    synced = sync(store)
    folder, pages = store.editions / edition, pages or pages_folder()
    plan = read_plan(folder / "plan.json")
    read_edition(folder)  # so that a damaged claim is named before anything is said about it
    if told := changed_claim(folder, plan):
        raise StoreError(f"{folder / 'claims' / plan['claim_hash']}.json: {told}")
    claim = Claim.model_validate(plan["claim"])
    is_sealed = claim.is_sealed and not (folder / "revealed.json").exists()
    given_up = pruned.sum_up(plan, pruned_of(store, plan))
    asked = None
    untuned: tuple[str, ...] = ()
    with connect(store) as connection:
        if is_tuning(plan):
            ended = _ended(store, plan)
            untuned = tuned.list_untuned(connection, plan, ended)
            found = tuned.answer_tuning(plan, ended, untuned)
        elif is_sealed:
            found = answer_sealed(claim, edition)
        elif claim.looks:
            course = _course(connection, edition, claim, _failed(store, plan))
            found, asked = answer_looks(claim, course), None if course.is_over else course.asked
        else:
            found = _answer(connection, plan, claim, given_up)
        built = page.build(connection, edition, found, plan, pages / f"{edition}.html")
    replace_json(folder / "answer.json", jsonable(asdict(found)))
    index.build(pages)
    spent = str(given_up or ""), tuned.sum_up(plan)
    return Report(found, built.path, synced.problems, asked, built.cautions, *spent, untuned)


def _answer(
    connection: "duckdb.DuckDBPyConnection", plan: PlanFile, claim: Claim, given_up: pruned.Pruned | None
) -> Answer:
    compared = _contrasts(connection, plan["edition"], claim)
    if "search" in plan:
        return answer_search(connection, plan["edition"], claim, plan["search"], compared)
    if given_up is None:
        return answer_claim(claim, compared)
    found = answer_claim(claim, pruned.censored(compared, given_up.arms))
    return replace(found, note=f"{found.note} {pruned.note(given_up)}".strip())


def _course(connection: "duckdb.DuckDBPyConnection", edition: str, claim: Claim, failed: Collection[Model]) -> Course:
    if claim.is_about_cost:
        return looks_at_costs(costs(connection, edition, claim), claim, failed)
    return looks_at_scores(predictions(connection, edition), claim, failed)


def _failed(store: Store, plan: PlanFile) -> set[Model]:
    """List the planned trainings that failed, or cannot be begun because what they start from failed."""
    states = standing_of(store, plan)
    return {(one["arm"], one["seed"]) for one in plan["trials"] if states[one["final"]] in FAILED}


def _ended(store: Store, plan: PlanFile) -> set[str]:
    """List the phases that are done, have failed, or cannot be begun."""
    return {key for key, state in standing_of(store, plan).items() if state in ("done", *FAILED)}


def _contrasts(connection: "duckdb.DuckDBPyConnection", edition: str, claim: Claim) -> list[Contrast]:
    if claim.is_about_cost:
        return cost_contrasts(costs(connection, edition, claim), claim)
    return contrasts(predictions(connection, edition), claim)
