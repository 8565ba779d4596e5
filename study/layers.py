"""Layers of settings laid over each other, checked, and the message traced to the layer that caused it."""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from experiments.lines import Layer
from experiments.place import field_at, names_at, section_of
from experiments.problem import Problem, SpecError, wording
from experiments.tree import Tree, leaves, merge
from models.settings import Frozen

Root = TypeVar("Root", bound=Frozen)


def stack(layers: Sequence[Layer]) -> Tree:
    """Lay the trees of `layers` over each other, the last one on top."""
    below: Tree = {}
    return reduce(merge, (layer.tree for layer in layers), below)


def settle(root: type[Root], layers: Sequence[Layer]) -> Root:
    """Check what the layers say together.

    Raises:
        SpecError: every problem, each pointing at the topmost layer that names what is wrong.
    """
    tree = stack(layers)
    no_groups = [problem for layer in layers for problem in _no_groups(root, layer, tree)]
    if no_groups:
        raise SpecError(no_groups)
    try:
        return root.model_validate(tree)
    except ValidationError as error:
        raise SpecError(_problem(root, layers, tree, details) for details in error.errors()) from error


def _no_groups(root: type[Frozen], layer: Layer, tree: Tree) -> Iterator[Problem]:
    """Find single values in place of a group of settings: a layer above would hide them, and all that is below."""
    for path, value in leaves(layer.tree):
        field = field_at(root, path, tree)
        section = section_of(field) if field else None
        if section and not isinstance(value, Mapping | section):
            there = ", ".join(section.model_fields)
            text = (
                f"{path}: must be a group of settings, but got {value!r}. There are: {there}. Name one, or remove it."
            )
            yield Problem(layer.where(path), text)


def _problem(root: type[Frozen], layers: Sequence[Layer], tree: Tree, details: ErrorDetails) -> Problem:
    path = ".".join(str(part) for part in details["loc"])
    text = wording(details, path, "setting", names_at(root, path, tree))
    if details["type"] == "value_error":  # what is wrong with several settings together names the one to look at first
        rule = str(details["ctx"]["error"])
        named = ".".join(filter(None, (path, rule.partition(": ")[0])))
        if field_at(root, named, tree) is not None:
            path, text = named, f"{named}: {rule.partition(': ')[2]}"
    blamed = max(reversed(layers), key=lambda layer: layer.says(path))
    return Problem(blamed.where(path), text)
