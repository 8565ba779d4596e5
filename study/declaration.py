"""What is fixed in the store before the first result: the claim, once and for ever, and the newest plan."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.settings import Frozen
from models.start import Start, start_of
from results.attempt import Store, now
from results.chosen import Choice, read_choice
from results.claim import claim_hash
from results.files import canonical, link_json, read_json, replace_json, writing
from results.plan import (
    PlanFile,
    PlannedArm,
    PlannedPhase,
    PlannedTrial,
    PlannedWeights,
    is_tuning,
    plan_of,
    read_plans,
    seeds_of,
)
from results.state import State
from study.arms import deciding
from study.edition import Arm, Edition, Tuning
from study.key import NUMERICS
from study.phase import Phase, phases_of
from study.planner import Plan, Trial
from study.preparation import Prepared
from study.rates import training_clips


def declare(prepared: Prepared, command: str) -> PlanFile:
    """Write the claim of a plan, if it is new, and the plan itself; return what `plan.json` holds.

    Where seeds are added until the claim is decided, or arms are searched, that is as much as was asked for so far.
    """
    plan, store = prepared.plan, prepared.store
    store.prepare()
    folder = store.editions / plan.edition.name
    fixed, digest = fixed_by_claim(plan), digest_of(plan)
    with writing(folder):
        (folder / "claims").mkdir(parents=True, exist_ok=True)
    finals = sorted({trial.final.key for trial in plan.trained})
    earlier = [read_json(path) for path in sorted(folder.glob("claims/*.json"))]  # a damaged one is named here
    known = {*finals, *(key for claim in earlier for key in claim["finals"])}
    before = sum(state.name == "done" for state in store.states(known).values())
    declared = {"fixed": fixed, "hash": digest, "finals": finals, "declared_at": now(), "results_before": before}
    link_json(folder / "claims" / f"{digest}.json", declared)
    skipped = [{"clip": clip, "reason": reason} for clip, reason in prepared.skipped.items()]
    if skipped:
        replace_json(folder / "skipped.json", skipped)
    else:
        (folder / "skipped.json").unlink(missing_ok=True)
    seeds, choice = _asked(prepared, digest)
    return write_plan(prepared, seeds, digest, command, choice)


def write_plan(
    prepared: Prepared,
    seeds: Mapping[str, int] | None,
    digest: str,
    command: str,
    choice: Choice | None = None,
) -> PlanFile:
    """Write the newest plan: all of it, or the first so many seeds of each arm; return what `plan.json` holds.

    Args:
        choice: what arms have chosen; None if nothing is tuned, or not yet.
    """
    described = _describe_first(prepared, seeds, digest, command, choice)
    replace_json(prepared.store.editions / prepared.plan.edition.name / "plan.json", described)
    return described


def describe_so_far(prepared: Prepared) -> PlanFile:
    """Give what `plan.json` would hold, were the plan declared now."""
    digest = digest_of(prepared.plan)
    seeds, choice = _asked(prepared, digest)
    return _describe_first(prepared, seeds, digest, "", choice)


def _describe_first(
    prepared: Prepared, seeds: Mapping[str, int] | None, digest: str, command: str, choice: Choice | None
) -> PlanFile:
    plan = prepared.plan if seeds is None else prepared.plan.first(seeds, choice["chosen"] if choice else None)
    described = describe(replace(prepared, plan=plan), digest, command)
    if plan.edition.tuning is not None:
        described |= _tuned(prepared, plan, plan.edition.tuning, choice)  # type: ignore[typeddict-item]  # parts of it
    return described


def _asked(prepared: Prepared, digest: str) -> tuple[Mapping[str, int] | None, Choice | None]:
    """Find how many seeds of each arm were asked for so far, and which levels were chosen.

    None if all arms and seeds are, from the start; no seed of any, if arms are still to choose their levels.
    """
    edition = prepared.plan.edition
    if not edition.grows:
        return None, None
    choice = read_choice(prepared.store, edition.name, digest)
    if edition.tuning is not None and choice is None:
        return {}, None
    before = plan_of(prepared.store, edition.name, digest)
    # A writer that was killed leaves a choice, and a plan that does not know of it.
    return (edition.asked_first if before is None or is_tuning(before) else seeds_of(before)), choice


def fixed_by_claim(plan: Plan) -> dict[str, Any]:
    """Give what a claim fixes, and what its hash is taken of: change any of it and it is another claim.

    All that decides the numbers is part of it, so that nobody tunes a setting, adds a seed or mends the code after the
    first result and still has the claim that was made before it.
    """
    edition = plan.edition
    optional = {"prune": edition.pruner, "search": edition.search}
    tuned = {"tune": _rule(edition.tuning)} if edition.tuning else {}
    return (
        {
            "edition": edition.name,
            "question": edition.spec.question.model_dump(mode="json"),
            "claim": edition.claim.model_dump(mode="json"),
            "arms": [_fixed_arm(arm, edition) for arm in edition.arms],
            "signatures": edition.settings.signatures.model_dump(),
            "seeds": list(edition.seeds),
            "data": _fingerprints(plan),
            "numerics": NUMERICS,
        }
        | {name: _settled(own) for name, own in optional.items() if own is not None}
        | tuned
    )


def states_of(plan: Plan, store: Store) -> dict[str, State]:
    """Look up every phase as the claim of `plan` sees it; its hash, which takes its time, is asked where it matters."""
    return plan.states(store, digest_of(plan) if plan.edition.pruner else "")


def digest_of(plan: Plan) -> str:
    """Give the hash of the claim of `plan`."""
    return claim_hash(fixed_by_claim(plan))


def optuna_name(plan: Plan) -> str:
    """Give Optuna's name for a study: of all that its claim fixes but the study's own name, so that renaming it
    changes no draw and no bracket."""
    fixed = {name: value for name, value in fixed_by_claim(plan).items() if name != "edition"}
    return f"study-{claim_hash(fixed)[:16]}"


def refuse_other_clips(prepared: Prepared) -> None:
    """See that an edition, which is named by its data, does not hold results of other clips of that name.

    Raises:
        UserError: it does.
    """
    edition, store = prepared.plan.edition.name, prepared.store
    before, here = read_plans(store).whole.get(edition), clips_from(prepared)
    if before and before["clips_from"] != here and before["fingerprints"] != _fingerprints(prepared.plan):
        raise UserError(
            f"data {here}: the edition {edition} holds results of other clips that have the same name, "
            f"{before['clips_from']}. Rename the folder or the manifest of one of them (editions are named by it), "
            f"or keep their stores apart (STUDY_HOME)."
        )


def clips_from(prepared: Prepared) -> str:
    """Name the file or folder that the control's clips are read from; empty if they are made."""
    reader = prepared.ways[prepared.plan.edition.control.name].source.reader.model_dump()
    place = reader.get("path") or reader.get("folder")
    return str(Path(place).absolute()) if place else ""


