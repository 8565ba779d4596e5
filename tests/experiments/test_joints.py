"""The named joint graphs."""

import pytest

from experiments.joints import LAYOUTS, Layout


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_every_joint_hangs_together_by_links_that_occur_once(layout: Layout) -> None:
    assert len({frozenset(edge) for edge in layout.edges}) == len(layout.edges)
    assert all(start != end for start, end in layout.edges)
    reached = {0}
    for _ in range(layout.joints):
        reached |= {joint for edge in layout.edges if reached & set(edge) for joint in edge}
    assert reached == set(range(layout.joints))


def test_a_kinect_skeleton_is_a_tree_whose_limbs_end_in_hands_and_feet() -> None:
    edges = LAYOUTS["kinect20"].edges
    degrees = [sum(joint in edge for edge in edges) for joint in range(20)]

    assert len(edges) == 19
    assert [joint for joint, degree in enumerate(degrees) if degree == 1] == [0, 7, 11, 15, 19]
