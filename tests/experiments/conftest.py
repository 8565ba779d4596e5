"""A spec to change in one place."""

from collections.abc import Callable
from pathlib import Path

import pytest

SPEC = """\
question: {ask: 'Do more tokens help?'}
claim:
  says: {which: any, direction: better}
  smallest: 1.0
design: sweep
control: {model.tokens.count: 20}
factors:
  model.tokens.count: [5, 20]
seeds: 2
"""

WriteSpec = Callable[..., Path]


@pytest.fixture
def write_spec(tmp_path: Path) -> WriteSpec:
    """Give a function that writes a small spec, its lines replaced as asked, and returns its path."""

    def write(replaced: dict[str, str] | None = None, added: str = "", name: str = "asked.yaml") -> Path:
        text = SPEC + added
        for old, new in (replaced or {}).items():
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text)
        return path

    return write