def _fingerprints(plan: Plan) -> list[str]:
    """List the data sets that are read; none by phases that only measure what inference costs."""
    return sorted({phase.data for phase in plan.phases.values() if phase.data})


def describe(prepared: Prepared, digest: str, command: str) -> PlanFile:
    """Describe a plan as the store keeps it: everything that a report needs, and the keys of every trial.

    Args:
        digest: hash of the claim.
        command: what the user typed.
    """
    plan, clips = prepared.plan, training_clips(prepared)
    edition, spec = plan.edition, plan.edition.spec
    planned = {trial.arm.name for trial in plan.trials}
    described: PlanFile = {
        "edition": edition.name,
        "study": spec.name,
        "profile": edition.profile,
        "data": edition.data,
        "overrides": dict(edition.overrides),
        "question": spec.question.model_dump(mode="json"),
        "claim": edition.claim.model_dump(mode="json"),
        "claim_hash": digest,
        "design": spec.design["name"],
        "factors": {name: list(levels) for name, levels in edition.factors.items()},
        "charts": spec.charts,
        "labels": list(plan.labels),
        "notes": list(edition.notes),
        "settings": edition.settings.model_dump(mode="json"),
        "spec_settings": spec.settings,
        "arms": [_arm(arm) for arm in edition.arms if arm.name in planned or edition.tuning is not None],
        "phases": {key: _phase(phase, clips.get(phase.data, 0)) for key, phase in plan.phases.items()},
        "trials": [_trial(trial) for trial in plan.trials],
        "caches": list(prepared.caches),
        "clips_from": clips_from(prepared),
        "fingerprints": _fingerprints(plan),
        "at": now(),
        "command": command,
    }
    if edition.pruner is not None:
        described["prune"] = _settled(edition.pruner)
    if edition.search is not None:
        described["search"] = _settled(edition.search)
    return described


