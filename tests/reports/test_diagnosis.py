"""Signs of failure: told where they hold, and nowhere else."""

from pathlib import Path

from reports import diagnosis, page
from tests.reports.made_ledger import EDITION, Ledger, make_answer, make_cost_ledger, make_ledger, make_probed_ledger

NEVER = {"overfitting": 1e9, "reliance": 1e9, "instability": 1e9, "damage": 1e9, "alike": 0.6}


def signs(ledger: Ledger, **thresholds: float) -> list[str]:
    ledger.plan["settings"]["signatures"] = NEVER | thresholds
    with ledger.connect() as connection:
        return diagnosis.list_signs(connection, EDITION, ledger.plan)


def test_what_is_within_its_threshold_is_not_told() -> None:
    assert signs(make_probed_ledger()) == []


def test_each_sign_is_told_beyond_its_threshold() -> None:
    for name, words in (
        ("overfitting", "Overfitting to seen activities: above chance, the control scores"),
        ("reliance", "Reliance on the auxiliary modality: with the true tokens of the sender (count=1)"),
        ("instability", "Unstable predictions between similar activities"),
        ("damage", "Fragile: count=5 costs"),
    ):
        (told,) = signs(make_probed_ledger(), **{name: -100.0})
        assert told.startswith(words)
        assert told.endswith("mean of 3 seeds).")


def test_overfitting_and_instability_need_no_probe() -> None:
    assert len(signs(make_ledger(), overfitting=0.0, instability=0.0)) == 2


def test_costs_and_studies_without_results_have_no_signs(ledger: Ledger) -> None:
    assert signs(make_cost_ledger(), overfitting=-100.0) == []
    ledger.runs.clear()
    assert signs(ledger, overfitting=-100.0) == []


def test_a_page_shows_signs_only_where_there_are_some(ledger: Ledger, tmp_path: Path) -> None:
    texts = []
    for overfitting in (1e9, 0.0):
        ledger.plan["settings"]["signatures"] = NEVER | {"overfitting": overfitting}
        with ledger.connect() as connection:
            out = page.build(connection, EDITION, make_answer(ledger.plan), ledger.plan, tmp_path / "page.html").path
        texts.append(out.read_text())
    assert ["Signs of failure" in text for text in texts] == [False, True]
