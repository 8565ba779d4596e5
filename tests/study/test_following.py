"""What is known of a submitted study without asking SLURM, and what is said where it does not answer."""

from pathlib import Path

import pytest

from models.errors import UserError
from results.attempt import Store
from results.owner import Owner
from study import following
from study.key import key_of
from study.standing import standings
from tests import made_store as made
from tests.made_submission import make_submission


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One arm of two is trained; the other's joint phase was submitted, and its job printed a line."""
    store = Store(tmp_path)
    made.write_plan(store, levels=(1, 20), seeds=(0,))
    for content in made.contents(20, 0, 2).values():
        made.train(store, content, 4)
    folder = make_submission(store, ("7", [due()]))
    (folder / "jobs" / "7_0_log.out").write_text("ChangedCode\n")
    return store


def due() -> str:
    return key_of(made.contents(1, 0, 2)["joint"])


def test_where_slurm_does_not_answer_what_was_submitted_counts_as_due(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    (standing,) = standings(store)
    assert standing.states["due"] == 1
    assert "squeue: not found" in standing.unknown


def test_a_phase_that_never_began_is_explained_by_what_its_job_printed(store: Store) -> None:
    found = following.logs(store, due()[:10])
    assert (found.key, found.state, found.text) == (due(), "absent", "ChangedCode")


def test_what_each_of_several_processes_printed_is_shown_in_their_order(store: Store) -> None:
    jobs = next(store.root.glob("submissions/*/jobs"))
    for rank, text in ((10, "lost\n"), (2, "out of memory\n"), (1, "")):
        (jobs / f"7_{rank}_log.out").write_text(text)
    (jobs / "71_0_log.out").write_text("another job\n")
    found = following.logs(store, due())
    assert [path.name for path in found.files] == [f"7_{rank}_log.out" for rank in (0, 1, 2, 10)]
    assert found.text.splitlines() == [
        "7_0_log.out:",
        "ChangedCode",
        "7_2_log.out:",
        "out of memory",
        "7_10_log.out:",
        "lost",
    ]


def test_a_phase_that_failed_is_explained_by_its_traceback(store: Store) -> None:
    attempt = store.claim(due(), made.contents(1, 0, 2)["joint"], Owner.current("a test"))
    assert attempt is not None
    attempt.fail(ArithmeticError("diverged"))
    assert following.logs(store, due()).text == "ArithmeticError: diverged"


@pytest.mark.parametrize("start", ["", "abc", "zzzz", "../.."])
def test_a_key_that_names_no_one_phase_is_refused(store: Store, start: str) -> None:
    with pytest.raises(UserError, match="Give at least 4 first digits of a key"):
        following.logs(store, start)


def test_a_study_that_was_not_submitted_is_told_how_to(store: Store) -> None:
    for path in store.root.glob("submissions/*/submission.json"):
        path.unlink()
    with pytest.raises(UserError, match="nothing of it was submitted to SLURM"):
        following.submissions_of(store, made.EDITION)
