import re
from collections.abc import Sequence
from typing import Any

import pytest

from reports import theme


def arms(*levels: Any, control: Any = 20) -> list[dict[str, Any]]:
    return [
        {"name": f"count={level}", "is_control": level == control, "levels": {"model.tokens.count": level}}
        for level in levels
    ]


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def variables(sheet: str) -> list[dict[str, str]]:
    """Read the variables of the light and the dark theme."""
    return [dict(re.findall(r"--([\w-]+):(#\w+)", part)) for part in sheet.split("@media")]


@pytest.mark.parametrize("levels", [(1, 5, 10, 20, 40, 80), ("mctf", "mean", "sum", "product", "gate", 20)])
def test_every_mark_stands_out_from_the_ground_in_both_themes(levels: Sequence[Any]) -> None:
    for colours in variables(theme.stylesheet(arms(*levels))):
        marks = [name for name in colours if name.startswith("arm")] + ["seen", "unseen", "control"]
        assert [name for name in marks if contrast(colours[name], colours["card"]) < 3] == []


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK])
def test_the_numbers_in_the_heat_map_can_be_read(colours: dict[str, str]) -> None:
    on = dict.fromkeys(("down2", "down1", "level", "up1", "up2"), "ink") | {"down3": "on_strong", "up3": "on_strong"}
    assert [cell for cell, text in on.items() if contrast(colours[text], colours[cell]) < 4.5] == []


@pytest.mark.parametrize("ground", ["paper", "card", "code", "caution"])
def test_text_can_be_read_on_every_ground(ground: str) -> None:
    for colours in (theme.LIGHT, theme.DARK):
        assert min(contrast(colours[text], colours[ground]) for text in ("ink", "muted", "accent")) >= 4.5


def test_the_control_is_grey_and_no_other_arm_is() -> None:
    colours = theme.arm_colours(arms(1, 5, 20, 40))
    assert colours == {
        "count=1": "var(--arm0)",
        "count=5": "var(--arm1)",
        "count=20": "var(--control)",
        "count=40": "var(--arm2)",
    }


def test_arms_beyond_the_palette_differ_by_their_dashes() -> None:
    many = arms(*(f"kind {number}" for number in range(20)), 20)
    light, _ = variables(theme.stylesheet(many))
    colours, dashes = theme.arm_colours(many), theme.arm_dashes(many)
    drawn = {(light[colours[name][len("var(--") : -1]], tuple(dashes[name])) for name in colours}
    assert len(drawn) == len(many)


def test_the_levels_of_one_number_get_a_ramp_of_distinct_colours() -> None:
    light, dark = variables(theme.stylesheet(arms(*range(12), control=3)))
    for colours in (light, dark):
        assert len({colour for name, colour in colours.items() if name.startswith("arm")}) == 11


def test_both_themes_have_the_same_colours() -> None:
    assert theme.LIGHT.keys() == theme.DARK.keys()
