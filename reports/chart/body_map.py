"""Muscle groups on a body, front and back, coloured by what an arm gains or loses there.

The outlines are `reports/body.svg`: a path for each muscle group and side, and the body itself.
"""

import functools
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import altair as alt
import polars as pl

import reports
from reports import marks, theme, words
from reports.chart.muscle_heatmap import GAINS
from results.claim import Claim

TITLE = "Where on the body an arm gains and loses"
SHORT = "Body"
PLACE = 48
READING = (
    "Each muscle group where it lies, coloured by its average precision minus the control's, on the claim's splits, "
    "mean over the seeds both have. A group that was not measured stays empty. Single groups rest on few clips."
)
SQL = f"""{GAINS}select arm, split, substr(label, 4) as muscle, count(*) as seeds, avg(gain) as difference
from gains
group by arm, split, label
order by arm, split, muscle
"""

MOST_ARMS = 8  # beside the control; with more of them the map of muscle groups and arms says it shorter
OUTLINES = Path(reports.__file__).with_name("body.svg")
WIDTH, HEIGHT = 210, 252  # px of two figures side by side
BODY = ""
"""The name of the outline that is no muscle group."""
NAME = "{http://www.w3.org/2000/svg}"


def applies(plan: dict[str, Any]) -> bool:
    """Ask for scores of muscle groups that are on the body, and a few arms beside the control."""
    there = {words.muscle(label) for label in plan["labels"]} & set(_outlines()["muscle"])
    return marks.shows_scores(plan) and bool(there) and 2 <= len(plan["arms"]) <= MOST_ARMS + 1


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any | None:
    """Draw two figures an arm."""
    groups = _on_body(frame, plan)
    if groups.is_empty():
        return None
    step = marks.difference_step(groups["difference"])
    arms = [arm["name"] for arm in marks.arms_in(groups, plan)]
    titles = [alt.TitleParams(arm, limit=WIDTH) for arm in arms]
    charts = [
        _panel(groups.filter(pl.col("arm") == arm), step).properties(title=title)
        for arm, title in zip(arms, titles, strict=True)
    ]
    drawn: Any = marks.panels(charts, columns=4)
    return drawn.properties(usermeta={"panel": WIDTH})


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell each arm's largest gain and loss, and which groups are on no figure."""
    groups = _on_body(frame, plan)
    told = []
    for arm in marks.arms_in(groups, plan):
        ranked = groups.filter(pl.col("arm") == arm["name"]).sort("difference", "muscle")
        low, high = ranked.row(0, named=True), ranked.row(-1, named=True)
        told.append(
            f"{arm['name']}: from {words.signed(low['difference'])} ({low['muscle']}) "
            f"to {words.signed(high['difference'])} ({high['muscle']})"
        )
    off = sorted({words.muscle(label) for label in plan["labels"]} - set(_outlines()["muscle"]))
    left_out = f" Not on the body: {words.listing(off, 20)}." if off else ""
    return f"Difference to the control in points of average precision. {'; '.join(told) or 'None'}.{left_out}"


@functools.cache
def _outlines() -> pl.DataFrame:
    """Read side, muscle and outline (an SVG path around the middle of a figure, in pixels)."""
    rows = [
        {"side": figure.get("id"), "muscle": path.get("data-muscle"), "outline": path.get("d")}
        for figure in ElementTree.parse(OUTLINES).getroot().iter(f"{NAME}g")
        for path in figure.iter(f"{NAME}path")
    ]
    return pl.DataFrame(rows)


def _on_body(frame: pl.DataFrame, plan: dict[str, Any]) -> pl.DataFrame:
    """Give arm, muscle, seeds and difference: the mean over the claim's splits, of what the figures show."""
    named = frame.with_columns(pl.col("muscle").str.replace_all("_", " ", literal=True))
    there = named.filter(
        pl.col("split").is_in(Claim.model_validate(plan["claim"]).splits),
        pl.col("muscle").is_in(_outlines()["muscle"].to_list()),
    )
    groups = there.group_by("arm", "muscle", maintain_order=True)
    return groups.agg(pl.col("seeds").min(), pl.col("difference").mean())


def _panel(groups: pl.DataFrame, step: float) -> Any:
    axis = alt.Axis(orient="top", title=None, grid=False, labelAngle=0, offset=-4)
    place = {"x": alt.X("side:N", sort=["front", "back"], axis=axis), "y": alt.value(HEIGHT / 2)}
    shape = alt.Shape("outline:N", scale=None, legend=None)
    # A symbol's outline is drawn at half the root of its size: at 4 a unit of the SVG file is a pixel.
    outlines: dict[str, Any] = {"size": 4, "opacity": 1, "stroke": theme.colour("muted"), "strokeWidth": 0.6}
    is_body = pl.col("muscle") == BODY
    body = alt.Chart(marks.data(_outlines().filter(is_body).drop("muscle"))).mark_point(
        fill=theme.colour("card"), **outlines
    )
    coloured = alt.condition("isValid(datum.difference)", marks.difference_colour(step), alt.value("transparent"))
    tooltip = [alt.Tooltip("muscle:N"), alt.Tooltip("difference:Q", format="+.1f"), alt.Tooltip("seeds:Q")]
    measured = alt.LookupData(marks.data(groups), key="muscle", fields=["difference", "seeds"])
    muscles = (
        alt.Chart(marks.data(_outlines().filter(~is_body)))
        .transform_lookup("muscle", from_=measured)
        .mark_point(filled=True, **outlines)
        .encode(**place, shape=shape, fill=coloured, tooltip=tooltip)
    )
    return alt.layer(body.encode(**place, shape=shape), muscles).properties(height=HEIGHT)
