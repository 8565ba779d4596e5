"""What was run: commits, versions, machines, what differs from the defaults, and the command that repeats it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from experiments.tree import Tree, leaves, merge, nest
from models.catalog import unknown
from reports import query, words
from results import tuned
from results.edition import UnknownEdition
from results.metric.facts import METRICS
from results.plan import PlanFile

if TYPE_CHECKING:
    import duckdb

RUNS = """
select distinct key, runs.phase, seconds, finished_at, runs."commit", diff, device, threads, world_size, host, versions,
    numerics, phases.tuning is not null as is_tuning
from runs
join phases using (key)
where edition = $edition and state = 'done'
order by finished_at, key
"""
FINISHED = """
select count(distinct (arm, seed, replicate)) as trials from finals where edition = $edition and not pruned
"""
EDITION = """
select declared_at, results_before, revealed_at, revealed_by from editions where edition = $edition
"""
EDITIONS = "select edition from editions order by edition"
SKIPPED = "select unnest(skipped_clips) as clip from editions where edition = $edition"


@dataclass(frozen=True)
class Fact:
    """A name, its value, and what makes it plainer."""

    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Ran:
    """What a page tells of its runs.

    Attributes:
        versions: of Python and the packages that can change a number.
        settings: of the control, one dotted name a line.
        trials: how many are finished.
        seconds: of all phases, shared ones counted once.
        last_at: when the newest phase was done.
        declared_at: when the claim was written to the store.
        declared_after: how many results there were when the claim was declared.
        skipped: clips that were left out as unreadable.
        mixed: what differs between phases that are compared, and should not: name -> its values.
    """

    facts: list[Fact]
    command: str
    versions: list[Fact]
    settings: str
    trials: int
    seconds: float | None
    last_at: str | None
    declared_at: str | None
    declared_after: int
    skipped: list[str]
    mixed: dict[str, list[str]]


def collect(connection: "duckdb.DuckDBPyConnection", edition: str, plan: PlanFile) -> Ran:
    """Collect what the ledger knows of the phases that `edition` needs.

    Raises:
        UnknownEdition: the ledger does not hold the edition.
    """
    row = _edition(connection, edition)
    runs = query.table(connection, RUNS, edition=edition)
    versions = _versions(runs)
    mixed = {name: sorted(values) for name, values in _compared(runs, plan).items() if len(values) > 1}
    return Ran(
        facts=_facts(plan, runs, row),
        command=plan["command"],
        versions=[Fact(name, ", ".join(sorted(values))) for name, values in versions.items()],
        settings="\n".join(f"{name}: {words.setting(value)}" for name, value in leaves(plan["settings"])),
        trials=int(query.table(connection, FINISHED, edition=edition)["trials"][0]),
        seconds=None if runs.is_empty() else float(runs["seconds"].sum()),
        last_at=None if runs.is_empty() else str(runs["finished_at"].max()),
        declared_at=row["declared_at"],
        declared_after=row["results_before"] or 0,
        skipped=query.table(connection, SKIPPED, edition=edition)["clip"].to_list(),
        mixed=mixed,
    )


def _edition(connection: "duckdb.DuckDBPyConnection", edition: str) -> dict[str, Any]:
    found = query.table(connection, EDITION, edition=edition)
    if found.is_empty():
        there = query.table(connection, EDITIONS)["edition"].to_list()
        raise UnknownEdition(f"{unknown(edition, 'edition in the ledger', there)} Run the study, or `study sync`.")
    return found.row(0, named=True)


def _facts(plan: PlanFile, runs: pl.DataFrame, edition: Mapping[str, Any]) -> list[Fact]:
    made_by = _made_by(runs)
    own = ", ".join(f"{name}={words.setting(value)}" for name, value in leaves(_own_settings(plan)))
    factors = "; ".join(f"{name}: {words.listing(levels, 50)}" for name, levels in plan["factors"].items())
    return [
        Fact("Edition", plan["edition"]),
        Fact("Profile", plan["profile"]),
        Fact("Data", plan["data"]),
        Fact("Settings that differ from the profile", own or "none"),
        Fact("Weights at the start", _weights(plan)),
        Fact("Factors", factors),
        Fact("Design", plan["design"]),
        *([Fact("Tuning", tuned.sum_up(plan))] if "tuning" in plan else []),
        Fact("Seeds", words.listing(sorted({trial["seed"] for trial in plan["trials"]}), 50)),
        Fact("Commit", ", ".join(made_by["commit"]) or words.MISSING),
        Fact("Device, threads, processes", ", ".join(made_by["device"]) or words.MISSING),
        Fact("Host", ", ".join(sorted(set(runs["host"].drop_nulls().to_list()))) or words.MISSING),
        Fact("Claim declared", words.day(edition["declared_at"])),
        Fact("Claim hash", plan["claim_hash"][:16]),
        Fact("Planned", words.day(plan["at"])),
        Fact("Test splits", _opened(edition)),
    ]


def _own_settings(plan: PlanFile) -> Tree:
    """Lay the overrides of the command over what the spec itself sets."""
    tree: Tree = merge(nest(plan["spec_settings"]), nest(plan["overrides"]))
    return tree


def _weights(plan: PlanFile) -> str:
    """Name each file that arms start from, the first digits of its digest, and these arms."""
    arms: dict[str, list[str]] = {}
    for arm in plan["arms"]:
        for start in arm["weights"]:
            file = f"{start['file']} (SHA-256 {start['digest'][:12]}) as {start['setting']}"
            arms.setdefault(file, []).append(arm["name"])
    whole = len(plan["arms"])
    told = [f"{file} in {'every arm' if len(own) == whole else words.listing(own, 50)}" for file, own in arms.items()]
    return "; ".join([*told, "everything else from scratch"]) if told else "from scratch"


def _opened(edition: Mapping[str, Any]) -> str:
    if edition["revealed_at"] is None:
        return "sealed"
    by = f" by {edition['revealed_by']}" if edition["revealed_by"] else ""
    return f"opened {words.day(edition['revealed_at'])}{by}"


def _made_by(runs: pl.DataFrame) -> dict[str, list[str]]:
    """List the commits and the machines' kinds that made these phases."""
    commits, devices = [], []
    for run in runs.to_dicts():
        changed = f" with changes {run['diff'][:8]}" if run["diff"] else ""
        commits.append(f"{(run['commit'] or 'unknown')[:12]}{changed}")
        threads, processes = (
            words.count(run["threads"], "thread"),
            words.count(run["world_size"], "process", "processes"),
        )
        devices.append(f"{run['device']}, {threads}, {processes}")
    return {"commit": list(dict.fromkeys(commits)), "device": list(dict.fromkeys(devices))}


def _compared(runs: pl.DataFrame, plan: PlanFile) -> dict[str, list[str]]:
    """List what made the phases that the claim compares: trainings, or measurements of what inference costs."""
    is_cost = METRICS[plan["claim"]["metric"]].is_cost
    own = runs.filter((pl.col("phase") == "profile") == is_cost, ~pl.col("is_tuning"))
    numerics = {"NUMERICS": [str(value) for value in own["numerics"].drop_nulls().unique().to_list()]}
    return _made_by(own) | numerics | _versions(own)


def _versions(runs: pl.DataFrame) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for text in runs["versions"].drop_nulls().unique(maintain_order=True).to_list():
        for name, version in json.loads(text).items():
            found.setdefault(name, {})[version] = None
    return {name: list(versions) for name, versions in found.items()}
