"""What a reader must know before citing a page, in plain words. Nothing that weakens an answer is left to be found."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reports import query, words
from reports.claims import list_other_claims
from reports.ran import Ran
from reports.unfinished import Unfinished
from results import tuned
from results.metric.facts import METRICS
from results.plan import PlanFile

if TYPE_CHECKING:
    import duckdb

    from results.contrast import Contrast

NAN = """
select arm, seed, split from finals
where edition = $edition and not pruned and split != 'inference' and (map is null or isnan(map))
order by arm, seed, split
"""

BUSY = """
select count(distinct final) as measurements, max(value) as load
from trials join records on records.key = final join runs on runs.key = final and state = 'done'
where edition = $edition and metric = 'load' and value >= threads + 1
"""
ONE_SIDED = """
with clips as (
    select distinct split, clip, labels from predictions
    where key in (select final from trials where edition = $edition)
        and (split like 'val%' or (split like 'test%' and exists (
            from editions where edition = $edition and revealed_at is not null)))
),
told as (select split, unnest(range(1, len(labels) + 1)) as place, unnest(labels) as label from clips)
select split, any_value(editions.labels[place]) as muscle, max(label) as most
from told, editions
where edition = $edition
group by split, place
having min(label) = max(label)
order by most, split, place
"""
OPENED = """
select count(distinct final) from trials join runs on runs.key = trials.final
where edition = $edition and runs.sealed_loaded
    and edition in (select edition from editions where revealed_at is null)
"""


def list_cautions(
    connection: "duckdb.DuckDBPyConnection",
    edition: str,
    plan: PlanFile,
    ran: Ran,
    left: Sequence[Unfinished],
    contrasts: "Sequence[Contrast]",
) -> list[str]:
    """Collect the warnings of a page."""
    unmeasured = query.table(connection, NAN, edition=edition).to_dicts()
    return [
        *_declaration(ran),
        *list_other_claims(connection, edition, plan["claim"]),
        *_opened_elsewhere(connection, edition),
        *_seeds(plan),
        *_missing(left),
        *_unmeasured(unmeasured),
        *_one_sided(connection, edition),
        *_mixed(ran, "measurements" if METRICS[plan["claim"]["metric"]].is_cost else "trainings"),
        *_busy(connection, edition),
        *_skipped(ran),
        *_tuned(plan),
        *_beside_the_claim(contrasts),
        *_vanished(contrasts),
        *plan.get("notes", ()),
    ]


def _declaration(ran: Ran) -> list[str]:
    if not ran.declared_after:
        return []
    results = words.count(ran.declared_after, "result")
    return [f"The claim was declared after {results} of this study stood in the ledger: it was not blind to them."]


def _opened_elsewhere(connection: "duckdb.DuckDBPyConnection", edition: str) -> list[str]:
    """Tell of trainings whose test numbers the tables show, because another edition that shares them was revealed."""
    opened = query.table(connection, OPENED, edition=edition).item()
    if not opened:
        return []
    return [
        f"The test numbers of {words.count(opened, 'training')} were opened by revealing another edition that shares "
        f"{'it' if opened == 1 else 'them'}: this page shows none, but whoever queried the tables may know them."
    ]


def _seeds(plan: PlanFile) -> list[str]:
    if len({trial["seed"] for trial in plan["trials"]}) != 1:
        return []
    return ["One seed only: the spread between seeds is unknown, so no interval covers it."]


def _missing(left: Sequence[Unfinished]) -> list[str]:
    told = []
    for state, number in Counter(trial.state for trial in left).items():
        arms = words.listing(list(dict.fromkeys(trial.arm for trial in left if trial.state == state)))
        verb = "is" if number == 1 else "are"
        told.append(f"{words.count(number, 'planned trial')} {verb} {state} and in no mean: {arms}.")
    return told


def _unmeasured(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    where = [f"{row['arm']} seed {row['seed']} on {row['split']}" for row in rows]
    return [f"The mAP is not a number for {words.listing(where)}: left out of the charts."] if where else []


def _one_sided(connection: "duckdb.DuckDBPyConnection", edition: str) -> list[str]:
    """Tell of muscle groups that work in no clip of a split, or in every one."""
    rows = query.table(connection, ONE_SIDED, edition=edition).to_dicts()
    found: dict[tuple[str, bool], list[str]] = {}
    for row in rows:
        found.setdefault((row["split"], bool(row["most"])), []).append(words.muscle(row["muscle"]))
    return [
        f"On {split} {words.listing(muscles)} {'works' if len(muscles) == 1 else 'work'} in every clip: an average "
        "precision of 100 there says nothing."
        if in_all
        else f"On {split} no clip is positive for {words.listing(muscles)}: the mAP there is over the others."
        for (split, in_all), muscles in found.items()
    ]


def _mixed(ran: Ran, what: str) -> list[str]:
    names = {"commit": "commits", "device": "devices, threads or numbers of processes", "NUMERICS": "NUMERICS"}
    return [
        f"The {what} mix {names.get(name, f'versions of {name}')}: {words.listing(values)}. "
        "Differences between arms may come from that."
        for name, values in ran.mixed.items()
    ]


def _busy(connection: "duckdb.DuckDBPyConnection", edition: str) -> list[str]:
    """Tell of measurements of inference that began while the machine had other work."""
    busy = query.table(connection, BUSY, edition=edition).row(0, named=True)
    if not busy["measurements"]:
        return []
    return [
        f"The machine had other work when {words.count(busy['measurements'], 'measurement')} began (load average up to "
        f"{busy['load']:.1f}): latencies may be longer and more scattered than on an idle one."
    ]


def _skipped(ran: Ran) -> list[str]:
    if not ran.skipped:
        return []
    clips = words.count(len(ran.skipped), "clip was", "clips were")
    return [f"{clips} left out as unreadable: {words.listing(ran.skipped)}."]


def _tuned(plan: PlanFile) -> list[str]:
    """Tell of choices that more levels, other clips, or a repetition of what failed might have made otherwise."""
    told = [
        f"The best {edge.setting} is the {edge.end} that was tried ({edge.level:g}) for {words.listing(edge.arms)}: a "
        "better one may lie beyond."
        for edge in tuned.list_edges(plan)
    ]
    if tuned.is_on_clips_of_choice(plan):
        told.append(tuned.SAME_CLIPS)
    failed = tuned.count_failed(plan)
    if failed:
        told.append(f"{words.count(failed, 'training')} of the tuning failed and could not be chosen.")
    return told


def _beside_the_claim(contrasts: "Sequence[Contrast]") -> list[str]:
    """Tell of the arms that the claim is not about; the answer's own note tells of the others."""
    others = [contrast for contrast in contrasts if not contrast.is_claimed and contrast.seeds]
    unpaired = [contrast.arm for contrast in others if not contrast.is_paired]
    single = [contrast.arm for contrast in others if contrast.is_paired and len(contrast.seeds) == 1]
    told = [f"Compared unpaired, for want of two seeds shared with the control: {words.listing(unpaired)}."]
    lone = [f"One seed to compare gives no interval: {words.listing(single)}."]
    return (told if unpaired else []) + (lone if single else [])


def _vanished(contrasts: "Sequence[Contrast]") -> list[str]:
    most = max((contrast.vanished for contrast in contrasts), default=0.0)
    if most < 0.005:
        return []
    share = f"{100 * most:.0f} %"
    return [f"In up to {share} of the resamples a muscle group had no positive clip; the others were averaged there."]
