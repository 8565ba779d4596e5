from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pytest

from study.schedule import Schedule


@dataclass(frozen=True)
class Leg:
    """What a schedule knows of a phase."""

    key: str
    parents: Mapping[str, str] = field(default_factory=dict)
    is_alone: bool = False


def schedule(done: Collection[str] = (), failed: Collection[str] = ()) -> Schedule:
    legs = [
        Leg("rgb"),
        Leg("sender"),
        Leg("joint", {"rgb": "rgb", "sender": "sender"}),
        Leg("other"),
        Leg("child", {"joint": "joint"}),
    ]
    return Schedule({leg.key: leg for leg in legs}, done, failed)  # type: ignore[misc]


def test_phases_run_in_order_and_children_wait_for_their_parents() -> None:
    plan = schedule()
    order = []
    while phase := plan.ready():
        order.append(phase.key)
        plan.start(phase.key)
        plan.finish(phase.key, "done")
    assert order == ["rgb", "sender", "joint", "other", "child"]
    assert not plan.due


def test_a_running_parent_holds_its_child_back_but_not_others() -> None:
    plan = schedule()
    for key in ("rgb", "sender"):
        plan.start(key)
    ready = plan.ready()
    assert ready is not None
    assert ready.key == "other"


def test_a_failure_blocks_children_and_grandchildren_and_nothing_else() -> None:
    plan = schedule()
    plan.start("rgb")
    plan.finish("rgb", "failed")
    assert plan.blocked == {"joint", "child"}
    assert plan.due == ["sender", "other"]


def test_what_is_done_is_never_due_nor_blocked() -> None:
    plan = schedule({"rgb", "sender", "joint"})
    assert plan.due == ["other", "child"]
    assert plan.blocked == set()


def test_what_failed_before_is_not_tried_again_and_blocks_its_children() -> None:
    plan = schedule(failed={"sender"})
    assert plan.blocked == {"joint", "child"}
    assert plan.due == ["rgb", "other"]
    assert schedule(done={"sender"}, failed={"sender"}).failed == set(), "somebody else has done it"


def test_an_interrupted_phase_is_due_again() -> None:
    plan = schedule()
    plan.start("rgb")
    plan.finish("rgb", "due")
    ready = plan.ready()
    assert ready is not None
    assert ready.key == "rgb"


def test_an_unknown_ending_is_refused() -> None:
    with pytest.raises(ValueError, match="state must be done, pruned, failed or due"):
        schedule().finish("rgb", "vanished")


def test_a_phase_that_runs_alone_waits_for_the_others_and_keeps_them_waiting() -> None:
    legs = [Leg("training"), Leg("alone", is_alone=True), Leg("again", is_alone=True), Leg("last")]
    plan = Schedule({leg.key: leg for leg in legs}, set())  # type: ignore[misc]
    order = []
    while phase := plan.ready():
        order.append(phase.key)
        plan.start(phase.key)
    assert order == ["training", "last"], "what bears company goes on beside a training"
    plan.finish("training", "done")
    assert plan.ready() is None
    plan.finish("last", "done")
    for name in ("alone", "again"):
        phase = plan.ready()
        assert phase is not None
        assert phase.key == name
        plan.start(name)
        assert plan.ready() is None
        plan.finish(name, "done")
