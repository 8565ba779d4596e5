"""YAML read safely, keeping the line of everything it says.

Scalars follow YAML 1.2: `3e-4` is a number, `no` and `on` are words. Tags, aliases and keys given twice are refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from experiments.problem import Problem, SpecError
from experiments.tree import Tree

_NUMBER = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
_SCALARS = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]{1,30}",
    "float": rf"{_NUMBER}|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}
_FIRST_CHARACTERS = ["", *"~nNtTfF-+.0123456789"]
_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """Composes nodes with YAML 1.2 scalars; never constructs an object."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own form

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refusal(f"alias *{event.anchor} is not read here. Write the value out", event)
        if getattr(event, "tag", None) is not None:
            raise _refusal(f"tag {event.tag} is not read here. Write a plain value", event)
        return super().compose_node(parent, index)


def _refusal(text: str, event: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=text, problem_mark=event.start_mark)


for _name, _pattern in _SCALARS.items():
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(f"^(?:{_pattern})$"), _FIRST_CHARACTERS)


@dataclass(frozen=True)
class Layer:
    """What one place says: a whole file, a part of it, or an option of the command line.

    Attributes:
        source: what messages call the place.
        tree: what it says.
        lines: dotted path -> line from 1, or 0 where the place has no lines.
    """

    source: str
    tree: Tree
    lines: Mapping[str, int] = field(default_factory=dict)

    def where(self, path: str) -> str:
        """Name the place of `path`, or of the nearest thing in or above it: ``"experiments/components.yaml:12"``."""
        line = self.lines.get(path) or next((line for inner, line in self.lines.items() if _lies_in(inner, path)), 0)
        if not line and path:
            return self.where(path.rpartition(".")[0])
        return f"{self.source}:{line}" if line else self.source

    def says(self, path: str) -> int:
        """Count how many parts of `path` this layer names; all of them, if it names something in `path`."""
        while path and path not in self.lines and not any(_lies_in(inner, path) for inner in self.lines):
            path = path.rpartition(".")[0]
        return path.count(".") + 1 if path else 0

    def part(self, prefix: str, tree: Tree) -> "Layer":
        """Give `tree` as a layer whose paths are those of this one below `prefix`."""
        start = f"{prefix}."
        own = {path.removeprefix(start): line for path, line in self.lines.items() if path.startswith(start)}
        return Layer(self.source, tree, own)


def read(path: Path) -> Layer:
    """Read the mapping in a YAML file.

    Raises:
        SpecError: it cannot be opened, is no YAML, holds no mapping, or gives a key twice.
    """
    source = shown(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SpecError([Problem(source, f"cannot be read: {reason}. Give the path of a YAML file.")]) from error
    node = _compose(text, source)
    if not isinstance(node, yaml.MappingNode):
        there = {yaml.SequenceNode: "a list", yaml.ScalarNode: "one value"}.get(type(node), "nothing")
        raise SpecError([Problem(source, f"must hold a mapping (`question: ...`), but holds {there}.")])
    reading = _Reading(source)
    tree = reading.plain(node, "")
    if reading.problems:
        raise SpecError(reading.problems)
    return Layer(source, tree, reading.lines)


def value(text: str, source: str) -> Any:
    """Read one value as YAML would: ``"3e-4"`` -> 0.0003.

    Raises:
        SpecError: `text` is no YAML.
    """
    node = _compose(text, source)
    reading = _Reading(source)
    plain = None if node is None else reading.plain(node, "")
    if reading.problems:
        raise SpecError(reading.problems)
    return plain


def shown(path: Path) -> str:
    """Name `path` as messages do: from the current folder if it lies there."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)


def _compose(text: str, source: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        context = f" {error.context} that begins in line {error.context_mark.line + 1}" if error.context_mark else ""
        text = f"cannot be read as YAML{context}: {error.problem}. Correct it there, or where it begins."
        raise SpecError([Problem(f"{source}:{line}", text)]) from error
    except yaml.reader.ReaderError as error:
        raise SpecError([Problem(source, f"cannot be read as YAML: {error.reason}.")]) from error
    except RecursionError as error:
        raise SpecError([Problem(source, "cannot be read as YAML: it is nested too deeply.")]) from error


class _Reading:
    """One walk over a document's nodes."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []

    def plain(self, node: yaml.Node, path: str) -> Any:
        """Turn a node into plain values and note the lines of what is inside."""
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._inner(item, item, path, str(index)) for index, item in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: str) -> Tree:
        tree: Tree = {}
        first: dict[str, int] = {}
        for key, content in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(Problem(f"{self.source}:{line}", "a key must be a word, not a list or mapping."))
            elif key.value in first:
                text = f"{_join(path, key.value)}: given twice, first on line {first[key.value]}. Keep one."
                self.problems.append(Problem(f"{self.source}:{line}", text))
            else:
                first[key.value] = line
                tree[key.value] = self._inner(key, content, path, key.value)
        return tree

    def _inner(self, mark: yaml.Node, node: yaml.Node, path: str, name: str) -> Any:
        inner = _join(path, name)
        self.lines.setdefault(inner, mark.start_mark.line + 1)
        return self.plain(node, inner)


def _lies_in(inner: str, path: str) -> bool:
    return inner.startswith(f"{path}.")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    match node.tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text)
        case "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        case _:
            return text
