"""What the command line changes in a study: `--data` and `--set`, and how an edition is named by it."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments import lines
from experiments.lines import Layer
from experiments.problem import Problem, SpecError
from experiments.read import profiles
from experiments.tree import leaves, nest
from models import catalog
from results.files import canonical
from study.levels import worded

MANIFESTS = (".csv", ".parquet")
LONGEST = 60
"""Characters of overrides in an edition's name; more are hashed."""
_SAFE = re.compile(r"[A-Za-z0-9._,=+-]+")


def parse(options: Iterable[str]) -> dict[str, Any]:
    """Read `--set` options: ``["optim.lr=3e-4"]`` -> ``{"optim.lr": 0.0003}``.

    Raises:
        SpecError: one has no `=`, or a setting is given twice.
    """
    overrides: dict[str, Any] = {}
    for option in options:
        path, equals, text = option.partition("=")
        where = f"--set {option}"
        if not (path.strip() and equals):
            raise SpecError([Problem(where, "must be a setting and its value. Write --set optim.lr=3e-4.")])
        value = lines.value(text, where)
        for leaf, inner in _flat({path.strip(): value}):
            if leaf in overrides:
                raise SpecError([Problem(where, f"{leaf}: given twice. Keep one.")])
            overrides[leaf] = inner
    return overrides


def override_layers(overrides: Mapping[str, Any]) -> dict[str, Layer]:
    """Give each override as a layer, which messages call by its option: a variant before the settings inside it."""
    flat = sorted(_flat(overrides), key=lambda leaf: leaf[0])
    return {path: Layer(f"--set {path}={worded(value)}", nest({path: value}), {path: 0}) for path, value in flat}


def _flat(overrides: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """List the single overrides; `model.fusion.name` is spelled `model.fusion`."""
    for path, value in leaves(overrides):
        yield path.removesuffix(".name") if isinstance(value, str) else path, value


def data_layer(asked: str) -> Layer:
    """Give `--data` as a layer: a reader's name, or the path of a manifest or of a folder that holds one.

    Raises:
        SpecError: there is neither.
    """
    where = f"--data {asked}"
    readers = catalog.names("experiments.data")
    path = Path(asked)
    if path.suffix in MANIFESTS or path.is_dir():
        return _source_layer(where, {"name": "manifest", "path": str(_manifest(path, where))})
    if asked in readers:
        return _source_layer(where, {"name": asked})
    there = catalog.unknown(asked, "data set", readers)
    raise SpecError([Problem(where, f"{there} Or give the path of a manifest ({', '.join(MANIFESTS)}).")])


def _source_layer(where: str, source: Mapping[str, str]) -> Layer:
    return Layer(where, nest({"data.source": source}), {"data.source": 0})


def _manifest(path: Path, where: str) -> Path:
    candidates = [path / f"manifest{end}" for end in MANIFESTS] if path.is_dir() else [path]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        looked = ", ".join(str(candidate) for candidate in candidates)
        raise SpecError([Problem(where, f"no such file: {looked}. Give the path of a manifest.")])
    return found


def data_name(source: Any) -> str:
    """Name the data as editions do: by the folder it is read from, or by its reader if it is read from none.

    Args:
        source: `data.source` as it is written: a name, or a mapping with one.

    Example:
        ``{"name": "manifest", "path": "clips/utd_mhad/manifest.csv"}`` -> ``utd_mhad``
    """
    if not isinstance(source, Mapping):
        return str(source)
    file, folder = source.get("path"), source.get("folder")
    place = Path(str(file or folder or "")).absolute()
    name = "" if not (file or folder) else place.parent.name if file else place.name
    if file and place.stem != "manifest":
        name += f"_{place.stem}"
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or str(source.get("name"))


def edition_name(study: str, *, profile: str | None, data: str | None, overrides: Mapping[str, Any]) -> str:
    """Name an edition by what it changes; None for what it does not.

    Example:
        ``token_count_sweep--small--exercise_clips--optim.lr=0.0003``
    """
    parts = [study]
    if profile:
        parts.append(profile)
    if data:
        parts.append(f"data={data}" if data in profiles() else data)
    changed = [f"{path}={_safe(value)}" for path, value in sorted(overrides.items())]
    if len("--".join(changed)) > LONGEST:
        changed = [f"set={_digest(dict(overrides))}"]
    return "--".join([*parts, *changed])


def _safe(value: Any) -> str:
    text = worded(value)
    return text if _SAFE.fullmatch(text) and "--" not in text else _digest(value)


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:8]
