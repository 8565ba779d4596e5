"""A small study to resolve, changed as a test asks."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from experiments.read import read_spec
from experiments.spec import Spec

SPEC = """\
question: {ask: 'Do more tokens help?'}
claim:
  says: {which: any, direction: better}
  smallest: 1.0
profile: smoke
design: sweep
control: {model.tokens.count: 20}
factors:
  model.tokens.count: [5, 20]
seeds: 2
"""

WriteSpec = Callable[..., Spec]
Answers = Callable[[str, str], None]
Answer = Callable[[str], None]


@pytest.fixture
def write_spec(tmp_path: Path) -> WriteSpec:
    """Give a function that writes and reads a spec; its name, a text and lines to replace can be given."""

    def write(replaced: dict[str, str] | None = None, added: str = "", name: str = "asked", text: str = SPEC) -> Spec:
        text += added
        for old, new in (replaced or {}).items():
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        return read_spec(path)

    return write


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Give a function that makes a program of SLURM: its name and the shell that it runs; each call is noted."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    (tmp_path / "bin").mkdir()

    def make(program: str, shell: str) -> None:
        path = tmp_path / "bin" / program
        path.write_text(f"#!/bin/sh\necho called >> {tmp_path}/calls\n{shell}\n")
        path.chmod(0o755)

    return make


@pytest.fixture
def squeue(answers: Answers) -> Answer:
    """Give a function that says what a `squeue` on the path does."""
    return partial(answers, "squeue")
