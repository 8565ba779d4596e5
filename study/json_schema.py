"""JSON Schema of specs and profiles, with which editors complete and check them while they are written.

Every setting of every variant is in it, nested and under its dotted name. A file says which schema it follows in its
first line: ``# yaml-language-server: $schema=schema.json``.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from experiments.place import section_of, type_of, variant_of
from experiments.read import FOLDER, PROFILES, ProfileFile, profiles
from experiments.spec import SpecFile
from models import catalog
from models.settings import Frozen, Variant
from results.files import writing
from study.settings import Settings
from study.tries import TUNABLE

Schema = dict[str, Any]
FILE = "schema.json"
_DEFINED = {"study.prune": "prune"}
"""Folders whose files name others of the same folder -> where they are described, once."""
_DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def write(specs: Path = FOLDER, own_profiles: Path = PROFILES) -> Path:
    """Write `schema.json` beside the specs and beside the profiles; return the path of the former."""
    for folder, schema in ((own_profiles, of_profiles()), (specs, of_specs())):
        with writing(folder / FILE):
            (folder / FILE).write_text(worded(schema), encoding="utf-8")
    return specs / FILE


def worded(schema: Schema) -> str:
    """Write a schema as its file holds it."""
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def of_specs() -> Schema:
    """Give the schema of a spec."""
    schema = SpecFile.model_json_schema()
    levels = {path: _ref(path) for path, fields in _paths().items() if not section_of(fields[0])}
    group = {"type": "object", "minProperties": 1, "additionalProperties": _ref("settings")}
    lists = {path: {"type": "array", "minItems": 1, "items": ref} for path, ref in levels.items()}
    tune = schema["$defs"].pop("Tune")
    design = FieldInfo.from_annotation(Annotated[Frozen, Variant("study.design")])  # type: ignore[arg-type]
    prune = FieldInfo.from_annotation(Annotated[Frozen, Variant("study.prune", key="pruner")])  # type: ignore[arg-type]
    schema["properties"] |= {
        "profile": {"enum": profiles(), "default": SpecFile.model_fields["profile"].default},
        "design": _schema(design),
        "prune": _ref(_DEFINED["study.prune"]) | {"description": SpecFile.model_fields["prune"].description},
        "settings": _ref("settings"),
        "control": {"type": "object", "properties": levels, "additionalProperties": {"type": ["string", "number"]}},
        "factors": {
            "type": "object",
            "minProperties": 1,
            "properties": lists,
            "additionalProperties": group,
        },
        "tune": tune
        | {
            "minProperties": 1,
            "properties": tune["properties"]
            | {path: each for path, each in lists.items() if path.partition(".")[0] in TUNABLE},
            "additionalProperties": False,
        },
        "charts": {"type": "array", "items": {"enum": catalog.names("reports.chart")}},
    }
    own = {_DEFINED["study.prune"]: _schema(prune, _DEFINED["study.prune"])}
    return {**_DIALECT, **schema, "$defs": schema.get("$defs", {}) | _definitions() | own}


def of_profiles() -> Schema:
    """Give the schema of a profile."""
    schema = ProfileFile.model_json_schema()
    schema["properties"] |= {path: _ref(path) for path in _paths()} | {"extends": {"enum": profiles()}}
    return {**_DIALECT, **schema, "$defs": _definitions()}


def _definitions() -> Schema:
    """Define every dotted path, and `settings`: any of them."""
    defined = {path: _any_of([_schema(field, path) for field in fields]) for path, fields in _paths().items()}
    return defined | {"settings": _object({path: _ref(path) for path in defined})}


def _paths() -> dict[str, list[FieldInfo]]:
    """Give the fields that each dotted path can name: several, where variants have a setting of one name."""
    paths: dict[str, list[FieldInfo]] = defaultdict(list)
    for path, field in _fields(Settings, ""):
        paths[path].append(field)
    return dict(paths)


def _fields(root: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in root.model_fields.items():
        path = f"{prefix}{name}"
        yield path, field
        for inside in (section_of(field), *_variants(field)):
            if inside:
                yield from _fields(inside, f"{path}.")


def _variants(field: FieldInfo) -> list[type[BaseModel]]:
    variant = variant_of(field)
    return [catalog.load(variant.package, name).Settings for name in catalog.names(variant.package)] if variant else []


def _schema(field: FieldInfo, path: str = "") -> Schema:
    """Describe one field; its inner settings by reference, if its `path` is known."""
    described: Schema = {"description": field.description} if field.description else {}
    section, variant = section_of(field), variant_of(field)
    if section:
        return {"description": section.__doc__} | described | _inside(section, path)
    if variant and path != _DEFINED.get(variant.package, path):
        return described | _ref(_DEFINED[variant.package])
    if variant:
        one = {"anyOf": [{"enum": catalog.names(variant.package)}, *map(_inside, _variants(field))]}
        return described | ({"anyOf": [*one["anyOf"], {"type": "array", "items": one}]} if variant.several else one)
    if field.default is not PydanticUndefined:
        described["default"] = to_jsonable_python(field.default)
    return TypeAdapter(type_of(field)).json_schema() | described


def _inside(settings: type[BaseModel], path: str = "") -> Schema:
    fields = settings.model_fields.items()
    return _object({name: _ref(f"{path}.{name}") if path else _schema(field) for name, field in fields})


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _any_of(schemas: list[Schema]) -> Schema:
    distinct = [schema for index, schema in enumerate(schemas) if schema not in schemas[:index]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _ref(path: str) -> Schema:
    return {"$ref": f"#/$defs/{path}"}
