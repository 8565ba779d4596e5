"""What is wrong with a spec, a profile or a setting, said in one form: where, what, the nearest name, what there is.

experiments/token_count_sweep.yaml:7  model.tokens.cuont: no such setting. Did you mean 'count'? There are: ...
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydantic_core import ErrorDetails

from models import catalog
from models.errors import UserError

_RULE = re.compile(r"^(Input|\w+) should ")
"""How pydantic begins what it says of a value: "Input should be ...", "List should have ..."."""

_CLASS = re.compile(r" or instance of \w+")
"""How it ends where the value may be an object too."""

_WORDS = {"a valid dictionary": "a mapping", "a valid tuple": "a list", "a valid list": "a list"}


class Problem(NamedTuple):
    """One thing that is wrong: `where` is a file with its line or a command-line option."""

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}  {self.text}"


class SpecError(UserError):
    """A spec, a profile or an override that cannot be used; the message has one line for each problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def unknown(path: str, what: str, there: Iterable[str]) -> str:
    """Word that the last part of `path` is no `what`, with the nearest name and what there is."""
    parent, _, name = path.rpartition(".")
    return (f"{parent}." if parent else "") + catalog.unknown(name, what, there)


def wording(error: ErrorDetails, path: str, what: str, there: Sequence[str]) -> str:
    """Word one of pydantic's errors as the project does.

    Args:
        path: dotted, as the reader of the message knows it.
        what: the word for what stands at `path`: "setting", "key".
        there: the names that stand beside it.
    """
    if error["type"] == "extra_forbidden":
        return unknown(path, what, there)
    if error["type"] == "missing":
        return f"{path}: this {what} is missing and has no default. Add it."
    if error["type"] == "value_error":
        return f"{path}: {error['ctx']['error']}"
    rule = _RULE.sub("must ", error["msg"]).partition(" after validation")[0]
    rule = _CLASS.sub("", rule)
    for theirs, ours in _WORDS.items():
        rule = rule.replace(theirs, ours)
    return f"{path}: {rule}, but got {_short(error['input'])}. Change it."


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
