"""Reader of a manifest: a CSV or Parquet table with one row per video file.

Needs columns for clip (a path, from the manifest's folder), activity, muscles and split; takes group, skeletons and
depth videos where they are. Its data name is the name of the folder that holds it.
"""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from experiments.checks import Entry, refuse_unsound
from experiments.clip import MUSCLES, Clip, DataError
from experiments.joints import Edges, Skeletons, Units, array_of, layout_of, opened
from experiments.videos import VideoSet
from models.catalog import unknown
from models.settings import Frozen, outside

BESIDE = "skeletons.npz"


class Columns(Frozen):
    """Names of the manifest's columns."""

    clip: str = "clip"
    activity: str = "activity"
    muscles: str = "muscles"
    split: str = "split"
    group: str = "group"
    """Source or person; may be absent. Kept with the clip for later statistics: no check and no split follows it."""
    skeleton_key: str = "skeleton_key"
    """Name of the clip's array among the skeletons; where absent, the clip's path is that name."""
    depth: str | None = None
    """Path of the clip's depth video, from the manifest's folder. The clip itself may be one."""


class Settings(Frozen):
    """A manifest and how to read it."""

    name: Literal["manifest"] = "manifest"
    path: Path = outside(...)
    columns: Columns = Columns()
    separator: str = ";"
    """Between muscles."""
    labels: tuple[str, ...] | Literal["union"] = MUSCLES
    """The muscle groups in label order, or ``union``: those that occur, sorted."""
    skeletons: str | None = BESIDE
    """File of skeletons in the manifest's folder; the default is used if it is there."""
    joints: Literal["blazepose", "kinect20"] | Edges | None = None
    """The joint graph, by name or as pairs of joints; by default the named one with as many joints."""
    units: Units | None = None
    """Of the coordinates; by default those of the named graph."""


@dataclass(frozen=True)
class Row:
    """One row and its place: ``"manifest.csv:17"``."""

    where: str
    cells: Mapping[str, Any]


def read(settings: Settings, cache: Path | None = None) -> VideoSet:
    """Read the manifest; videos are not opened.

    Args:
        cache: folder where the digests of files are remembered, if anywhere.

    Raises:
        DataError: the manifest is missing, is no table, or is unsound.
    """
    path = Path(os.path.abspath(settings.path))
    rows = _rows(path)
    _refuse_missing_columns(path, rows, settings)
    labels = _labels(settings, rows)
    entries = [Entry(row.where, _clip(row, settings, labels)) for row in rows]
    refuse_unsound(str(path), entries)
    names = [entry.clip.name for entry in entries]
    return VideoSet(
        name=path.parent.name,
        labels=labels,
        clips=tuple(sorted((entry.clip for entry in entries), key=lambda clip: clip.name)),
        videos={name: path.parent / name for name in names},
        skeletons=_skeletons(path.parent, settings, dict(zip(names, rows, strict=True))),
        depth=_depth(path.parent, settings, dict(zip(names, rows, strict=True))),
        cache=cache,
    )


def _rows(path: Path) -> list[Row]:
    if not path.is_file():
        raise DataError(f"{path}: no such manifest. A CSV or Parquet file is expected. Correct data.source.path.")
    rows = list(_parquet(path) if path.suffix == ".parquet" else _csv(path))
    if not rows:
        raise DataError(f"{path}: the manifest has no rows. One row per clip is expected. Fill it.")
    return rows


def _csv(path: Path) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for cells in reader:
                yield Row(f"{path}:{reader.line_num}", {name: cell or "" for name, cell in cells.items()})
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(
                f"{path}:{reader.line_num + 1}: no row of a CSV file ({error}). "
                f"A table in UTF-8 with a header line is expected. Write it again."
            ) from error


def _parquet(path: Path) -> Iterator[Row]:
    import polars

    try:
        table = polars.read_parquet(path)
    except polars.exceptions.PolarsError as error:
        raise DataError(f"{path}: no Parquet file ({error}). A table is expected. Write it again.") from error
    for number, cells in enumerate(table.iter_rows(named=True), start=1):
        yield Row(f"{path} row {number}", {name: "" if cell is None else cell for name, cell in cells.items()})


def _refuse_missing_columns(path: Path, rows: Sequence[Row], settings: Settings) -> None:
    there = [name for name in rows[0].cells if name]
    columns = settings.columns
    needed = [
        columns.clip,
        columns.activity,
        columns.muscles,
        columns.split,
        *([columns.depth] if columns.depth else []),
    ]
    for name in needed:
        if name not in there:
            message = unknown(name, "column", there)
            raise DataError(f"{path}: {message} Add it, or say which it is in data.source.columns.")


def _labels(settings: Settings, rows: Sequence[Row]) -> tuple[str, ...]:
    if settings.labels != "union":
        return settings.labels
    return tuple(sorted({muscle for row in rows for muscle in _muscles(row, settings)}))


def _muscles(row: Row, settings: Settings) -> list[str]:
    cell = row.cells[settings.columns.muscles]
    names = cell.split(settings.separator) if isinstance(cell, str) else cell
    return [name.strip() for name in names if name.strip()]


def _clip(row: Row, settings: Settings, labels: tuple[str, ...]) -> Clip:
    columns = settings.columns
    for name in (columns.clip, columns.activity):
        if not row.cells[name]:
            raise DataError(f"{row.where}: the column {name!r} is empty. Every row needs a value. Fill it.")
    muscles = _muscles(row, settings)
    for muscle in muscles:
        if muscle not in labels:
            message = unknown(muscle, "muscle group", labels)
            raise DataError(f"{row.where}: {message} Correct it, or name your own groups in data.source.labels.")
    return Clip(
        name=os.path.normpath(row.cells[columns.clip]),
        split=str(row.cells[columns.split]),
        activity=str(row.cells[columns.activity]),
        muscles=tuple(sorted({labels.index(muscle) for muscle in muscles})),
        group=str(row.cells.get(columns.group, "")),
    )


def _depth(folder: Path, settings: Settings, rows: Mapping[str, Row]) -> dict[str, Path] | None:
    column = settings.columns.depth
    return None if column is None else {name: folder / row.cells[column] for name, row in rows.items()}


def _skeletons(folder: Path, settings: Settings, rows: Mapping[str, Row]) -> Skeletons | None:
    if settings.skeletons is None or (settings.skeletons == BESIDE and not (folder / BESIDE).exists()):
        return None
    path, column = folder / settings.skeletons, settings.columns.skeleton_key
    keys = {name: row.cells.get(column) or row.cells[settings.columns.clip] for name, row in rows.items()}
    with opened(path) as file:
        missing = [name for name, key in keys.items() if key not in file]
        if missing:
            where = rows[missing[0]].where
            raise DataError(
                f"{where}: {path.name} has no array {keys[missing[0]]!r}. {len(missing)} of {len(keys)} clips have "
                f"no skeletons; its arrays are called like {file.files[:2]}. Name the column of their names in "
                f"data.source.columns.skeleton_key, or set data.source.skeletons to null to go without."
            )
        shape = array_of(path, file, next(iter(keys.values()))).shape
    return Skeletons(path, keys, layout_of(path, shape, settings.joints, settings.units))
