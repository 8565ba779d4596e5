"""Colours and chart defaults of a page: one palette for light, dark and paper, and one colour for each arm.

A chart holds no colour of its own but the name of a CSS variable (`var(--seen)`), which SVG resolves in the reader's
browser. So one drawing serves both themes and the printer. The hues are Okabe and Ito's or near them: told apart with
any of the common colour blindnesses, and at 3:1 or more against both backgrounds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

LIGHT = {
    "paper": "#f7f7f5",
    "card": "#ffffff",
    "ink": "#16191d",
    "muted": "#59616c",
    "line": "#dfe2e6",
    "grid": "#e9ebee",
    "accent": "#0b5fa5",
    "code": "#f1f2f4",
    "seen": "#0072b2",
    "unseen": "#c95200",
    "control": "#4b525c",
    "band": "#8b95a1",
    "supported": "#00764f",
    "refuted": "#b3261e",
    "equivalent": "#0b5fa5",
    "undecided": "#7a5c00",
    "caution": "#fdf6e3",
    "down3": "#a34700",
    "down2": "#dd8452",
    "down1": "#f2c8a8",
    "level": "#eef0f2",
    "up1": "#b3d3ec",
    "up2": "#5a9fd0",
    "up3": "#0a5c96",
    "on_strong": "#ffffff",
}
DARK = {
    "paper": "#101316",
    "card": "#181c21",
    "ink": "#e7eaee",
    "muted": "#9ba5b1",
    "line": "#2d343c",
    "grid": "#252b32",
    "accent": "#76bbff",
    "code": "#20252b",
    "seen": "#56b4e9",
    "unseen": "#f28c4b",
    "control": "#c5ccd5",
    "band": "#7d8793",
    "supported": "#4cc79a",
    "refuted": "#ff8a80",
    "equivalent": "#76bbff",
    "undecided": "#e3bd4f",
    "caution": "#29251a",
    "down3": "#f6a15f",
    "down2": "#96511f",
    "down1": "#5e3b21",
    "level": "#272d34",
    "up1": "#23445f",
    "up2": "#286697",
    "up3": "#7cc4f5",
    "on_strong": "#0c0f12",
}

KINDS = ("#008560", "#b0559a", "#b87700", "#2f8fcb", "#857400", "#6a4c93", "#a63d40")
KINDS_DARK = ("#2fc497", "#df93c2", "#e8a33d", "#8ccbf2", "#dccf52", "#b79ae0", "#f08b8d")
RAMP = ("#46196b", "#3b528b", "#1f838a", "#3f9f56", "#948c00")
RAMP_DARK = ("#9455d3", "#7fa3ea", "#35b8b0", "#7fd66f", "#f2e04a")
DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3])


def colour(name: str) -> str:
    """Name a colour of the page as charts and CSS write it: ``var(--seen)``."""
    return f"var(--{name.replace('_', '-')})"


def arm_colours(arms: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Give every arm its CSS variable; the control is grey in every chart.

    Args:
        arms: `arms` of a plan.
    """
    others = [arm["name"] for arm in arms if not arm["is_control"]]
    named = {name: colour(f"arm{place}") for place, name in enumerate(others)}
    return {arm["name"]: colour("control") if arm["is_control"] else named[arm["name"]] for arm in arms}


def arm_dashes(arms: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Give every arm a line style, so that arms beyond the palette's end differ from those at its start."""
    others = [arm["name"] for arm in arms if not arm["is_control"]]
    if is_ordered(arms):
        return {arm["name"]: DASHES[0] for arm in arms}
    turn = {name: DASHES[(place // len(KINDS)) % len(DASHES)] for place, name in enumerate(others)}
    return {arm["name"]: turn.get(arm["name"], DASHES[0]) for arm in arms}


def is_ordered(arms: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether the arms are the levels of one number, so that a ramp says more than separate hues."""
    levels = [arm["levels"] for arm in arms]
    factors = {factor for level in levels for factor in level}
    return len(factors) == 1 and all(is_number(value) for level in levels for value in level.values())


def is_number(value: Any) -> bool:
    """Tell a number from a switch and a name."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def stylesheet(arms: Sequence[Mapping[str, Any]]) -> str:
    """Write the CSS variables of both themes, with one colour for each arm; paper is always light."""
    return (
        f":root{{{_rules(light(arms))}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{_rules(_dark(arms))}}}}}\n"
    )


def light(arms: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Give the colours of the light theme and of paper, by the names that `colour` writes."""
    return LIGHT | _numbered(RAMP, KINDS, arms)


def _dark(arms: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return DARK | _numbered(RAMP_DARK, KINDS_DARK, arms)


def config() -> dict[str, Any]:
    """Give the Vega-Lite defaults that all charts share: quiet axes, the page's font, nothing behind the marks."""
    text = {"labelColor": colour("muted"), "titleColor": colour("muted"), "labelFontSize": 12, "titleFontSize": 12}
    corner = {"anchor": "start", "frame": "group", "offset": 8}
    axis = {"domain": False, "ticks": False, "gridColor": colour("grid"), "labelPadding": 6, "titleFontWeight": 500}
    return {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "axis": text | axis | {"titlePadding": 10, "labelLimit": 180},
        "axisX": {"labelFlush": False, "tickCount": 8},
        "legend": text | {"orient": "top", "title": None, "symbolStrokeWidth": 3, "labelLimit": 260},
        "title": {"color": colour("ink"), "fontSize": 13, "fontWeight": 600} | corner,
        "text": {"color": colour("ink"), "fontSize": 12},
        "header": {"labelColor": colour("ink"), "labelFontSize": 13, "labelFontWeight": 600, "title": None},
        "aria": False,
    }


def _numbered(ramp: Sequence[str], kinds: Sequence[str], arms: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Give the arms beside the control a colour each: along the ramp if they are ordered, else one after another."""
    count = sum(not arm["is_control"] for arm in arms)
    colours = _ramp(ramp, count) if is_ordered(arms) else kinds
    return {f"arm{place}": colours[place % len(colours)] for place in range(count)}


def _rules(colours: Mapping[str, str]) -> str:
    return "".join(f"--{name.replace('_', '-')}:{value};" for name, value in colours.items())


def _ramp(stops: Sequence[str], count: int) -> list[str]:
    """Take `count` (1 or more) colours at equal distances along the stops."""
    if count <= 1:
        return [stops[len(stops) // 2]]
    return [_between(stops, place * (len(stops) - 1) / (count - 1)) for place in range(count)]


def _between(stops: Sequence[str], position: float) -> str:
    start = min(int(position), len(stops) - 2)
    share = position - start
    pairs = zip(_channels(stops[start]), _channels(stops[start + 1]), strict=True)
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in pairs)


def _channels(hexadecimal: str) -> tuple[int, ...]:
    return tuple(int(hexadecimal[place : place + 2], 16) for place in (1, 3, 5))
