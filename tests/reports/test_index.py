import re
from pathlib import Path
from typing import Any

from reports import index, page
from tests.reports.made_ledger import EDITION, Ledger, make_answer, make_ledger


def write_page(ledger: Ledger, path: Path, verdict: Any = "undecided", evil: str = "") -> None:
    with ledger.connect() as connection:
        page.build(connection, EDITION, make_answer(ledger.plan, verdict, evil), ledger.plan, path)


def test_every_page_has_a_card_with_its_answer(ledger: Ledger, tmp_path: Path) -> None:
    write_page(ledger, tmp_path / "token_count_sweep.html", "supported")
    write_page(make_ledger(seeds=(0,)), tmp_path / "token_count_sweep--optim.lr=0.1.html")
    text = index.build(tmp_path).read_text()
    assert re.findall(r'<article class="card (\w+)">', text).count("supported") == 1
    assert 'href="token_count_sweep--optim.lr%3D0.1.html"' in text
    assert "2 editions: 1 supported, 1 undecided." in text
    assert "−1.3 (−3.4 to +0.8)" in text
    assert "9 of 9" in text


def test_an_empty_folder_says_how_to_get_a_page(tmp_path: Path) -> None:
    assert "study run token_count_sweep" in index.build(tmp_path / "out").read_text()


def test_the_index_does_not_list_itself_and_is_the_same_when_it_is_built_again(ledger: Ledger, tmp_path: Path) -> None:
    write_page(ledger, tmp_path / "one.html")
    first = index.build(tmp_path).read_text()
    assert index.build(tmp_path).read_text() == first
    assert first.count("<article") == 1


def test_files_that_are_no_pages_are_named(ledger: Ledger, tmp_path: Path) -> None:
    write_page(ledger, tmp_path / "one.html")
    (tmp_path / "notes.html").write_text("<p>mine</p>")
    (tmp_path / "old.html").write_text('<script type="application/json" id="summary">{"edition": "x"}</script>')
    (tmp_path / "torn.html").write_text('<script type="application/json" id="summary">{"edit</script>')
    text = index.build(tmp_path).read_text()
    assert text.count("<article") == 1
    assert "no page of this version: notes.html, old.html, torn.html." in text


def test_no_text_becomes_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    write_page(make_ledger(evil=evil), tmp_path / "one.html", evil=evil)
    text = index.build(tmp_path).read_text()
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)") >= 3
