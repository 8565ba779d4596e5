"""Specs and profiles, found by name among the YAML files of this folder and read with their lines."""

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from experiments import lines
from experiments.lines import Layer
from experiments.place import names_at
from experiments.problem import Problem, SpecError, unknown, wording
from experiments.spec import Spec, SpecFile
from experiments.tree import Tree, given_twice, nest
from models.settings import Frozen

FOLDER = Path(__file__).parent
PROFILES = FOLDER / "profiles"
_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*", re.IGNORECASE)


class ProfileFile(Frozen):
    """The keys of a profile beside its settings."""

    extends: str | None = None
    """The profile that this one changes."""
    seeds: int | None = Field(None, ge=1)
    """At most this many seeds, whatever the spec asks for."""


@dataclass(frozen=True)
class Profile:
    """A complete base setting.

    Attributes:
        layers: the settings of the file and of those it extends, the outermost first.
        seeds: at most this many seeds, or None.
    """

    name: str
    layers: tuple[Layer, ...]
    seeds: int | None


def names(folder: Path = FOLDER) -> list[str]:
    """List the specs (or profiles) in `folder`."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def profiles() -> list[str]:
    """List the profiles."""
    return names(PROFILES)


def find_spec(name_or_path: str | Path, folder: Path = FOLDER) -> Path:
    """Give the file of a study: by name among those in `folder`, or by its path.

    Raises:
        SpecError: there is no such study, or a path names a file that would be mistaken for a study in `folder`.
    """
    asked = str(name_or_path)
    if not asked.endswith((".yaml", ".yml")):
        if asked not in names(folder):
            text = f"{unknown(asked, 'study', names(folder))} `study new {asked}` writes one."
            raise SpecError([Problem(lines.shown(folder), text)])
        return folder / f"{asked}.yaml"
    path = Path(asked)
    if not path.is_file():
        raise SpecError([Problem(asked, f"no such file. There are these studies: {', '.join(names(folder))}.")])
    if path.stem in names(folder) and path.resolve() != (folder / f"{path.stem}.yaml").resolve():
        taken = lines.shown(folder / f"{path.stem}.yaml")
        text = f"{path.stem}: {taken} is a study of this name, and results would be mixed. Rename the file."
        raise SpecError([Problem(lines.shown(path), text)])
    return path


def read_spec(path: Path) -> Spec:
    """Read and check the form of a spec.

    Raises:
        SpecError: the message names every problem with its line.
    """
    layer = lines.read(path)
    problems = [*name_problems(path.stem, layer.source), *_twice(layer, "settings", layer.tree.get("settings"))]
    problems += _form_problems(SpecFile, layer, layer.tree)
    if problems:
        raise SpecError(problems)
    return Spec(**layer.tree, name=path.stem, path=path, source=layer.source, lines=layer.lines)


def read_profile(name: str, where: str = "--profile", folder: Path = PROFILES) -> Profile:
    """Read a profile and those it extends.

    Args:
        where: what asked for it, named in the message if there is none.

    Raises:
        SpecError: there is no such profile, or one of its files is wrong.
    """
    files = _chain(name, where, folder)
    seeds = next((own.seeds for own, _ in files if own.seeds is not None), None)
    return Profile(name, tuple(layer for _, layer in reversed(files)), seeds)


def name_problems(name: str, source: str) -> list[Problem]:
    """Check a study's name: it becomes a folder's, a page's and a value in queries."""
    if _NAME.fullmatch(name):
        return []
    rule = "letters and digits, joined by single _ or -"
    return [Problem(source, f"{name}: a study's name must be {rule}. Rename it.")]


def _chain(name: str, where: str, folder: Path) -> list[tuple[ProfileFile, Layer]]:
    """Read profile after extended profile, the asked one first."""
    files: list[tuple[ProfileFile, Layer]] = []
    seen: list[str] = []
    asked: str | None = name
    while asked is not None:
        if asked in seen:
            circle = " -> ".join([*seen, asked])
            raise SpecError([Problem(where, f"{asked}: this profile extends itself ({circle}). Break the circle.")])
        if asked not in names(folder):
            raise SpecError([Problem(where, unknown(asked, "profile", names(folder)))])
        own, layer = _profile_file(folder / f"{asked}.yaml")
        files.append((own, layer))
        seen.append(asked)
        where, asked = layer.where("extends"), own.extends
    return files


def _profile_file(path: Path) -> tuple[ProfileFile, Layer]:
    layer = lines.read(path)
    own = {key: value for key, value in layer.tree.items() if key in ProfileFile.model_fields}
    settings = {key: value for key, value in layer.tree.items() if key not in own}
    problems = [*_form_problems(ProfileFile, layer, own), *_twice(layer, "", settings)]
    if problems:
        raise SpecError(problems)
    return ProfileFile(**own), Layer(layer.source, nest(settings), layer.lines)


def _twice(layer: Layer, prefix: str, settings: object) -> list[Problem]:
    if not isinstance(settings, dict):
        return []
    paths = [f"{prefix}.{path}" if prefix else path for path in given_twice(settings)]
    return [Problem(layer.where(path), f"{path}: given twice, in two spellings. Keep one.") for path in paths]


def _form_problems(form: type[BaseModel], layer: Layer, tree: Tree) -> list[Problem]:
    try:
        form.model_validate(tree)
    except ValidationError as error:
        return [_problem(form, layer, tree, details) for details in error.errors()]
    return []


def _problem(form: type[BaseModel], layer: Layer, tree: Tree, details: ErrorDetails) -> Problem:
    path = ".".join(str(part) for part in details["loc"])
    return Problem(layer.where(path), wording(details, path, "key", names_at(form, path, tree)))
