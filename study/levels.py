"""The levels of a study's factors: each checked where it would stand, and worded once, as names and charts show it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from experiments import place
from experiments.lines import Layer
from experiments.problem import Problem, unknown, wording
from experiments.spec import Spec
from experiments.tree import Tree, at, given_twice, leaves, merge, nest
from study.settings import Settings

Value = bool | int | float | str | None
_FINITE = ConfigDict(allow_inf_nan=False)


@dataclass(frozen=True)
class Level:
    """One level of a factor.

    Attributes:
        text: as names show it: ``"20"``, ``"mctf(drop_path=0.2)"``.
        value: as the ledger records it: the setting itself where it is one value, else `text`.
        layer: the settings that it stands for.
    """

    text: str
    value: Value
    layer: Layer


@dataclass(frozen=True)
class Factor:
    """One thing that is varied: a setting's dotted path, or a name for groups of settings."""

    name: str
    levels: tuple[Level, ...]

    def level(self, text: str) -> Level:
        """Give the level that is shown as `text`."""
        return next(level for level in self.levels if level.text == text)


class LevelReader:
    """Read the factors and the control of one spec; problems and notes are collected.

    Args:
        below: the settings under the levels (profile, spec, command line); they say which variants stand where.
    """

    def __init__(self, spec: Spec, below: Tree) -> None:
        self.spec = spec
        self.below = below
        self.problems: list[Problem] = []
        self.notes: list[str] = []

    def factors(self) -> list[Factor]:
        """Read all factors; those whose name or levels are wrong are left out, and said."""
        read = (
            self._named(name, levels) if isinstance(levels, Mapping) else self._listed(name, levels)
            for name, levels in self.spec.factors.items()
        )
        return [factor for factor in read if factor]

    def control(self, factors: Iterable[Factor]) -> dict[str, str]:
        """Give the text of the control's level of each factor."""
        levels = {factor.name: self._control_level(factor) for factor in factors}
        for name in self.spec.control:
            if name not in self.spec.factors:
                self._problem(f"control.{name}", unknown(name, "factor", self.spec.factors))
        return {name: level for name, level in levels.items() if level is not None}

    def _control_level(self, factor: Factor) -> str | None:
        where = f"control.{factor.name}"
        there = [level.text for level in factor.levels]
        if factor.name not in self.spec.control:
            text = f"control.{factor.name}: the control has no level of this factor. There are: {', '.join(there)}."
            self._problem("control", text)
            return None
        written = self.spec.control[factor.name]
        field = place.field_at(Settings, factor.name, self.below)
        asked = _text(written, _checked(field, written) if field and not isinstance(written, Mapping) else written)
        if asked not in there:
            self._problem(where, f"{where}: the control is not among the levels: {unknown(asked, 'level', there)}")
            return None
        return asked

    def _listed(self, path: str, written: list[Any]) -> Factor | None:
        where = f"factors.{path}"
        field = place.field_at(Settings, path, self.below)
        if field is None:
            self._problem(where, unknown(path, "setting", place.names_at(Settings, path, self.below)))
            return None
        section = place.section_of(field)
        if section:
            text = f"{path}: a factor is one setting, but this is a group of them: {', '.join(section.model_fields)}."
            self._problem(where, text)
            return None
        found = [self._level(f"{where}.{index}", path, field, item) for index, item in enumerate(written)]
        return self._factor(path, [level for level in found if level])

    def _level(self, where: str, path: str, field: FieldInfo, written: Any) -> Level | None:
        problems = _problems(field, path, merge(at(self.below, path), written), written)
        for text in problems:
            self._problem(where, text)
        if problems:
            return None
        checked = _checked(field, written)
        text = _text(written, checked)
        one_value = checked is None or isinstance(checked, bool | int | float | str)
        own = Layer(self.spec.source, nest({path: written}), {path: self._line(where)})
        return Level(text, checked if one_value else text, own)

    def _named(self, name: str, written: Mapping[str, Tree]) -> Factor | None:
        return self._factor(name, [self._group(name, level, tree) for level, tree in written.items()])

    def _group(self, name: str, level: str, tree: Tree) -> Level:
        where = f"factors.{name}.{level}"
        for path in given_twice(tree):
            self._problem(f"{where}.{path}", f"{path}: given twice, in two spellings. Keep one.")
        part = self.spec.layer.part(where, nest(tree))
        under = merge(self.below, part.tree)
        for path, value in leaves(part.tree):
            self._check_leaf(f"{where}.{path}", path, value, under)
        lines = {path: part.lines.get(path, self._line(where)) for path, _ in leaves(part.tree)}
        return Level(level, level, Layer(self.spec.source, part.tree, {**part.lines, **lines}))

    def _check_leaf(self, where: str, path: str, value: Any, under: Tree) -> None:
        field = place.field_at(Settings, path, under)
        if field is None:
            self._problem(where, unknown(path, "setting", place.names_at(Settings, path, under)))
            return
        for text in _problems(field, path, at(under, path), value):
            self._problem(where, text)

    def _factor(self, name: str, levels: list[Level]) -> Factor | None:
        kept: dict[str, Level] = {}
        for level in levels:
            earlier = kept.setdefault(level.text, level)
            if earlier is not level and earlier.value == level.value:
                self.notes.append(f"{name}: level {level.text} is given twice; it is trained once.")
            elif earlier is not level:
                self._problem(f"factors.{name}", f"{name}: two levels are both called {level.text}. Rename one.")
        return Factor(name, tuple(kept.values())) if kept else None

    def _line(self, path: str) -> int:
        while path and path not in self.spec.lines:
            path = path.rpartition(".")[0]
        return self.spec.lines.get(path, 0)

    def _problem(self, path: str, text: str) -> None:
        self.problems.append(Problem(self.spec.layer.where(path), text))


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Give each dotted name its shortest suffix that no other one has.

    Example:
        ``model.tokens.count, optim.lr`` -> ``count, lr``
    """
    parts = {name: name.split(".") for name in names}

    def suffix(name: str) -> str:
        for size in range(1, len(parts[name])):
            end = parts[name][-size:]
            if sum(other[-size:] == end for other in parts.values()) == 1:
                return ".".join(end)
        return name

    return {name: suffix(name) for name in parts}


def worded(value: Any) -> str:
    """Word a value as names show it."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        rest = ", ".join(f"{name}={worded(inner)}" for name, inner in value.items() if name != "name")
        name = str(value.get("name", ""))
        return f"{name}({rest})" if rest else name
    return json.dumps(value, separators=(",", ":"))


def _text(written: Any, checked: Any) -> str:
    """Word a level: a variant as it was written, anything else in the form its check gave it (20.0 is 20)."""
    return worded(written if isinstance(checked, BaseModel) else checked)


def _adapter(field: FieldInfo) -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[(field.annotation, *field.metadata)], config=_FINITE)  # type: ignore[misc]


def _checked(field: FieldInfo, written: Any) -> Any:
    """Give `written` as the field would hold it; as it is, if the field would refuse it."""
    try:
        return _adapter(field).validate_python(written)
    except ValidationError:
        return written


def _problems(field: FieldInfo, path: str, value: Any, written: Any) -> list[str]:
    """Word what is wrong with `value` at `path`."""
    try:
        _adapter(field).validate_python(value)
    except ValidationError as error:
        return [
            wording(
                details,
                ".".join(str(part) for part in (path, *details["loc"])),
                "setting",
                place.names_at(Settings, ".".join(map(str, (path, *details["loc"]))), nest({path: value})),
            )
            for details in error.errors()
        ]
    return []
