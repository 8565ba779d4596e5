"""Lists from pickles that others wrote: nothing but lists, strings, numbers and NumPy arrays of them is let in.

A pickle is a program. This reader looks up no name that the program asks for: the few that NumPy's arrays need are
replaced by functions of this file, and everything else is refused before it is imported.
"""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.clip import DataError

DEEPEST = 3  # lists of lists are needed; deeper ones can unfold from a small file to fill the memory
PLAIN_KINDS = "biufUS"


class UnsafePickle(DataError):
    """A pickle that asks for code, holds something other than lists, or is damaged."""


def load(path: Path) -> Any:
    """Read nested lists of strings and numbers from the pickle at `path`; arrays and tuples come as lists.

    Raises:
        UnsafePickle: it asks for anything else (nothing was executed), or cannot be read.
        DataError: there is no such file.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file. A pickled list is expected there. Check the folder and the file names.")
    with path.open("rb") as file:
        try:
            return _plain(_Reader(file, encoding="latin1").load())
        except UnsafePickle as error:
            raise UnsafePickle(
                f"{path}: refused, {error}. Only lists, strings, numbers and NumPy arrays of them are read, and "
                f"nothing was executed. Write the lists again without other objects."
            ) from None
        except Exception as error:  # a damaged pickle can raise anything
            raise UnsafePickle(
                f"{path}: not a pickle that can be read ({type(error).__name__}: {error}). "
                f"A pickled list is expected there. Copy or write the file again."
            ) from error


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        replacement = REPLACEMENTS.get((module.replace("numpy._core", "numpy.core"), name))
        if replacement is None:
            raise UnsafePickle(f"it asks for {module}.{name}")
        return _Call(replacement)

    def persistent_load(self, pid: Any) -> Any:
        raise UnsafePickle("it refers to an object outside itself")


class _Call:
    """A function as the pickle sees it: a new one at every mention, so that it can spoil nothing that lasts."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)


class _Dtype:
    """What is kept of a pickled dtype: its code and its byte order."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code = str(code)
        self.order = ""

    def __setstate__(self, state: Any) -> None:
        self.order = state[1] if state[1] in ("<", ">") else ""

    def values(self, content: Any, shape: Any, order: Any = "C") -> Any:
        """Give the nested lists (or, without a shape, the number) that `content` stands for."""
        if self.code.startswith("O"):
            if not isinstance(content, list) or len(shape) != 1:
                raise UnsafePickle("it holds an array of objects that is no list")
            return content
        dtype = np.dtype(self.order + self.code)
        if dtype.kind not in PLAIN_KINDS:
            raise UnsafePickle(f"it holds an array of type {self.code}")
        raw = content.encode("latin1") if isinstance(content, str) else bytes(content)
        return np.frombuffer(raw, dtype).reshape(shape, order=order).tolist()


class _Array:
    """A pickled array: empty where it is created, filled where its state follows."""

    values: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, is_fortran, content = state
        self.values = dtype.values(content, shape, "F" if is_fortran else "C")


def _array(*_: Any) -> _Array:
    return _Array()


def _array_of_buffer(content: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    array = _Array()
    array.values = dtype.values(content, shape, order)
    return array


def _scalar(dtype: Any, content: Any) -> Any:
    return dtype.values(content, ())


def _bytes(text: Any, *_: Any) -> bytes:
    return bytes(text.encode("latin1"))


REPLACEMENTS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _array,
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _array_of_buffer,
    ("_codecs", "encode"): _bytes,
}


def _plain(value: Any, depth: int = 0) -> Any:
    """Turn what was read into nested lists, refusing every other thing that a pickle can hold without code."""
    if isinstance(value, _Array):
        value = value.values
    if isinstance(value, str | bool | int | float):
        return value
    if not isinstance(value, list | tuple):
        raise UnsafePickle(f"it holds a {type(value).__name__.lstrip('_')}")
    if depth == DEEPEST:
        raise UnsafePickle(f"it holds lists nested deeper than {DEEPEST}")
    return [_plain(item, depth + 1) for item in value]
