"""What a benchmark measured, beside what is asked of it: rows that it prints and keeps, and one table of all of them.

python -m tests.bench.rows              # the rows that are kept, as a table
python -m tests.bench.rows README.md    # writes it between the two marks there
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
ORDER = ("step", "first", "data", "workers", "ledger", "engine", "status", "store", "page", "growth", "scale")
MARKS = ("<!-- rows of make bench -->", "<!-- end of rows -->")
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
    places = {name: place for place, name in enumerate(ORDER)}
    for path in sorted(OUT.glob("*.jsonl"), key=lambda path: (places.get(path.stem, len(places)), path.stem)):
        for line in path.read_text().splitlines():
            yield Row(**json.loads(line))


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def write_into(document: Path, table: str) -> None:
    """Put the table between the marks of a document, in place of the one that is there."""
    before, first, rest = document.read_text().partition(MARKS[0])
    _, last, after = rest.partition(MARKS[1])
    if not (first and last):
        raise SystemExit(f"{document}: has no place for the table. Write {MARKS[0]} and {MARKS[1]} where it belongs.")
    document.write_text(f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{after}")


if __name__ == "__main__":
    everything = markdown(HEADS, (row.cells() for row in kept()))
    if len(sys.argv) > 1:
        write_into(Path(sys.argv[1]), everything)
    else:
        print(f"\n{everything}\n\n{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the end")
