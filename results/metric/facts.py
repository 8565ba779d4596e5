"""What metrics that a claim can be about are: units, words, which way is better, and where their numbers come from.

Everything that is said of a metric, in answers, tables and charts, is said from here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """One metric.

    A metric of scores is compared by differences, on a split of the data; a cost by percent of the control's.

    Attributes:
        word: what it is called in a sentence.
        better, worse: what an arm is called that is so by it.
        unit: of a difference, as an axis and a note name it.
        sign: what follows the number of a difference.
        is_cost: it is measured by a phase `profile`, less is better, and no clip of the data plays a part.
        column: of the view `finals`.
        record: what its records are called.
    """

    word: str
    better: str
    worse: str
    unit: str
    sign: str
    is_cost: bool
    column: str
    record: str

    @property
    def is_lower_better(self) -> bool:
        """Tell whether less of it is better."""
        return self.is_cost

    @property
    def relation(self) -> str:
        """Say how an arm is compared with the control: by a difference, or by a share of it."""
        return "against" if self.is_cost else "minus"

    def amount(self, number: float) -> str:
        """Write a difference with its unit: ``1.0 mAP point``, ``5.0 % of latency``."""
        digits = f"{number:.1f}" if round(number, 1) == number else f"{number:g}"
        if self.is_cost:
            return f"{digits} % of {self.word}"
        return f"{digits} {self.word} point{'s' * (number != 1)}"


METRICS = {
    "map": Facts("mAP", "better", "worse", "points", "", is_cost=False, column="map", record="map"),
    "latency": Facts(
        "latency", "faster", "slower", "% of latency", " %", is_cost=True, column="latency_ms", record="latency_median"
    ),
    "peak_memory": Facts(
        "peak memory",
        "lighter",
        "heavier",
        "% of peak memory",
        " %",
        is_cost=True,
        column="inference_memory_bytes",
        record="peak_memory",
    ),
}
"""By the name that a claim gives them."""

COST_SPLIT = "inference"
"""Stands for a split where a cost is recorded or claimed."""
