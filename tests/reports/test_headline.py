import math
from dataclasses import replace

import pytest

from reports import headline
from reports.ran import collect
from tests.reports.made_ledger import EDITION, Ledger, make_answer, make_contrast


@pytest.mark.parametrize(
    ("which", "direction", "arm"),
    [
        ("any", "better", "b"),
        ("any", "worse", "a"),
        ("any", "equivalent", "a"),
        ("all", "better", "a"),
        ("all", "worse", "b"),
        ("all", "equivalent", "a"),
    ],
)
def test_the_contrast_that_decides_the_claim_leads(which: str, direction: str, arm: str) -> None:
    contrasts = [make_contrast(name, value, (0, 1)) for name, value in (("a", -3.0), ("b", 2.0), ("c", math.nan))]
    aside = make_contrast("aside", 9.0, (0, 1), is_claimed=False)
    lead = headline.find_leading([*contrasts, aside], {"metric": "map", "which": which, "direction": direction})
    assert lead is not None
    assert lead.arm == arm


def test_of_costs_the_lowest_leads_a_claim_to_be_better() -> None:
    contrasts = [make_contrast(name, value, (0, 1)) for name, value in (("a", -3.0), ("b", 2.0))]
    claim = {"metric": "latency", "which": "any"}
    leads = [headline.find_leading(contrasts, claim | {"direction": way}) for way in ("better", "worse")]
    assert [lead.arm for lead in leads if lead] == ["a", "b"]


def test_without_numbers_nothing_leads() -> None:
    claim = {"metric": "map", "which": "any", "direction": "better"}
    assert headline.find_leading([make_contrast("c", math.nan, ())], claim) is None


def test_every_verdict_has_a_sign_beside_its_colour() -> None:
    assert sorted(headline.SIGNS) == ["equivalent", "refuted", "supported", "undecided"]
    assert len(set(headline.SIGNS.values())) == 4


def test_the_card_weighs_the_answer(ledger: Ledger) -> None:
    ledger.lose("count=1", 0)
    with ledger.connect() as connection:
        card = headline.word_headline(make_answer(ledger.plan), ledger.plan, collect(connection, EDITION, ledger.plan))
    assert [(fact.name, fact.value, fact.detail) for fact in card.facts] == [
        ("Leading of 2 differences", "−1.3", "−3.4 to +0.8; count=5 minus count=20, points"),
        ("Paired seeds", "3", "seeds 0, 1 and 2"),
        ("Trials", "8 of 9", "3 arms"),
        ("Time spent", "4 min 00 s", "all phases, shared ones once"),
    ]
    assert card.declared == "Declared 2026-11-22 20:09 UTC, before the first result."


def test_the_card_says_what_looks_saved(ledger: Ledger) -> None:
    plan = ledger.plan | {"claim": ledger.plan["claim"] | {"looks": [3, 5, 8, 12]}}
    answer = replace(make_answer(plan), looks=(3,))
    with ledger.connect() as connection:
        card = headline.word_headline(answer, plan, collect(connection, EDITION, plan))  # type: ignore[arg-type]
    (fact,) = [fact for fact in card.facts if fact.name == "Looks"]
    assert (fact.value, fact.detail) == ("1 of 4", "at 3 seeds; 9 trials instead of 36")
    assert card.claim.endswith(", split evenly over looks at 3, 5, 8 and 12 seeds).")
