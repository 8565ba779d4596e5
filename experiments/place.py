"""What stands at a dotted path of a settings class, variants included: which names there are, and what one holds."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from models import catalog
from models.settings import Compact, Variant


def names_at(root: type[BaseModel], path: str, tree: Any) -> list[str]:
    """List the names that may stand where the last part of `path` stands; none if its parent holds no names.

    Args:
        tree: settings as nested mappings; they say which variant stands where.
    """
    inside = _class_at(root, path.split(".")[:-1], tree)
    return list(inside.model_fields) if inside else []


def field_at(root: type[BaseModel], path: str, tree: Any) -> FieldInfo | None:
    """Give the field that `path` names, or None if there is no such setting."""
    *parents, name = path.split(".")
    inside = _class_at(root, parents, tree)
    return inside.model_fields.get(name) if inside else None


def type_of(field: FieldInfo) -> Any:
    """Give the type of a field with its constraints."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def variant_of(field: FieldInfo) -> Variant | None:
    """Give the mark of a field that names one file of a folder, or None."""
    return next((mark for mark in field.metadata if isinstance(mark, Variant)), None)


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Give the class of a field that holds further settings under fixed names, or None."""
    found = (each for each in _classes(field) if issubclass(each, BaseModel) and not issubclass(each, Compact))
    return None if variant_of(field) else next(found, None)


def _classes(field: FieldInfo) -> list[type]:
    candidates = (field.annotation, *get_args(field.annotation))
    return [each for each in candidates if isinstance(each, type)]


def _class_at(root: type[BaseModel], parts: Sequence[str], tree: Any) -> type[BaseModel] | None:
    inside: type[BaseModel] | None = root
    for part in parts:
        field = inside.model_fields.get(part) if inside else None
        if field is None:
            return None
        tree = tree.get(part) if isinstance(tree, Mapping) else None
        inside = _class_of(field, tree if tree is not None else field.get_default(call_default_factory=True))
    return inside


def _class_of(field: FieldInfo, held: Any) -> type[BaseModel] | None:
    variant = variant_of(field)
    if variant is None:
        return section_of(field)
    if isinstance(held, list | tuple):  # several variants: what is inside has a dotted path only if there is one
        held = held[0] if len(held) == 1 else None
    if isinstance(held, BaseModel):
        return type(held)
    name = held.get(variant.key) if isinstance(held, Mapping) else held
    if not isinstance(name, str):
        return None
    try:
        settings: type[BaseModel] = catalog.load(variant.package, name).Settings
    except catalog.UnknownName:
        return None
    return settings
