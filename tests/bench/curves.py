"""How a cost grows: its exponent, a row and a table for each curve, and one chart of all."""

import argparse
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import altair as alt
import numpy as np

from tests.bench.rows import OUT, Row, markdown

LINEAR = 1.1
"""The exponent up to which growth counts as linear: measuring is not exact."""


class Point(NamedTuple):
    """One measurement.

    Attributes:
        measure: ``step, ms`` ...
        along: what grows.
    """

    measure: str
    along: str
    size: float
    value: float


def exponent(sizes: Iterable[float], values: Iterable[float]) -> float:
    """Fit values = c * sizes^e and give e: 1 is linear."""
    logs = [np.log(list(column)) for column in (sizes, values)]
    return float(np.polyfit(*logs, 1)[0])


def rows(points: Iterable[Point]) -> Iterator[Row]:
    """Judge every curve by its exponent over its larger half, where what is fixed weighs least; tell all of it."""
    for (measure, along), curve in curves(points).items():
        sizes = sorted(curve)
        large = sizes[(len(sizes) - 1) // 2 :]
        steep = exponent(large, [curve[size] for size in large])
        whole = exponent(sizes, [curve[size] for size in sizes])
        said = f"from {large[0]:g} to {large[-1]:g}; from {sizes[0]:g} on {whole:.2f}"
        yield Row(
            f"{measure.partition(',')[0]} against {along}", "exponent; 1 is linear", steep, "", LINEAR, None, said
        )


def curves(points: Iterable[Point]) -> Mapping[tuple[str, str], dict[float, float]]:
    """Sort points into curves: (measure, along) -> size -> value."""
    found: dict[tuple[str, str], dict[float, float]] = defaultdict(dict)
    for point in points:
        found[point.measure, point.along][point.size] = point.value
    return found


def tell(points: Iterable[Point]) -> None:
    """Print what was measured, a table for each thing that grows."""
    by_along: dict[str, dict[str, dict[float, float]]] = defaultdict(dict)
    for (measure, along), curve in curves(points).items():
        by_along[along][measure] = curve
    for along, measures in by_along.items():
        sizes = sorted({size for curve in measures.values() for size in curve})
        cells = [[f"{size:g}", *(_cell(curve.get(size)) for curve in measures.values())] for size in sizes]
        print("\n" + markdown([along, *measures], cells) + "\n")


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def draw(points: Iterable[Point], path: Path) -> None:
    """Draw every curve on logarithmic axes, beside the line of linear growth, into an SVG file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    panels = []
    for (measure, along), curve in curves(points).items():
        sizes = sorted(curve)
        linear = [{"size": size, "value": curve[sizes[-1]] * size / sizes[-1]} for size in (sizes[0], sizes[-1])]
        measured = [{"size": size, "value": curve[size]} for size in sizes]
        x = alt.X("size:Q", title=along, scale=alt.Scale(type="log"))
        y = alt.Y("value:Q", title=measure, scale=alt.Scale(type="log", domainMin=_below(measured)))
        reference = alt.Chart(alt.Data(values=linear)).mark_line(strokeDash=[4, 4], color="gray", clip=True)
        line = alt.Chart(alt.Data(values=measured)).mark_line(point=True)
        panels.append((reference.encode(x, y) + line.encode(x, y)).properties(width=200, height=160))
    alt.concat(*panels, columns=3, title="dashed: linear").save(path)


def _below(measured: list[dict[str, float]]) -> float:
    return 10 ** math.floor(math.log10(min(one["value"] for one in measured)))


def folder(description: str | None) -> argparse.ArgumentParser:
    """Begin a command line with where charts go."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--to", type=Path, default=OUT, help="folder for the chart")
    return parser
