import itertools

import numpy as np
import pytest

from results.holm import holm


def test_the_adjusted_p_are_those_of_a_worked_example() -> None:
    # Holm 1979 by hand: 4 x 0.005, 3 x 0.011, 2 x 0.02, 1 x 0.04, each at least the one before.
    steps = holm([0.011, 0.04, 0.005, 0.02], 0.05)
    assert [step.p for step in steps] == pytest.approx([0.033, 0.04, 0.02, 0.04])
    assert [step.alpha for step in steps] == pytest.approx([0.05 / 3, 0.05, 0.05 / 4, 0.05 / 2])


def test_after_the_first_that_is_kept_all_share_its_level() -> None:
    steps = holm([0.6, 0.001, 0.04, 0.03], 0.05)
    assert [step.p for step in steps] == pytest.approx([0.6, 0.004, 0.09, 0.09])
    assert [step.alpha for step in steps] == pytest.approx([0.05 / 3, 0.05 / 4, 0.05 / 3, 0.05 / 3])


def test_p_and_level_tell_the_same() -> None:
    for p_values in itertools.product([0.0, 0.001, 0.012, 0.02, 0.04, 1.0], repeat=4):
        for p, step in zip(p_values, holm(p_values, 0.05), strict=True):
            assert (step.p <= 0.05) == (p <= step.alpha)


def test_the_order_of_comparisons_changes_nothing() -> None:
    p_values = [0.03, 0.002, 0.2, 0.014, 0.6]
    steps = holm(p_values, 0.05)
    for order in itertools.permutations(range(5)):
        assert holm([p_values[index] for index in order], 0.05) == [steps[index] for index in order]


def test_a_single_comparison_is_not_corrected() -> None:
    (step,) = holm([0.03], 0.05)
    assert (step.p, step.alpha) == (0.03, 0.05)
    assert holm([], 0.05) == []


def test_any_false_rejection_is_as_rare_as_alpha_says() -> None:
    p_values = np.random.default_rng(0).random((4000, 5))
    rejected = [any(step.p <= 0.05 for step in holm(row, 0.05)) for row in p_values.tolist()]
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.01)
