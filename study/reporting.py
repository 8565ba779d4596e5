"""From the store to pages: bring the database up to date, compare, answer, draw. No torch."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reports import index, page
from results.answer import Answer, answer
from results.attempt import Store
from results.claim import Claim
from results.contrast import contrasts
from results.files import replace_json
from results.frame import predictions
from results.ledger import connect, sync
from study.layout import pages_folder
from study.standing import editions


def report(store: Store, name: str) -> list[tuple[Answer, Path]]:
    """Answer every edition of a study (or the one edition) called `name`, and write its page and the index.

    Raises:
        UserError: the store holds no such study.
    """
    plans = editions(store, name)
    sync(store)
    written: list[tuple[Answer, Path]] = []
    with connect(store) as connection:
        for plan in plans:
            edition, claim = plan["edition"], Claim.model_validate(plan["claim"])
            found = answer(claim, contrasts(predictions(connection, edition), claim))
            replace_json(store.editions / edition / "answer.json", _plain(asdict(found)))
            out = pages_folder() / f"{edition}.html"
            written.append((found, page.build(connection, edition, found, plan, out)))
    index.build(pages_folder())
    return written


def _plain(value: Any) -> Any:
    """Give what JSON can hold: numbers that are none become null."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
