"""A chart made ready for a page: its drawing as JSON, its data as CSV, its SQL, and its content in words."""

import csv
import io
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import polars as pl
from altair.utils.schemapi import debug_mode
from markupsafe import Markup

from models import catalog
from reports import embed, query
from results.sql import text

if TYPE_CHECKING:
    import duckdb

CHARTS = "reports.chart"
MOST_ROWS = 8  # of a chart's data that a page shows as a table; all of them are in the link


@dataclass(frozen=True)
class Figure:
    """What a page shows of one chart.

    Attributes:
        alt: the chart's content in words; where nothing could be drawn, why.
        spec: the drawing in Vega-Lite, or None if nothing could be drawn.
        sql: as it can be asked again, with the edition's name in it.
        narrowest: pixels below which the chart scrolls instead of shrinking.
        csv: the frame, or None if nothing could be drawn.
    """

    name: str
    title: str
    short: str
    reading: str
    alt: str
    sql: str
    spec: dict[str, Any] | None = None
    narrowest: int = 0
    csv: str | None = None
    rows: int = 0

    @property
    def block(self) -> Markup:
        """The drawing as a JSON block of a page."""
        return embed.json_block(self.spec)

    @property
    def first_rows(self) -> list[list[str]]:
        """The names of the columns and the first rows of the data, as text."""
        return list(itertools.islice(csv.reader(io.StringIO(self.csv or "")), 1 + MOST_ROWS))

    @property
    def link(self) -> str | None:
        """The data as a link that saves them."""
        return None if self.csv is None else embed.csv_link(self.csv)


def draw_figures(connection: "duckdb.DuckDBPyConnection", edition: str, plan: Mapping[str, Any]) -> list[Figure]:
    """Draw the charts that the plan names, in its order, else all that apply.

    Raises:
        UnknownName: the plan names a chart that there is no file for.
    """
    named = plan.get("charts") or []
    modules = [catalog.load(CHARTS, name) for name in named or catalog.names(CHARTS)]
    if not named:
        modules = sorted((module for module in modules if module.applies(plan)), key=lambda module: module.PLACE)
    return [_figure(module, connection, edition, plan) for module in modules]


def _figure(
    module: ModuleType, connection: "duckdb.DuckDBPyConnection", edition: str, plan: Mapping[str, Any]
) -> Figure:
    name = module.__name__.rpartition(".")[2]
    sql = module.SQL.strip()
    shown = sql.replace("$edition", text(edition))
    words = (name, module.TITLE, module.SHORT, module.READING)
    if not module.applies(plan):
        return Figure(*words, "This chart was asked for, but does not apply to this study's factors and arms.", shown)
    frame = query.table(connection, sql, edition=edition)
    if frame.is_empty():
        return Figure(*words, "Nothing to draw yet: no finished trial of this study has these numbers.", shown)
    drawn = _drawn(module, frame, plan)
    if drawn is None:
        return Figure(*words, f"Nothing to draw. {module.describe(frame, plan)}", shown)
    narrowest = int(drawn.get("usermeta", {}).get("narrowest", 0))
    return Figure(*words, module.describe(frame, plan), shown, drawn, narrowest, embed.as_csv(frame), len(frame))


def _drawn(module: ModuleType, frame: pl.DataFrame, plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """Draw without Altair's checks, which take half of a page's time; the tests draw every chart with them."""
    with debug_mode(False):
        chart = module.draw(frame, plan)
        return None if chart is None else chart.to_dict(validate=False)
