import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.read import find_spec, names, read_spec
from reports import index, page
from reports.headline import sum_up
from reports.paper import FAMILIES, Asked, Family
from reports.ran import collect
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


def test_an_edition_of_other_settings_answers_a_question_only_where_there_is_no_other(tmp_path: Path) -> None:
    plain, overridden, elsewhere = make_ledger(), make_ledger(), make_ledger()
    plain.plan["overrides"], overridden.plan["overrides"] = {}, {"optim.lr": 0.1}
    elsewhere.plan["overrides"] = {"data.source.columns.depth": "depth", "resources.device": "cuda"}
    found = []
    for ledger in (plain, overridden, elsewhere):
        with ledger.connect() as connection:
            facts = collect(connection, EDITION, ledger.plan)
        found.append(sum_up(make_answer(ledger.plan), ledger.plan, facts))
    assert [summary.overrides for summary in found] == [0, 1, 0]
    pages = [(tmp_path / "a.html", replace(found[0], at="2026")), (tmp_path / "b.html", replace(found[1], at="2027"))]
    question = Asked("How many?", ("token_count_sweep",))
    for own, edition in ((pages, "a"), (pages[1:], "b")):
        (reply,) = [index._reply(question, study, own) for study in question.studies]
        assert reply.card is not None
        assert reply.card.href == f"{edition}.html"


def write_study(folder: Path, study: str, profile: str = "tiny", p: float = 0.04, verdict: Any = "supported") -> None:
    """Write the page of another study, whose arms all have the same adjusted p."""
    ledger = make_ledger()
    ledger.plan |= {"study": study, "edition": EDITION, "profile": profile}
    answer = make_answer(ledger.plan, verdict)
    answer = replace(answer, contrasts=tuple(replace(one, p_adjusted=p) for one in answer.contrasts))
    with ledger.connect() as connection:
        out = page.build(connection, EDITION, answer, ledger.plan, folder / f"{study}--{profile}.html").path
    out.write_text(out.read_text().replace(f'"edition":"{EDITION}"', f'"edition":"{study}--{profile}"'))


def section(text: str, name: str) -> str:
    """Cut the section of a heading out of an index."""
    return next(part for part in text.split("<section") if f">{name}</h2>" in part)


def test_the_papers_questions_are_there_before_anything_was_run(tmp_path: Path) -> None:
    text = index.build(tmp_path).read_text()
    assert text.count('<article class="question unanswered">') == 9
    assert "study run token_count_by_data" in section(text, "Open questions of the paper")
    assert "study run label_noise" in section(text, "Next checks of the paper")
    assert section(text, "First experiments of the paper").count("study run components") == 3


def test_the_papers_questions_name_studies_that_there_are() -> None:
    studies = {study for family in FAMILIES for question in family.questions for study in question.studies}
    assert studies <= set(names())


def test_open_questions_are_those_that_the_studies_say_they_are() -> None:
    for number, question in enumerate(FAMILIES[0].questions, start=1):
        for study in question.studies:
            assert f"open question {number}" in read_spec(find_spec(study)).question.source


def test_arms_that_answer_a_question_are_arms_of_its_study() -> None:
    for question in (question for family in FAMILIES for question in family.questions if question.arm):
        factor, _, level = str(question.arm).partition("=")
        assert level in read_spec(find_spec(question.studies[0])).factors[factor]


def test_the_claims_of_a_family_are_corrected_together_with_those_without_an_answer(tmp_path: Path) -> None:
    write_study(tmp_path, "temporal_modules", p=0.02)
    write_study(tmp_path, "auxiliary_modalities", p=0.004)
    text = section(index.build(tmp_path).read_text(), "Open questions of the paper")
    assert "The 4 claims are corrected together (Holm)" in text
    assert "p 0.004, with its family 0.016" in text
    assert "p 0.020, with its family 0.060: no longer below 0.05" in text


def test_a_question_is_answered_by_the_edition_of_the_profile_that_says_most(tmp_path: Path) -> None:
    write_study(tmp_path, "temporal_modules", "smoke")
    write_study(tmp_path, "temporal_modules", "full", verdict="refuted")
    write_study(tmp_path, "temporal_modules", "tiny")
    text = section(index.build(tmp_path).read_text(), "Open questions of the paper")
    assert "temporal_modules--full" in text
    assert "temporal_modules--tiny" not in text


def test_a_question_about_one_arm_is_answered_by_its_own_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.index.FAMILIES", [Family("First", (Asked("One?", ("sweep",), "count=1"),))])
    write_study(tmp_path, "sweep", verdict="supported")
    text = section(index.build(tmp_path).read_text(), "First of the paper")
    assert '<article class="question undecided">' in text  # the answer of all arms is another one
    assert "count=1 minus control" in text
    assert "−2.5 (−4.6 to −0.4)" in text


def test_what_changed_since_the_last_build_is_listed_until_something_else_does(tmp_path: Path) -> None:
    write_page(make_ledger(seeds=(0, 1)), tmp_path / "one.html")
    assert f"<code>{EDITION}</code> new: undecided, 2 seeds" in index.build(tmp_path).read_text()
    write_page(make_ledger(), tmp_path / "one.html", "supported")
    text = index.build(tmp_path).read_text()
    assert "undecided → supported, 2 → 3 seeds, 6 → 9 of 9 trials done" in text
    assert index.build(tmp_path).read_text() == text
    other = make_ledger()
    other.plan["claim_hash"] = "f" * 64
    write_page(other, tmp_path / "one.html", "supported")
    assert f"<code>{EDITION}</code> another claim</li>" in index.build(tmp_path).read_text()
    (tmp_path / "one.html").unlink()
    assert f"<code>{EDITION}</code> page removed" in index.build(tmp_path).read_text()


def test_an_index_that_is_torn_is_written_anew(ledger: Ledger, tmp_path: Path) -> None:
    write_page(ledger, tmp_path / "one.html")
    (tmp_path / index.NAME).write_text('<script type="application/json" id="last">{"shown": 3}</script>')
    assert "new: undecided" in index.build(tmp_path).read_text()


def test_an_empty_folder_says_how_to_get_a_page(tmp_path: Path) -> None:
    assert "study run token_count_sweep" in index.build(tmp_path / "out").read_text()


def test_the_index_does_not_list_itself_and_is_the_same_when_it_is_built_again(ledger: Ledger, tmp_path: Path) -> None:
    write_page(ledger, tmp_path / "one.html")
    first = index.build(tmp_path).read_text()
    assert index.build(tmp_path).read_text() == first
    assert first.count('<article class="card') == 1


def test_files_that_are_no_pages_are_named(ledger: Ledger, tmp_path: Path) -> None:
    write_page(ledger, tmp_path / "one.html")
    (tmp_path / "notes.html").write_text("<p>mine</p>")
    (tmp_path / "old.html").write_text('<script type="application/json" id="summary">{"edition": "x"}</script>')
    (tmp_path / "torn.html").write_text('<script type="application/json" id="summary">{"edit</script>')
    text = index.build(tmp_path).read_text()
    assert text.count('<article class="card') == 1
    assert "no page of this version: notes.html, old.html, torn.html." in text


def test_no_text_becomes_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    write_page(make_ledger(evil=evil), tmp_path / "one.html", evil=evil)
    text = index.build(tmp_path).read_text()
    assert text.count("<script") == 1
    assert text.count("&lt;script&gt;alert(1)") >= 3
