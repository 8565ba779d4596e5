"""Layers of settings laid over each other, checked, and the message traced to the layer that caused it."""

from collections.abc import Sequence
from functools import reduce
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from experiments.lines import Layer
from experiments.place import names_at
from experiments.problem import Problem, SpecError, wording
from experiments.tree import Tree, merge
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
    try:
        return root.model_validate(tree)
    except ValidationError as error:
        raise SpecError(_problem(root, layers, tree, details) for details in error.errors()) from error


def _problem(root: type[Frozen], layers: Sequence[Layer], tree: Tree, details: ErrorDetails) -> Problem:
    path = ".".join(str(part) for part in details["loc"])
    blamed = max(reversed(layers), key=lambda layer: layer.says(path))
    return Problem(blamed.where(path), wording(details, path, "setting", names_at(root, path, tree)))
