"""What a benchmark measured, beside what is asked of it: rows that it prints and keeps, and one table of all of them.

python -m tests.bench.rows        # the rows that are kept, as Markdown for the README
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Literal

OUT = Path(__file__).with_name("out")
BEGAN = perf_counter()
HEADS = ("what", "against", "setting", "measured", "required", "stretch", "met")


@dataclass(frozen=True)
class Row:
    """One number of a benchmark.

    Attributes:
        against: what it is a ratio to; empty where a time stands alone.
        value: the ratio, or the number in `unit`.
        unit: empty for a ratio.
        required, stretch: what `value` should be, None where nothing is asked.
        setting: what it depends on, and the numbers that a ratio was made of.
        bound: on which side of them.
    """

    what: str
    against: str
    value: float
    unit: str
    required: float | None = None
    stretch: float | None = None
    setting: str = ""
    bound: Literal["at most", "at least"] = "at most"

    def reaches(self, asked: float | None) -> bool:
        """Tell whether the number is as small, or as large, as is asked."""
        if asked is None:
            return True
        return self.value <= asked if self.bound == "at most" else self.value >= asked

    @property
    def met(self) -> str:
        """Say what of it is met."""
        if self.required is None:
            return ""
        if not self.reaches(self.required):
            return "no"
        return "yes" if self.stretch is None else "stretch" if self.reaches(self.stretch) else "required"

    def cells(self) -> tuple[str, ...]:
        """Give the row as words."""
        asked = (self._number(self.required), self._number(self.stretch))
        return (self.what, self.against, self.setting, self._number(self.value), *asked, self.met)

    def _number(self, value: float | None) -> str:
        return "" if value is None else f"{value:.3g} {self.unit}".strip()


def ratio(ours: float, theirs: float, unit: str = "s") -> tuple[float, str]:
    """Give a ratio and the numbers that it was made of."""
    return ours / theirs, f"{ours:.3g} / {theirs:.3g} {unit}"


def keep(name: str, rows: Iterable[Row]) -> bool:
    """Print rows as they come, and keep them under `name`; tell whether all are as they should be."""
    OUT.mkdir(exist_ok=True)
    met = True
    with (OUT / f"{name}.jsonl").open("w") as file:
        for row in rows:
            print(" | ".join(cell for cell in row.cells() if cell), flush=True)
            file.write(json.dumps(asdict(row)) + "\n")
            met = met and row.reaches(row.required)
    print(f"{name}: {perf_counter() - BEGAN:.0f} s", file=sys.stderr, flush=True)
    return met


def kept() -> Iterator[Row]:
    """Read all rows that are kept, benchmark after benchmark."""
    for path in sorted(OUT.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            yield Row(**json.loads(line))


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


if __name__ == "__main__":
    print(markdown(HEADS, (row.cells() for row in kept())))
    print(f"\n{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the end")
