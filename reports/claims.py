"""What else was claimed: earlier claims of an edition with results that count no more, and contrary ones of others."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reports import query, words
from results.claim import ALL, ANY

if TYPE_CHECKING:
    import duckdb

CLAIMS = """
select claim, numerics, is_current, declared_at from claims
where edition = $edition
order by is_current, declared_at, hash
"""
SUPERSEDED = """
with kept as (select distinct unnest(finals) as key from claims where edition = $edition and not is_current)
select count(distinct kept.key) as results
from kept join runs on runs.key = kept.key and runs.state = 'done'
where kept.key not in (select key from phases where edition = $edition)
"""
SAME_TRAININGS = """
with pairs as (
    select plus.edition, plus.arm, more.final as arm_key, less.final as control_key
    from comparisons as plus
    join comparisons as minus on minus.edition = plus.edition and minus.arm = plus.arm and minus.sign = -1
    join trials as more on more.edition = plus.edition and more.arm = plus.term
    join trials as less on less.edition = minus.edition and less.arm = minus.term and less.seed = more.seed
    where plus.sign = 1 and plus.term = plus.arm and more.replicate = 0
)
select distinct theirs.edition, own.arm as own_arm, theirs.arm, claim, own.arm_key = theirs.control_key as is_turned
from pairs as own
join pairs as theirs on theirs.edition != own.edition and (
    (theirs.arm_key = own.arm_key and theirs.control_key = own.control_key)
    or (theirs.arm_key = own.control_key and theirs.control_key = own.arm_key)
)
join claims on claims.edition = theirs.edition and claims.is_current
where own.edition = $edition
order by all
"""
STATEMENT = ("metric", "split", "control", "which", "direction", "smallest", "alpha", "over", "within", "held")


def list_other_claims(connection: "duckdb.DuckDBPyConnection", edition: str, claim: Mapping[str, Any]) -> list[str]:
    """Tell of claims that a reader must weigh beside `claim`, the present one."""
    return [*_earlier(connection, edition, claim), *_contrary(connection, edition, claim)]


def _earlier(connection: "duckdb.DuckDBPyConnection", edition: str, claim: Mapping[str, Any]) -> list[str]:
    rows = query.table(connection, CLAIMS, edition=edition).to_dicts()
    earlier = [row for row in rows if not row["is_current"]]
    if not earlier:
        return []
    now = next((row for row in rows if row["is_current"]), {})
    told = [
        f"{_when(row, now)} claim of this study, declared {words.day(row['declared_at'])}, "
        f"{_said(row, claim, now.get('numerics'))}"
        for row in earlier
    ]
    left = query.table(connection, SUPERSEDED, edition=edition).item()
    if left:
        told.append(
            f"{words.count(left, 'result')} of earlier claims {'is' if left == 1 else 'are'} in no number here."
        )
    return told


def _when(row: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say whether a claim was declared before the present one, or after it and was gone back from."""
    return "A later" if now and row["declared_at"] > now["declared_at"] else "An earlier"


def _said(row: Mapping[str, Any], claim: Mapping[str, Any], numerics: int | None) -> str:
    """Say how an earlier claim differs from the present one."""
    before = json.loads(row["claim"])
    is_of_change = [bool(one.get("counterparts")) for one in (before, claim)]
    if any(before.get(name) != claim.get(name) for name in STATEMENT) or len(set(is_of_change)) > 1:
        contrary = " The present one says the contrary." if _is_contrary(before, claim) else ""
        return f"was another one: {words.claim(before)}{contrary}"
    if row["numerics"] != numerics:
        return (
            f"rests on NUMERICS {row['numerics']}, the present one on {numerics}: the code was changed in a way that "
            "changes numbers."
        )
    return "says the same of other arms, settings, seeds or data."


def _is_contrary(one: Mapping[str, Any], other: Mapping[str, Any], *, is_turned: bool = False) -> bool:
    """Tell whether two claims about the same arms cannot both be so; `is_turned` if arm and control change places."""
    if any(one[name] != other[name] for name in ("metric", "split")):
        return False
    directions = one["direction"], other["direction"]
    if "equivalent" in directions or not is_turned:
        return bool(directions[0] != directions[1])
    return bool(directions[0] == directions[1])


def _contrary(connection: "duckdb.DuckDBPyConnection", edition: str, claim: Mapping[str, Any]) -> list[str]:
    told = []
    for row in query.table(connection, SAME_TRAININGS, edition=edition).to_dicts():
        theirs = json.loads(row["claim"])
        is_about = claim["which"] in (ANY, ALL, row["own_arm"]) and theirs["which"] in (ANY, ALL, row["arm"])
        if is_about and _is_contrary(theirs, claim, is_turned=row["is_turned"]):
            told.append(
                f"The study {row['edition']} claims the contrary of the same trainings ({row['own_arm']} here, "
                f"{row['arm']} there): {words.claim(theirs)} At most one of the two can be so of this arm."
            )
    return told
