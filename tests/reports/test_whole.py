"""From the files of a store to the page: the real ledger, the real statistics, nothing made by hand."""

import re
from pathlib import Path

from reports import index, page
from results import edition, frame, ledger, query
from results.answer import answer_claim
from results.attempt import Store
from results.claim import Claim
from results.contrast import contrasts
from tests.made_store import EDITION, make_store, read_plan, write_plan


def write_page(store: Store, claim: Claim, folder: Path) -> str:
    ledger.sync(store)
    plan = read_plan(store)
    with query.connect(store) as connection:
        found = answer_claim(claim, contrasts(frame.predictions(connection, EDITION), claim, resamples=50))
        return page.build(connection, EDITION, found, plan, folder / f"{EDITION}.html").path.read_text()


def test_a_store_becomes_a_page_and_revealing_adds_the_test_splits(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    claim = Claim(control="count=20", which="any", direction="worse", smallest=1.0)
    write_plan(store, claim=claim.model_dump(), settings={"model": {"tokens": {"count": 20}}})
    sealed = write_page(store, claim, tmp_path / "out")
    edition.reveal(store, EDITION, by="me", command="study reveal")
    opened = write_page(store, claim, tmp_path / "out")
    assert "Seen (test)" not in sealed
    assert "Test splits</dt><dd>sealed" in sealed
    assert "Seen (test)" in opened
    assert opened.count("<figure>") >= 9
    assert re.findall("Nothing to draw.*", opened) == [
        "Nothing to draw. As far as it is known, all 3 arms cost the same.</p>"
    ]
    assert '<article class="card' in index.build(tmp_path / "out").read_text()
