"""A phase's key: SHA-256 over canonical JSON of everything that can change its numbers.

Defaults are part of it, so that a changed default never re-labels an old result. Fields marked
`models.settings.outside` (workers, device, paths) are not.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from results.files import canonical

NUMERICS = 3
"""Raised in a commit that changes results on purpose; golden losses in the tests say when."""

KEY_FIELDS = ("numerics", "kind", "settings", "seed", "replicate", "data", "parents")


def key_of(content: Mapping[str, Any]) -> str:
    """Hash the fields of `content` that belong to the key; other fields are ignored.

    Args:
        content: what `settings.json` of a run holds: at least `KEY_FIELDS`.

    Raises:
        KeyError: a field is missing.
    """
    hashed = {field: content[field] for field in KEY_FIELDS}
    return hashlib.sha256(canonical(hashed).encode()).hexdigest()
