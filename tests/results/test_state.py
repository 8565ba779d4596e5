"""A phase whose parent failed is blocked, and so is what starts from it; nothing else is."""

import pytest

from results.state import State, as_seen, with_blocked


@pytest.mark.parametrize("state", ["absent", "stopped", "due"])
def test_what_waits_for_a_failed_phase_is_blocked_and_so_are_its_children(state: str) -> None:
    states = {"grandchild": "absent", "child": state, "parent": "failed"}
    found = with_blocked(states, {"child": ["other", "parent"], "grandchild": ["child"]})
    assert found == {"grandchild": "blocked", "child": "blocked", "parent": "failed"}


@pytest.mark.parametrize("state", ["done", "running", "failed", "pruned"])
def test_what_has_its_own_state_keeps_it(state: str) -> None:
    states = {"parent": "failed", "child": state}
    assert with_blocked(states, {"child": ["parent"]}) == states


@pytest.mark.parametrize("state", ["done", "running", "stopped", "absent", "pruned"])
def test_only_a_failure_blocks(state: str) -> None:
    states = {"parent": state, "child": "absent"}
    assert with_blocked(states, {"child": ["parent"]}) == states


def test_what_was_blocked_blocks_and_nothing_is_changed_in_place() -> None:
    states = {"parent": "blocked", "child": "absent"}
    assert with_blocked(states, {"child": ["parent"]})["child"] == "blocked"
    assert states["child"] == "absent"


def test_what_another_claim_pruned_may_be_gone_on_with() -> None:
    states = {"ours": State("running", 2, 5), "theirs": State("pruned", 1, 3), "done": State("done")}
    assert as_seen(states, ["ours"]) == {
        "ours": State("pruned", 2, 5),
        "theirs": State("stopped", 1, 3),
        "done": State("done"),
    }
