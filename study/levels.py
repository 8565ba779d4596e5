"""The levels of a study's factors, each worded once, as names, ledger and charts show it.

Whether a level is a valid setting shows when its arm is checked; here it is only found and worded.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from experiments.lines import Layer
from experiments.place import field_at, names_at, section_of, type_of
from experiments.problem import Problem, unknown
from experiments.spec import Spec
from experiments.tree import Tree, given_twice, nest
from models.settings import Compact
from study.settings import Settings

Value = bool | int | float | str | None


@dataclass(frozen=True)
class Level:
    """One level of a factor.

    Attributes:
        text: as names show it: ``"20"``, ``"mctf(drop_path=0.2)"``.
        value: as the ledger records it: the setting itself where that is one value, else `text`.
        layer: the settings that it stands for.
    """

    text: str
    value: Value
    layer: Layer


@dataclass(frozen=True)
class Factor:
    """One thing that is varied: a setting's dotted path, or a name for groups of settings."""

    name: str
    levels: Mapping[str, Level]
    """By their texts, in the spec's order."""


class LevelReader:
    """Read the factors and the control of one spec, collecting problems and notes.

    Args:
        below: the settings under the levels (profile, spec, command line); they say which variants stand where.
    """

    def __init__(self, spec: Spec, below: Tree) -> None:
        self.spec = spec
        self.below = below
        self.problems: list[Problem] = []
        self.notes: list[str] = []

    def factors(self) -> list[Factor]:
        """Read all factors; one that is no setting is left out, and said."""
        read = [
            self._named(name, levels) if isinstance(levels, Mapping) else self._listed(name, levels)
            for name, levels in self.spec.factors.items()
        ]
        return [factor for factor in read if factor]

    def tuned(self) -> list[Factor]:
        """Read what is tuned as factors are read."""
        written = self.spec.tune.levels if self.spec.tune else {}
        return [factor for path, levels in written.items() if (factor := self._listed(path, levels, "tune"))]

    def control(self, factors: Iterable[Factor]) -> dict[str, str]:
        """Give the text of the control's level of each factor; one that there is not is said."""
        is_typo = bool(self.problems)  # in a factor's name: then the control may well name it rightly
        for name in self.spec.control:
            if name not in self.spec.factors and not is_typo:
                self._problem(f"control.{name}", f"control.{unknown(name, 'factor', self.spec.factors)}")
        found = {factor.name: self._control_level(factor) for factor in factors}
        return {name: level for name, level in found.items() if level is not None}

    def _control_level(self, factor: Factor) -> str | None:
        path = f"control.{factor.name}"
        if factor.name not in self.spec.control:
            there = ", ".join(factor.levels)
            self._problem("control", f"{path}: the control has no level of this factor. There are: {there}. Add one.")
            return None
        written = self.spec.control[factor.name]
        field = field_at(Settings, factor.name, self.below)
        text = worded(written) if field is None else _text(written, _checked(field, written))
        if text not in factor.levels:
            self._problem(path, f"control.{factor.name}: {unknown(text, 'level', factor.levels)}")
            return None
        return text

    def _listed(self, path: str, written: list[Any], place: str = "factors") -> Factor | None:
        field = field_at(Settings, path, self.below)
        if field is None:
            self._problem(f"{place}.{path}", unknown(path, "setting", names_at(Settings, path, self.below)))
            return None
        section = section_of(field)
        if section:
            there = ", ".join(section.model_fields)
            what = "a factor" if place == "factors" else "what is tuned"
            text = f"{path}: {what} is one setting, but this is a group of them. There are: {there}. Name one."
            self._problem(f"{place}.{path}", text)
            return None
        levels = [
            self._level(path, field, self.spec.lines[f"{place}.{path}.{index}"], item)
            for index, item in enumerate(written)
        ]
        return self._factor(path, levels, place)

    def _level(self, path: str, field: FieldInfo, line: int, written: Any) -> Level:
        checked = _checked(field, written)
        text = _text(written, checked)
        value = checked if checked is None or isinstance(checked, bool | int | float | str) else text
        return Level(text, value, Layer(self.spec.source, nest({path: written}), {path: line}))

    def _named(self, name: str, written: Mapping[str, Tree]) -> Factor | None:
        return self._factor(name, [self._group(name, level, tree) for level, tree in written.items()])

    def _group(self, name: str, level: str, tree: Tree) -> Level:
        where = f"factors.{name}.{level}"
        for path in given_twice(tree):
            self._problem(f"{where}.{path}", f"{path}: given twice, in two spellings. Keep one.")
        return Level(level, level, self.spec.layer.part(where, nest(tree)))

    def _factor(self, name: str, levels: Iterable[Level], place: str = "factors") -> Factor:
        kept: dict[str, Level] = {}
        for level in levels:
            earlier = kept.setdefault(level.text, level)
            if earlier is level:
                continue
            if earlier.value == level.value:
                self.notes.append(f"{name}: level {level.text} is given twice and trained once.")
            else:
                self._problem(f"{place}.{name}", f"{name}: two levels are both called {level.text}. Rename one.")
        return Factor(name, kept)

    def _problem(self, path: str, text: str) -> None:
        self.problems.append(Problem(self.spec.layer.where(path), text))


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Give each dotted name its shortest end that no other one has.

    Example:
        ``model.tokens.count``, ``optim.lr`` -> ``count``, ``lr``
    """
    parts = {name: name.split(".") for name in names}

    def shortest(name: str) -> str:
        for size in range(1, len(parts[name])):
            end = parts[name][-size:]
            if sum(other[-size:] == end for other in parts.values()) == 1:
                return ".".join(end)
        return name

    return {name: shortest(name) for name in parts}


def worded(value: Any) -> str:
    """Word a setting's value as names show it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(each, str | Mapping) for each in value):
        return "+".join(worded(each) for each in value)
    if isinstance(value, Mapping):
        rest = ", ".join(f"{name}={worded(inner)}" for name, inner in value.items() if name != "name")
        name = str(value.get("name", ""))
        return f"{name}({rest})" if rest else name
    return json.dumps(value, separators=(",", ":"))


def compact(path: str, written: Any, tree: Tree) -> Any:
    """Give what was `written` at `path`, in one word if its settings have one that says more (a file, its digest).

    Args:
        tree: settings that say which variants stand where.
    """
    field = field_at(Settings, path, tree)
    checked = _checked(field, written) if field else written
    return str(checked) if isinstance(checked, Compact) else written


def _text(written: Any, checked: Any) -> str:
    """Word a level: a variant as it was written, anything else in the form its check gave it (20.0 is 20)."""
    if isinstance(checked, Compact):
        return str(checked)
    first = checked[0] if isinstance(checked, tuple) and checked else checked
    return worded(written if isinstance(first, BaseModel) else checked)


def _checked(field: FieldInfo, written: Any) -> Any:
    """Give `written` as the field would hold it; as it is, if the field would refuse it."""
    try:
        return TypeAdapter(type_of(field)).validate_python(written)
    except ValidationError:
        return written
