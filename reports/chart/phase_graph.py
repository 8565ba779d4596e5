"""The phases of a study and what starts from what: which of them do arms share?

Phases of other seeds that serve the same arms in the same role stand in one place.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt
import polars as pl

from reports import marks, theme

TITLE = "Phases, and what arms share"
SHORT = "Phases"
PLACE = 58
READING = (
    "One mark a phase, as large as the number of arms that use it; lines lead to the phases that start from it. A "
    "shared phase (a diamond) is trained once a seed. Phases without a result are hollow. Point at a mark for its arms."
)
SQL = """
with states as (
    select key, case when bool_or(state = 'done') then 'done' else arg_max(state, attempt) end as state,
        max(seconds) filter (state = 'done') as seconds
    from runs
    group by key
)
select phase, phases.seed, string_agg(arm, ' | ' order by arms.position) as arms, count(*) as uses,
    coalesce(any_value(state), 'waiting') as state, any_value(seconds) as seconds, key
from phases
join arms using (edition, arm)
left join states using (key)
where edition = $edition and tuning is null and exists (
    from phases as begun join states using (key) where begun.edition = $edition and begun.tuning is null)
group by key, phase, phases.seed
order by min(phases.position), phase, arms, phases.seed, key
"""

ROW, LEAST_ROW, HIGHEST = 30, 7, 620  # px
SEPARATOR = " | "  # between arms, in the SQL too
SHARING = ["of one arm", "shared by arms"]
ROOM = "min(scale('x', datum.x + 0.95), width) - scale('x', datum.x) - 14"  # px to the next column or the edge
MOST_NAMED = 12  # arms that are told of a phase
MOST_TOLD = 24  # phases above each other; with more of them names would overlap


class Node(NamedTuple):
    """The phases that serve the same arms in the same role."""

    phase: str
    arms: str

    @property
    def names(self) -> list[str]:
        """The arms one by one."""
        return self.arms.split(SEPARATOR)


def applies(plan: dict[str, Any]) -> bool:
    """Ask for phases that start from others."""
    return any(phase["parents"] for phase in plan["phases"].values())


def draw(frame: pl.DataFrame, plan: dict[str, Any]) -> Any:
    """Draw what starts from nothing on the left, and to its right what starts from it."""
    nodes = {row["key"]: Node(row["phase"], row["arms"]) for row in frame.to_dicts()}
    edges = _edges(nodes, plan)
    columns = _columns(list(dict.fromkeys(nodes.values())), edges, plan)
    most = max(map(len, columns))
    places = {
        node: (depth, (row + 0.5) * most / len(column))
        for depth, column in enumerate(columns)
        for row, node in enumerate(column)
    }
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.15, len(columns) - 0.4], nice=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[most, 0], nice=False))
    ends = [(*places[parent], *places[child]) for parent, child in edges]
    lines = pl.DataFrame(ends, schema=["x", "y", "x2", "y2"], orient="row", infer_schema_length=None)
    rules = alt.Chart(marks.data(lines)).mark_rule(color=theme.colour("band"), opacity=0.5)
    layers = [rules.encode(x=x, y=y, x2="x2:Q", y2="y2:Q"), *_points(_merged(frame, places), x, y)]
    if most <= MOST_TOLD:
        layers += marks.haloed(_names(_merged(frame, places), x, y))
    row = max(LEAST_ROW, min(ROW, HIGHEST / most))
    return alt.layer(*layers).properties(width="container", height=row * most)


def describe(frame: pl.DataFrame, plan: dict[str, Any]) -> str:
    """Tell how many phases of each kind there are, for how many uses."""
    told = []
    for (phase,), group in frame.group_by("phase", maintain_order=True):
        shared = group.filter(pl.col("uses") > 1)
        done = len(group.filter(pl.col("state") == "done"))
        told.append(
            f"{phase}: {len(group)} trained for {group['uses'].sum()} trials, {len(shared)} of them shared, {done} done"
        )
    return f"{'. '.join(told)}."


def _edges(nodes: Mapping[str, Node], plan: dict[str, Any]) -> list[tuple[Node, Node]]:
    """List which node starts from which, parent first."""
    edges = {
        (nodes[parent], nodes[key]): None
        for key, phase in plan["phases"].items()
        for parent in phase["parents"].values()
        if key in nodes and parent in nodes
    }
    return list(edges)


def _columns(nodes: Sequence[Node], edges: Sequence[tuple[Node, Node]], plan: dict[str, Any]) -> list[list[Node]]:
    """Put each node one column to the right of what it starts from, and beside the middle of the arms that use it."""
    parents: dict[Node, list[Node]] = {node: [] for node in nodes}
    for parent, child in edges:
        parents[child].append(parent)

    @functools.cache
    def depth(node: Node) -> int:
        return max((1 + depth(parent) for parent in parents[node]), default=0)

    ranks = {arm["name"]: rank for rank, arm in enumerate(plan["arms"])}
    middle = {node: _middle([rank for name, rank in ranks.items() if name in node.names]) for node in nodes}
    ordered = sorted(nodes, key=lambda node: (middle[node], node))
    return [[node for node in ordered if depth(node) == place] for place in range(1 + max(map(depth, nodes)))]


def _middle(ranks: Sequence[int]) -> float:
    return sum(ranks) / len(ranks)


def _merged(frame: pl.DataFrame, places: Mapping[Node, tuple[int, float]]) -> pl.DataFrame:
    """Give one row a node: where it stands, who uses it, how many seeds of it are done, and what it is called."""
    nodes = frame.group_by("phase", "arms", maintain_order=True).agg(
        pl.len().alias("seeds"),
        pl.col("uses").first(),
        (pl.col("state") == "done").sum().alias("done"),
        pl.col("seconds").sum(),
    )
    at = [places[Node(row["phase"], row["arms"])] for row in nodes.to_dicts()]
    shared = pl.col("uses") > 1
    many, one = pl.format("{} of {} arms", "phase", "uses"), pl.format("{} {}", "phase", "arms")
    return nodes.with_columns(
        pl.Series("x", [depth for depth, _ in at], dtype=pl.Int64),
        pl.Series("y", [height for _, height in at], dtype=pl.Float64),
        pl.when(shared).then(pl.lit(SHARING[1])).otherwise(pl.lit(SHARING[0])).alias("sharing"),
        pl.format("{} of {}", "done", "seeds").alias("seeds_done"),
        pl.col("arms").str.split(SEPARATOR).list.head(MOST_NAMED).list.join(SEPARATOR),
        pl.when(shared).then(many).otherwise(one).alias("name"),
    )


def _points(nodes: pl.DataFrame, x: alt.X, y: alt.Y) -> list[Any]:
    """Draw finished phases filled and the others hollow."""
    finished = pl.col("done") == pl.col("seeds")
    looks: dict[bool, dict[str, Any]] = {
        True: {"filled": True, "opacity": 1},
        False: {"fill": theme.colour("card"), "strokeWidth": 1.6},
    }
    colours = alt.Scale(domain=SHARING, range=[theme.colour("seen"), theme.colour("unseen")])
    shapes = alt.Scale(domain=SHARING, range=["circle", "diamond"])
    sizes = alt.Scale(domain=[1, max(2, *nodes["uses"])], range=[70, 330])
    tooltip = [
        "phase:N",
        alt.Tooltip("arms:N", title="used by"),
        "uses:Q",
        alt.Tooltip("seeds_done:N", title="seeds done"),
        alt.Tooltip("seconds:Q", format=",.0f", title="seconds in all"),
    ]
    layers = []
    for is_done, look in looks.items():
        own = nodes.filter(finished == is_done)
        if not own.is_empty():
            points = alt.Chart(marks.data(own)).mark_point(**look).encode(x=x, y=y, tooltip=tooltip)
            layers.append(
                points.encode(
                    color=alt.Color("sharing:N", scale=colours, legend=marks.LEGEND),
                    shape=alt.Shape("sharing:N", scale=shapes, legend=marks.LEGEND),
                    size=alt.Size("uses:Q", scale=sizes, legend=None),
                )
            )
    return layers


def _names(nodes: pl.DataFrame, x: alt.X, y: alt.Y) -> Any:
    text = alt.Chart(marks.data(nodes)).mark_text(align="left", dx=12, fontSize=11, limit=alt.ExprRef(ROOM))
    return text.encode(x=x, y=y, text="name:N", color=alt.value(theme.colour("muted")))
