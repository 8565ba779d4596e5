"""What is submitted of a plan: never a phase without what it starts from."""

from collections.abc import Collection

import pytest

from results.state import FAILED, WAITING, with_blocked
from study.due import choose

PARENTS = {"rgb": (), "sender": (), "joint": ("rgb", "sender"), "profile": ("joint",)}


def chosen(
    rgb: str,
    sender: str,
    queued: Collection[str] = (),
    only: Collection[str] | None = None,
    but: Collection[str] = (),
) -> tuple[str, ...]:
    states = {"rgb": rgb, "sender": sender, "joint": "absent", "profile": "absent"}
    return choose(with_blocked(states, PARENTS), PARENTS, queued, only, but).keys


@pytest.mark.parametrize("lost", ["stopped", "absent", "failed"])
def test_what_failed_is_submitted_again_with_all_that_its_children_start_from(lost: str) -> None:
    assert chosen("failed", lost, only=FAILED) == ("rgb", "sender", "joint", "profile")
    assert chosen("failed", lost, queued=["sender"], only=FAILED) == ("rgb", "joint", "profile")
    assert chosen("failed", lost, only=FAILED, but=["sender"]) == ("rgb",)


def test_where_nothing_failed_nothing_is_submitted_again() -> None:
    assert chosen("stopped", "absent", only=FAILED) == ()


def test_what_starts_from_a_phase_that_is_not_submitted_is_not_either() -> None:
    assert chosen("stopped", "stopped", but=["rgb", "sender"]) == ()
    assert chosen("done", "stopped", but=["sender"]) == ()
    assert chosen("done", "absent", but=["rgb"]) == ("sender", "joint", "profile")


def test_what_is_done_or_queued_is_not_submitted_and_what_starts_from_it_is() -> None:
    assert chosen("absent", "absent") == ("rgb", "sender", "joint", "profile")
    assert chosen("done", "stopped", queued=["sender", "joint"]) == ("profile",)


def test_what_runs_outside_of_slurm_keeps_its_children() -> None:
    states = {"rgb": "running", "sender": "absent", "joint": "absent", "profile": "absent"}
    assert choose(states, PARENTS, []) == (("sender",), ("rgb", "joint", "profile"), False)
    assert choose(states, PARENTS, ["rgb"]).keys == ("sender", "joint", "profile")


@pytest.mark.parametrize(
    ("rgb", "only", "queued", "is_over"),
    [
        ("failed", WAITING, (), True),
        ("failed", WAITING, ("rgb",), False),  # it is tried again
        ("failed", FAILED, (), False),
        ("failed", None, (), False),
        ("stopped", WAITING, (), False),
        ("stopped", FAILED, (), False),
    ],
)
def test_a_plan_is_over_when_all_is_done_or_failed_and_not_tried_again(
    rgb: str, only: Collection[str] | None, queued: Collection[str], is_over: bool
) -> None:
    states = with_blocked({"rgb": rgb, "sender": "done", "joint": "absent", "profile": "absent"}, PARENTS)
    assert choose(states, PARENTS, queued, only).is_over is is_over
    assert choose(dict.fromkeys(PARENTS, "done"), PARENTS, (), only).is_over


def test_what_was_given_up_needs_nothing_more() -> None:
    states = {"rgb": "done", "sender": "done", "joint": "pruned"}
    assert choose(states, PARENTS, []) == ((), (), True)
