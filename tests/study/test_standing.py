"""Where studies stand, read from the store's files."""

from collections import Counter
from pathlib import Path

import pytest

from models.errors import UserError
from results.attempt import Store
from results.files import replace_json
from results.owner import Owner
from study.key import key_of
from study.standing import editions, newest_answers, standings
from tests import made_store as made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One arm of two is trained; the other's rgb phase, which both share, is done."""
    store = Store(tmp_path)
    made.write_plan(store, levels=(1, 20), seeds=(0,))
    for content in made.contents(20, 0, 2).values():
        made.train(store, content, 4)
    return store


def test_phases_are_counted_by_state(store: Store) -> None:
    (standing,) = standings(store)
    assert standing.edition == made.EDITION
    assert standing.states == Counter(done=2, due=1)
    assert (standing.running, standing.failed, standing.answer, standing.damage) == ({}, {}, "", "")


def test_a_running_and_a_failed_phase_are_named(store: Store) -> None:
    content = made.contents(1, 0, 2)["joint"]
    attempt = store.claim(key_of(content), content, Owner.current("a test"))
    assert attempt is not None
    assert standings(store)[0].running == {"joint count=1 seed 0": (0, 2)}
    attempt.fail(ArithmeticError("diverged"))
    (standing,) = standings(store)
    assert standing.failed == {"joint count=1 seed 0": ("ArithmeticError: diverged", attempt.folder)}
    assert standing.states == Counter(done=2, failed=1)


def test_a_damaged_plan_is_named_and_spares_the_others(store: Store) -> None:
    made.write_plan(store, "fusion")
    (store.editions / "fusion" / "plan.json").write_text("{")
    whole, damaged = standings(store)
    assert whole.edition == made.EDITION
    assert damaged.edition == "fusion"
    assert "plan.json: is not JSON" in damaged.damage
    assert editions(store, made.EDITION).damaged == {}
    assert list(editions(store, "fusion").damaged) == ["fusion"]


def test_an_edition_whose_plan_is_gone_is_damaged(store: Store) -> None:
    (store.editions / made.EDITION / "plan.json").unlink()
    (standing,) = standings(store)
    assert standing.is_damaged
    assert "plan.json: is missing. Run the study again" in standing.damage


def test_a_result_that_cannot_be_read_is_damage(store: Store) -> None:
    next(store.runs.glob("*/done.json")).write_text("garbage")
    (standing,) = standings(store)
    assert standing.states["damaged"] == 1
    assert standing.is_damaged


def test_an_unknown_study_is_refused_with_the_nearest(store: Store) -> None:
    with pytest.raises(UserError, match=r"token_count_swep.*token_count_sweep.*study run token_count_swep"):
        editions(store, "token_count_swep")


def test_a_study_is_found_by_the_path_of_its_file(store: Store) -> None:
    for ending in ("yaml", "yml"):
        assert list(editions(store, f"some/where/{made.EDITION}.{ending}").whole) == [made.EDITION]


def test_the_newest_answer_of_a_study_is_given(store: Store) -> None:
    assert newest_answers(store) == {}
    made.write_plan(store, f"{made.EDITION}--small")
    replace_json(store.editions / f"{made.EDITION}--small" / "answer.json", {"sentence": "Supported: ..."})
    assert newest_answers(store) == {made.EDITION: (f"{made.EDITION}--small", "Supported: ...")}
