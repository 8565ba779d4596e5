"""What differs in colour differs for colour-blind readers too, in both themes.

G. M. Machado et al., A physiologically-based model for simulation of color vision deficiency, IEEE TVCG 15, 2009.
"""

from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from reports import marks, theme

Array = NDArray[np.float64]
SEEN_BY = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = TO_XYZ.sum(axis=1)


def lab(colour: str, matrix: list[list[float]]) -> Array:
    """Give a colour in CIELAB as someone sees it whose eyes `matrix` describes."""
    values = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(matrix) @ linear, 0, 1)
    ratio = TO_XYZ @ seen / WHITE
    root = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def distance(one: str, other: str, eyes: str) -> float:
    return float(np.linalg.norm(lab(one, SEEN_BY[eyes]) - lab(other, SEEN_BY[eyes])))


every_eye = pytest.mark.parametrize("eyes", SEEN_BY)
both_themes = pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK], ids=["light", "dark"])


@every_eye
@both_themes
def test_steps_of_differences_and_both_directions_are_told_apart(colours: dict[str, str], eyes: str) -> None:
    steps = [colours[name] for name in marks.DIFFERENCES]
    assert min(distance(one, other, eyes) for one, other in pairwise(steps)) > 7
    losses, gains = steps[:3], steps[-1:-4:-1]
    assert min(distance(one, other, eyes) for one, other in zip(losses, gains, strict=True)) > 20


@every_eye
@both_themes
def test_seen_and_unseen_and_the_verdicts_are_told_apart(colours: dict[str, str], eyes: str) -> None:
    assert distance(colours["seen"], colours["unseen"], eyes) > 30
    verdicts = [colours[name] for name in ("supported", "refuted")]
    assert min(distance(one, other, eyes) for one, other in combinations(verdicts, 2)) > 10  # a sign stands beside


@every_eye
@pytest.mark.parametrize("ramp", [theme.RAMP, theme.RAMP_DARK], ids=["light", "dark"])
def test_the_levels_of_a_number_are_told_apart(ramp: tuple[str, ...], eyes: str) -> None:
    assert min(distance(one, other, eyes) for one, other in combinations(ramp, 2)) > 9


@every_eye
@pytest.mark.parametrize("kinds", [theme.KINDS, theme.KINDS_DARK], ids=["light", "dark"])
def test_neighbouring_kinds_are_told_apart(kinds: tuple[str, ...], eyes: str) -> None:
    assert min(distance(one, other, eyes) for one, other in pairwise(kinds)) > 9
