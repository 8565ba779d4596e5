"""Settings as nested mappings before they are checked: how dotted names nest and how one writing lies over another.

A name that stands for a mapping names a variant: `fusion: mctf` is `fusion: {name: mctf}`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

Tree = dict[str, Any]


def nest(written: Mapping[str, Any]) -> Tree:
    """Nest dotted names.

    Example:
        ``{"optim.lr": 1e-3, "optim": {"batch": 8}}`` -> ``{"optim": {"lr": 1e-3, "batch": 8}}``
    """
    tree: Tree = {}
    for path, value in written.items():
        inner = nest(value) if isinstance(value, Mapping) else value
        for part in reversed(path.split(".")):
            inner = {part: inner}
        tree = merge(tree, inner)
    return tree


def leaves(written: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """List dotted path and value of everything in `written` that is not a mapping (or is an empty one)."""
    for name, value in written.items():
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(value, Mapping) and value:
            yield from leaves(value, path)
        else:
            yield path, value


def given_twice(written: Mapping[str, Any]) -> list[str]:
    """Name the settings that `written` gives in two spellings: dotted and nested, or `fusion` and `fusion.name`."""
    counts = Counter(path.removesuffix(".name") for path, _ in leaves(written))
    return [path for path, count in counts.items() if count > 1]


def merge(below: Any, above: Any) -> Any:
    """Lay `above` over `below`: mappings are merged, anything else is replaced.

    A mapping that names another variant replaces the whole of what it names, because the settings of one variant mean
    nothing to another; one of the same name, or without a name, changes only what it says.
    """
    if isinstance(below, str) and isinstance(above, dict):
        below = {"name": below}
    if isinstance(above, str) and isinstance(below, dict):
        above = {"name": above}
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    if "name" in below and "name" in above and below["name"] != above["name"]:
        return above
    return below | {name: merge(below[name], value) if name in below else value for name, value in above.items()}


def at(tree: Any, path: str) -> Any:
    """Give what `tree` says at a dotted `path`, or None."""
    for part in path.split("."):
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return tree