def _settled(settings: Frozen) -> dict[str, Any]:
    """Dump settings of Optuna, without where it keeps what it knows: that changes nothing, and may hold a password."""
    return settings.model_dump(mode="json", exclude={"storage"})


def _arm(arm: Arm) -> PlannedArm:
    starts = [start_of(phase.settings.model) for phase in phases_of(arm.settings, 0, 0, "").values()]
    return {
        "name": arm.name,
        "is_control": arm.is_control,
        "levels": dict(arm.levels),
        "replicate": arm.replicate,
        "weights": [_weights(start) for start in starts if start],
    }


def _fixed_arm(arm: Arm, edition: Edition) -> dict[str, Any]:
    """Give what a claim fixes of an arm; its weights by their content alone, which is among the settings.

    Of an arm that is tuned these are the settings under every combination of levels, whichever it chooses.
    """
    fixed = {name: value for name, value in _arm(arm).items() if name != "weights"}
    settings = {one.tried: _settings_digest(one, edition) for one in edition.tries_of(arm)}
    return fixed | {"settings": settings.get("", settings)}


def _rule(tuning: Tuning) -> dict[str, Any]:
    return {"levels": {name: list(levels) for name, levels in tuning.levels.items()}, "seeds": list(tuning.seeds)}


def _tuned(prepared: Prepared, plan: Plan, tuning: Tuning, choice: Choice | None) -> dict[str, Any]:
    """Give what the plan of a tuned study has besides: what is tried, what was chosen, and the arms under it.

    Once arms have chosen, phases of trials that failed are among the tuning's alone: they are planned no more.

    Args:
        plan: what is planned so far.
    """
    clips, tried = training_clips(prepared), plan.before_comparison
    described = {
        **_rule(tuning),
        "phases": {key: _phase(phase, clips.get(phase.data, 0)) for key, phase in tried.phases.items()},
        "trials": [
            {**_trial(trial), "tried": trial.arm.tried, "levels": _own(trial.arm, tuning)} for trial in plan.tuning
        ],
    }
    if choice is None:
        return {"tuning": described}
    left = plan.without_tries(choice["failed"])
    tries = {
        one.name: one
        for arm in plan.edition.arms
        for one in plan.edition.tries_of(arm)
        if one.tried == choice["chosen"][arm.name]
    }
    arms = [tries[arm.name] for arm in plan.edition.arms]
    return {
        "tuning": {**described, **choice},
        "arms": [_arm(one) | {"levels": dict(arm.levels)} for one, arm in zip(arms, plan.edition.arms, strict=True)],
        "settings": next(arm for arm in arms if arm.is_control).settings.model_dump(mode="json"),
        "phases": {key: _phase(phase, clips.get(phase.data, 0)) for key, phase in left.phases.items()},
    }


def _own(arm: Arm, tuning: Tuning) -> dict[str, Any]:
    return {name: arm.levels[name] for name in tuning.levels}


def _weights(start: Start) -> PlannedWeights:
    return {"setting": start.setting, "file": start.file.found().name, "digest": start.file.digest}


def _settings_digest(arm: Arm, edition: Edition) -> str:
    decided = deciding(arm, edition.claim.metric, edition.against)
    return hashlib.sha256(canonical(decided).encode()).hexdigest()


def _phase(phase: Phase, clips: int) -> PlannedPhase:
    return {
        "kind": phase.kind,
        "seed": phase.seed,
        "epochs": phase.epochs,
        "clips": round(clips * phase.settings.data.train.share),
        "parents": dict(phase.parents),
    }


def _trial(trial: Trial) -> PlannedTrial:
    return {
        "arm": trial.arm.name,
        "seed": trial.seed,
        "replicate": trial.replicate,
        "phases": {kind: phase.key for kind, phase in trial.phases.items()},
        "final": trial.final.key,
    }
