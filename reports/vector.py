"""A chart as an SVG file that stands alone: the width of a printed page, in the light colours, without a script."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import vl_convert

from reports import theme

WIDTH, GAP, LEAST = 720, 90, 120  # px; the gap is what axes take of a panel
FONT = "DejaVu Sans, Helvetica, Arial, sans-serif"


def draw_svg(spec: Mapping[str, Any], arms: Sequence[Mapping[str, Any]]) -> str:
    """Draw Vega-Lite as SVG.

    Args:
        arms: `arms` of the plan, whose colours the chart names.
    """
    config = {**theme.config(), "background": "white", "font": FONT}
    drawn: str = vl_convert.vegalite_to_svg({**_sized(spec), "config": config})
    colours = {theme.colour(name): value for name, value in theme.light(arms).items()}
    return re.sub(r"var\(--[\w-]+\)", lambda found: colours[found[0]], drawn)


def _sized(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Give charts that take the width of their page one of their own, and panels a share of it each."""
    panels = spec.get("concat")
    if not panels:
        return {**spec, "width": WIDTH - GAP}
    columns = min(spec.get("columns") or len(panels), len(panels))
    each = max(spec.get("usermeta", {}).get("panel", LEAST), WIDTH // columns - GAP)
    return {**spec, "concat": [{**panel, "width": each} for panel in panels]}
