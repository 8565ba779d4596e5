"""`study verify`: prove the store from its files, and the database from the store."""

from pathlib import Path

import duckdb

from results import edition, run
from results.attempt import Store
from results.chosen import list_misled, read_chosen
from results.claim import claim_hash
from results.files import StoreError, read_json
from results.plan import PlanFile, read_plan, tries_of
from results.query import connect
from results.soundness import Inspector, KeyOf, Problem

_ROOT = {"VERSION", "runs", "editions", "cache", "submissions", "study.duckdb", "study.lock"}
_JOURNAL = "optuna.journal"
"""Optuna's, also those that were set aside as damaged."""
_RESTORE = "Restore it from a backup: a claim is made only once."
_CHOSEN_ONCE = "Restore it from a backup: arms choose only once."
_ANEW = "Remove study.duckdb and run `study sync`: it is made anew from the files."


def verify(store: Store, key_of: KeyOf) -> list[Problem]:
    """Name everything in `store` that is damaged, torn or orphaned; nothing is changed.

    Args:
        key_of: computes a run's key from what its `settings.json` holds.

    Raises:
        StoreError: a newer version of this code wrote the store.
    """
    store.check_version()
    inspector = Inspector(store, key_of)
    for path in sorted(store.root.iterdir()) if store.root.is_dir() else []:
        if path.name not in _ROOT and not path.name.startswith(_JOURNAL):
            inspector.leftover(path, "does not belong to the store. `study clean` frees it if a write was cut off.")
    for path in sorted(store.runs.iterdir()) if store.runs.is_dir() else []:
        if path.is_dir():
            inspector.run(path.name)
        else:
            inspector.leftover(path, "is a file among the runs' folders. Harmless: nothing reads it.")
    for folder in sorted(store.editions.iterdir()) if store.editions.is_dir() else []:
        _edition(inspector, folder)
    if store.database.exists():
        _database(inspector)
    return inspector.problems


def _edition(inspector: Inspector, folder: Path) -> None:
    plan_path = folder / "plan.json"
    if not plan_path.exists():
        inspector.leftover(folder, "was declared and has no plan. Run its study again: it writes one.")
        return
    claims = [path for path in sorted(folder.glob("claims/*.json")) if _claim(inspector, path)]
    told_of = {problem.where for problem in inspector.problems}
    try:
        plan = read_plan(plan_path)
    except StoreError as error:
        inspector.damage(plan_path, str(error).removeprefix(f"{plan_path}: "))
        return
    _choices(inspector, folder, plan)
    planned = folder / "claims" / f"{plan['claim_hash']}.json"
    is_told = planned.relative_to(inspector.store.root).as_posix() in told_of
    if not is_told and (told := edition.changed_claim(folder, plan)):
        inspector.damage(planned, told)
    if claims == sorted(folder.glob("claims/*.json")):
        try:
            edition.read_edition(folder)
        except StoreError as error:
            inspector.damage(folder, str(error).removeprefix(f"{folder}: "))
    for trial in (*plan["trials"], *tries_of(plan)):
        if trial["final"] not in trial["phases"].values():
            where = f"{trial['arm']}, seed {trial['seed']}"
            inspector.damage(plan_path, f"the final phase of {where} is none of its phases. Run the study again.")


def _claim(inspector: Inspector, path: Path) -> bool:
    """Hash a claim anew: what it fixes, the hash that it gives and the name of its file must agree."""
    try:
        content = read_json(path)
        found, said = claim_hash(content["fixed"]), content["hash"]
    except (StoreError, ValueError, KeyError, TypeError) as error:
        inspector.damage(path, f"is no claim ({type(error).__name__}: {error}). {_RESTORE}")
        return False
    if not found == said == path.stem:
        inspector.damage(path, f"what it fixes has the hash {found}: it was changed. {_RESTORE}")
    return True


def _choices(inspector: Inspector, folder: Path, plan: PlanFile) -> None:
    """See that what arms have chosen can be read, belongs to a claim, and is what the plan holds."""
    copied = {name: own for name, own in plan.get("tuning", {}).items() if name in ("chosen", "failed")}
    planned = folder / "chosen" / f"{plan['claim_hash']}.json"
    for path in sorted({*folder.glob("chosen/*.json"), *([planned] if copied else [])}):
        try:
            choice = read_chosen(path)
        except FileNotFoundError:
            inspector.damage(path, f"is missing, and the plan says what arms have chosen. {_CHOSEN_ONCE}")
            continue
        except StoreError as error:
            inspector.damage(path, str(error).removeprefix(f"{path}: "))
            continue
        if not (folder / "claims" / path.name).exists():
            inspector.damage(path, f"its claim is missing. {_RESTORE}")
        if path == planned and copied and copied != choice:
            inspector.damage(path, f"differs from the plan's choice: one of them was changed. {_CHOSEN_ONCE}")
    try:
        misled = list_misled(inspector.store, plan) if "chosen" in copied else []
    except StoreError:  # a damaged run is named among the runs
        return
    if misled:
        told = f"does not follow from the trainings of the tuning, for {', '.join(misled)}: it was changed."
        inspector.damage(planned, f"{told} {_CHOSEN_ONCE}")


def _database(inspector: Inspector) -> None:
    """Compare what was synced with the files; what is not synced yet is no problem."""
    store = inspector.store
    try:
        with connect(store) as connection:
            known = dict(connection.execute("select path, digest from sources").fetchall())
            counts = connection.execute(_COUNTS).fetchall()
            leaked = connection.execute(_LEAKED).fetchall()
    except (StoreError, duckdb.Error) as error:
        inspector.damage(store.database, f"{error} {_ANEW}")
        return
    for key, attempt, there in counts:
        folder = store.runs / key
        if known.get(f"runs/{key}") != run.digest(folder):
            continue
        done = read_json(folder / "done.json")
        if (attempt, there) != (done["attempt"], done["records"]):
            inspector.damage(
                store.database,
                f"holds {there} records of attempt {attempt} at {key}, but attempt {done['attempt']} with "
                f"{done['records']} was published. {_ANEW}",
            )
    for (key,) in leaked:
        inspector.damage(store.database, f"shows test numbers of {key}, which no revealed edition uses. {_ANEW}")


_COUNTS = """
select runs.key, runs.attempt, count(records.key) filter (records.split not like 'test%')
from runs left join records using (key, attempt)
where runs.state = 'done'
group by all
order by all
"""

_LEAKED = """
select distinct key
from (select key, split from records union all select key, split from predictions)
where split like 'test%'
    and key not in (
        select key from phases join editions using (edition) where revealed_at is not null and tuning is null)
order by key
"""
