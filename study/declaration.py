"""What is fixed in the store before the first result: the claim, once and for ever, and the newest plan."""

import hashlib
from typing import Any

from results.attempt import now
from results.files import link_json, replace_json, writing
from study.key import canonical
from study.phase import Phase
from study.planner import Plan
from study.preparation import Prepared


def declare(prepared: Prepared, command: str) -> None:
    """Write the claim of a plan, if it is new, and the plan itself."""
    plan, store = prepared.plan, prepared.store
    store.prepare()
    folder = store.editions / plan.edition.name
    content = describe(plan, command) | {"caches": list(prepared.caches)}
    with writing(folder):
        (folder / "claims").mkdir(parents=True, exist_ok=True)
    finals = store.states({trial.final.key for trial in plan.trials})
    claim = {name: content[name] for name in ("claim", "question", "arms")}
    before = sum(state.name == "done" for state in finals.values())
    declared = claim | {"hash": content["claim_hash"], "declared_at": now(), "results_before": before}
    link_json(folder / "claims" / f"{content['claim_hash']}.json", declared)
    skipped = [{"clip": clip, "reason": reason} for clip, reason in prepared.skipped.items()]
    if skipped:
        replace_json(folder / "skipped.json", skipped)
    else:
        (folder / "skipped.json").unlink(missing_ok=True)
    replace_json(folder / "plan.json", content)


def describe(plan: Plan, command: str) -> dict[str, Any]:
    """Describe a plan as the store keeps it: everything that a report needs, and the keys of every trial."""
    edition, spec = plan.edition, plan.edition.spec
    question, claim = spec.question.model_dump(), edition.claim.model_dump()
    arms = [
        {"name": arm.name, "is_control": arm.is_control, "levels": dict(arm.levels), "replicate": arm.replicate}
        for arm in edition.arms
    ]
    fixed = {"edition": edition.name, "question": question, "claim": claim, "arms": arms, "data": plan.data}
    return {
        "edition": edition.name,
        "study": spec.name,
        "profile": edition.profile,
        "data": edition.data,
        "overrides": dict(edition.overrides),
        "claim_hash": hashlib.sha256(canonical(fixed).encode()).hexdigest(),
        "at": now(),
        "command": command,
        "question": question,
        "claim": claim,
        "design": spec.design["name"],
        "factors": {name: list(levels) for name, levels in edition.factors.items()},
        "charts": spec.charts,
        "labels": list(plan.labels),
        "notes": list(edition.notes),
        "settings": edition.settings.model_dump(mode="json"),
        "arms": arms,
        "phases": {key: _phase(phase) for key, phase in plan.phases.items()},
        "trials": [
            {
                "arm": trial.arm.name,
                "seed": trial.seed,
                "replicate": trial.replicate,
                "phases": {kind: phase.key for kind, phase in trial.phases.items()},
                "final": trial.final.key,
            }
            for trial in plan.trials
        ],
    }


def _phase(phase: Phase) -> dict[str, Any]:
    return {"kind": phase.kind, "seed": phase.seed, "epochs": phase.settings.epochs, "parents": dict(phase.parents)}
