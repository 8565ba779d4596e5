"""The form of every setting in the project: frozen, fully checked, and known to be in or out of a phase's key.

A setting's class stands beside the code that reads it. Here is only what those classes share.
"""

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from models import catalog


class Frozen(BaseModel):
    """Settings that nothing writes to and that admit no unknown name."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, use_attribute_docstrings=True
    )


class Compact(Frozen):
    """Settings that people write as one value, from which the others follow; `str` of them says it in names."""


def outside(default: Any, **constraints: Any) -> Any:
    """Declare a field that cannot change the numbers (workers, device, a path) and so stays out of the key."""
    return Field(default, json_schema_extra={"outside_key": True}, **constraints)


def named(name: str) -> Any:
    """Give a `Variant` field its default; like every value, the name becomes the settings of that file."""
    return name


def key_content(settings: BaseModel) -> dict[str, Any]:
    """Dump `settings` with every default and without the fields that are marked `outside`."""
    content: dict[str, Any] = {}
    for name, field in type(settings).model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get("outside_key"):
            continue
        value = getattr(settings, name)
        content[name] = key_content(value) if isinstance(value, BaseModel) else _plain(value)
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return key_content(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


class Variant:
    """Mark a field that names one file of `package`: ``"mctf"`` or ``{"name": "mctf", "drop_path": 0.1}``.

    With `several` the field is a tuple, and may be written as a list of them; their order means nothing. `key` is what
    the file is named by in a mapping.

    Example:
        ``fusion: Annotated[SerializeAsAny[Frozen], *Variant.of("models.fusion")]``
    """

    def __init__(self, package: str, several: bool = False, key: str = "name") -> None:
        self.package = package
        self.several = several
        self.key = key

    @classmethod
    def of(cls, package: str, several: bool = False, key: str = "name") -> tuple["Variant", BeforeValidator]:
        """Give the mark and the validator that turns a name into the named file's ``Settings``."""
        mark = cls(package, several, key)
        return mark, BeforeValidator(mark.resolve_all if several else mark.resolve)

    def resolve(self, value: Any) -> Any:
        """Turn a name, or a mapping with a name, into the settings of that variant.

        Raises:
            ValueError: there is no name.
            UnknownName: the folder holds no such file (reported by pydantic as a value error).
        """
        if isinstance(value, Frozen):
            return value
        tree = {self.key: value} if isinstance(value, str) else value
        if not isinstance(tree, dict) or not isinstance(tree.get(self.key), str):
            raise ValueError(f"must be a name or a mapping with a {self.key}, but got {value!r}.")
        try:
            module = catalog.load(self.package, tree[self.key])
        except catalog.UnknownName as error:
            raise ValueError(str(error)) from error
        return module.Settings.model_validate(tree)

    def resolve_all(self, value: Any) -> tuple[Any, ...]:
        """Turn one or several of what `resolve` takes into settings, sorted by name.

        Raises:
            ValueError: there is none, or one is named twice; and as `resolve`.
        """
        resolved = [self.resolve(each) for each in (value if isinstance(value, list | tuple) else [value])]
        names = [each.name for each in resolved]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"must name at least one, and each once, but got {names}.")
        return tuple(sorted(resolved, key=lambda each: each.name))
