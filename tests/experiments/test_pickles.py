"""The restricted pickle reader: lists come through, code does not."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.clip import DataError
from experiments.pickles import UnsafePickle, load


def written(folder: Path, content: Any, protocol: int = 4) -> Path:
    path = folder / "list.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", range(6))
def test_lists_strings_numbers_and_arrays_of_them_are_read(tmp_path: Path, protocol: int) -> None:
    table = np.arange(6).reshape(2, 3)
    content = [
        ["a/b.mp4", 1, 2.5],
        (np.int64(7), np.float32(0.5)),
        table,
        np.asfortranarray(table),
        np.array(["chest", "neck"]),
        table.astype(">i2"),
        np.array([[1], [2, 3]], dtype=object),
    ]

    assert load(written(tmp_path, content, protocol)) == [
        ["a/b.mp4", 1, 2.5],
        [7, 0.5],
        [[0, 1, 2], [3, 4, 5]],
        [[0, 1, 2], [3, 4, 5]],
        ["chest", "neck"],
        [[0, 1, 2], [3, 4, 5]],
        [[1], [2, 3]],
    ]


class Command:
    def __init__(self, text: str) -> None:
        self.text = text

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.text,)


def test_a_pickle_that_carries_code_is_refused_and_executes_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    path = written(tmp_path, [Command(f"touch {trace}")])

    with pytest.raises(UnsafePickle, match=r"list\.pkl: refused, it asks for \w+\.system"):
        load(path)

    assert not trace.exists()
    pickle.loads(path.read_bytes())
    assert trace.exists(), "the same pickle does run in an ordinary reader"


@pytest.mark.parametrize(
    "code",
    [
        b"cbuiltins\neval\n(V1+1\ntR.",
        b"cnumpy\nload\n(Vx.npy\ntR.",
        b"cnumpy.core.multiarray\nfromfile\n(Vx\ntR.",
        b"cexperiments.pickles\npickle\n.",
        b"Pelsewhere\n.",
        b"\x82\x01.",
    ],
    ids=["builtins", "numpy", "multiarray", "own", "persistent", "extension"],
)
def test_every_way_to_name_code_is_refused(tmp_path: Path, code: bytes) -> None:
    path = tmp_path / "list.pkl"
    path.write_bytes(code)

    with pytest.raises(UnsafePickle):
        load(path)


@pytest.mark.parametrize(
    "content",
    [{"a": 1}, {1, 2}, b"bytes", None, 1j, np.zeros(1, "M8[s]"), np.zeros(1, "i4,f4"), [[[[["deep"]]]]]],
    ids=lambda content: type(content).__name__,
)
def test_other_things_than_lists_are_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(UnsafePickle, match="refused"):
        load(written(tmp_path, content))


def test_a_list_that_holds_itself_is_refused(tmp_path: Path) -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(UnsafePickle, match="nested deeper"):
        load(written(tmp_path, endless))


@pytest.mark.parametrize("content", [b"", b"just text", pickle.dumps([1, 2, 3])[:-2]], ids=["empty", "text", "torn"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "list.pkl"
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"list\.pkl: not a pickle"):
        load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.pkl: no such file"):
        load(tmp_path / "gone.pkl")
