"""The methods paragraph of a study: design, seeds, tests and corrections, as a paper would state them."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.tree import leaves
from reports import words
from reports.ran import Ran
from reports.unfinished import Unfinished
from results import tuned
from results.bootstrap import RESAMPLES
from results.claim import Claim
from results.metric.facts import METRICS
from results.plan import PlanFile

if TYPE_CHECKING:
    from results.answer import Answer
    from results.contrast import Contrast


PROCEDURES = {"Holm": "Holm's procedure", "max-T": "the step-down max-T procedure"}


def write_methods(answer: "Answer", plan: PlanFile, ran: Ran, left: Sequence[Unfinished]) -> str:
    """Write the paragraph in plain sentences.

    Args:
        left: planned trials without a result.
    """
    claim = Claim.model_validate(plan["claim"])
    claimed = [contrast for contrast in answer.contrasts if contrast.is_claimed]
    measured = _costs() if claim.is_about_cost else _scores(claim)
    decided = [*measured, *_corrections(claim, claimed), *_verdicts(claim)]
    sentences = [
        *_design(plan, left),
        *_tuning(plan),
        *_pruning(plan, left),
        *(_search(plan, ran) if "search" in plan else [*_claim(plan, ran), *decided]),
        *_test_splits(ran),
        *_made_with(plan, ran),
    ]
    return " ".join(sentences)


def _design(plan: PlanFile, left: Sequence[Unfinished]) -> list[str]:
    factors = "; ".join(f"{name} ({words.listing(levels, 50)})" for name, levels in plan["factors"].items())
    control = next(arm["name"] for arm in plan["arms"] if arm["is_control"])
    again = [arm["name"] for arm in plan["arms"] if arm["replicate"]]
    seeds = sorted({trial["seed"] for trial in plan["trials"]})
    told = [
        f"We compared {words.count(len(plan['arms']), 'arm')} in a {plan['design'].replace('_', '-')} design over "
        f"{factors}, with {control} as the control.",
        f"There {'was' if len(seeds) == 1 else 'were'} {words.count(len(seeds), 'seed')} ({words.listing(seeds, 50)}) "
        f"and {words.count(len(plan['trials']), 'trial')}, {_finished(left)}."
        if seeds
        else "The comparison has not begun.",
    ]
    if again:
        told.append(f"The control was trained once more ({words.listing(again)}) and is in no claim about the arms.")
    keys = [key for trial in plan["trials"] for key in trial["phases"].values()]
    if len(set(keys)) < len(keys):
        told.append("Phases of training that arms of one seed agree on in every setting were trained once and shared.")
    return told


def _tuning(plan: PlanFile) -> list[str]:
    if "tuning" not in plan:
        return []
    tuning = plan["tuning"]
    levels = "; ".join(f"{name} ({words.listing(own, 50)})" for name, own in tuning["levels"].items())
    chosen = [f"{tried} for {words.listing(arms, 50)}" for tried, arms in tuned.arms_by_choice(plan).items()]
    failed = tuned.count_failed(plan)
    return [
        f"Before the comparison every arm was given the same small search over {levels}, with "
        f"{words.count(len(tuning['seeds']), 'seed')} each ({words.listing(tuning['seeds'], 50)}) that the comparison "
        f"does not use: {words.count(len(tuning['trials']), 'training')}, "
        f"{100 * tuned.share_of_epochs(plan):.0f} % of all epochs.",
        "Each arm took the levels with the highest mean mAP over the validation splits at the last epoch"
        + (f": {'; '.join(chosen)}." if chosen else "."),
        *([tuned.SAME_CLIPS] if tuned.is_on_clips_of_choice(plan) else []),
        *([f"{words.count(failed, 'training')} of the search failed and could not be chosen."] if failed else []),
    ]


def _pruning(plan: PlanFile, left: Sequence[Unfinished]) -> list[str]:
    if "prune" not in plan:
        return []
    settings = ", ".join(f"{name} {words.setting(value)}" for name, value in leaves(plan["prune"]) if name != "pruner")
    count = sum(trial.state == "pruned" for trial in left)
    return [
        f"After each epoch of the joint phases Optuna's pruner {plan['prune']['pruner']} ({settings}) was told the "
        "mean mAP of the validation splits and could give a training up, never the control's.",
        f"It gave up {words.count(count, 'training')}, which count as censored: they are in no mean, and their arms "
        "have no interval.",
    ]


def _search(plan: PlanFile, ran: Ran) -> list[str]:
    search = plan["search"]
    levels = math.prod(map(len, plan["factors"].values()))
    cost = f" and the least {METRICS[search['against']].word}" if search["against"] else ""
    when = f" on {words.day(ran.declared_at)}" if ran.declared_at else ""
    return [
        f"The arms are those that Optuna ({search['sampler']}, {search['batch']} at a time) picked of the {levels:,} "
        f"combinations of these levels, for the highest mean mAP over the validation splits{cost}, by seeds that no "
        "claim uses.",
        f"Its settings were fixed{when} (SHA-256 {plan['claim_hash'][:16]}). It chose the arms by the numbers that "
        "they are shown with, so these decide no claim, and differences have no intervals.",
    ]


def _finished(left: Sequence[Unfinished]) -> str:
    if not left:
        return "all finished"
    states = [f"{number} {state}" for state, number in Counter(trial.state for trial in left).items()]
    return f"{len(left)} of them without a result and in no mean ({words.listing(states)})"


def _claim(plan: PlanFile, ran: Ran) -> list[str]:
    when = f", on {words.day(ran.declared_at)}" if ran.declared_at else ""
    tries = " under all levels of the search" if "tuning" in plan else ""
    how_blind = (
        f"after {words.count(ran.declared_after, 'result')}" if ran.declared_after else "before the first result"
    )
    return [
        f"The claim was fixed{when}, {how_blind}, together with the settings of all arms{tries}, the seeds and the "
        f"data (SHA-256 {plan['claim_hash'][:16]}): {words.claim(plan['claim'])}"
    ]


def _scores(claim: Claim) -> list[str]:
    told = [
        "The metric is average precision in points, the mean over the muscle groups that occur in a split, of the last "
        "epoch and never of the best.",
        f"It was taken on {words.split(claim.split)}.",
        "Differences are paired by seed and clip.",
    ]
    seeds = "The variance of a difference is that of its mean over seeds (Student's t)"
    if claim.over == "seeds":
        return [*told, f"{seeds}: intervals hold for other seeds on these clips."]
    return [
        *told,
        f"{seeds} plus that of a crossed bootstrap of {RESAMPLES:,} draws of activities and of clips within them, one "
        "draw for all arms and seeds, with the degrees of freedom of Satterthwaite: intervals hold for other seeds and "
        "other activities.",
    ]


def _costs() -> list[str]:
    return [
        "Costs are medians over repeated passes, measured alone on the machine, and compared in percent of the "
        "control's mean; each seed is another measurement (Student's t)."
    ]


def _corrections(claim: Claim, claimed: "Sequence[Contrast]") -> list[str]:
    told = []
    if len(claimed) > 1:
        names = dict.fromkeys(contrast.correction for contrast in claimed)
        told.append(
            f"Intervals and p values of the {len(claimed)} arms are corrected together by "
            f"{words.listing([PROCEDURES[name] for name in names])}, at a family-wise error rate of "
            f"{100 * claim.alpha_of_look:g} %."
        )
    elif claimed:
        told.append(f"The error rate is {100 * claim.alpha_of_look:g} %; with a single arm nothing is to be corrected.")
    if len(claim.looks) > 1:
        told.append(
            f"Seeds were added at looks planned at {words.listing(claim.looks)} seeds, over which the error rate of "
            f"{100 * claim.alpha:g} % is split evenly."
        )
    return told


def _verdicts(claim: Claim) -> list[str]:
    margin = claim.facts.amount(claim.smallest)
    return [
        f"The smallest difference that matters was set to {margin}: an arm counts as {claim.facts.better} or "
        f"{claim.facts.worse} if its interval lies beyond it, as equivalent if inside, and as undecided otherwise."
    ]


def _test_splits(ran: Ran) -> list[str]:
    opened = next(fact.value for fact in ran.facts if fact.name == "Test splits")
    if opened == "sealed":
        return ["The test splits were never opened."]
    return [f"The test splits stayed sealed until they were {opened}, for all arms at once."]


def _made_with(plan: PlanFile, ran: Ran) -> list[str]:
    facts = {fact.name: fact.value for fact in ran.facts}
    versions = ", ".join(f"{fact.name} {fact.value}" for fact in ran.versions)
    told = f"Data: {plan['data']}. Profile: {plan['profile']}. Commit: {facts['Commit']}"
    return [f"{told}{f'. Versions: {versions}' if versions else ''}. Command: {ran.command}"]
