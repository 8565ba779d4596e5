from pathlib import Path

import pytest

from experiments import lines
from experiments.lines import Layer
from experiments.problem import SpecError


def read(folder: Path, text: str | bytes) -> Layer:
    path = folder / "spec.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return lines.read(path)


def refusal(folder: Path, text: str | bytes) -> str:
    with pytest.raises(SpecError) as caught:
        read(folder, text)
    return str(caught.value).removeprefix(str(folder / "spec.yaml"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("3e-4", 3e-4),
        ("1", 1),
        ("-1.5", -1.5),
        ("010", 10),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2026-01-02", "2026-01-02"),
        ("true", True),
        ("none", "none"),
        ("null", None),
        ("", None),
        ("'7'", "7"),
        ("[1, a]", [1, "a"]),
        ("{name: mctf}", {"name": "mctf"}),
    ],
)
def test_scalars_are_read_as_yaml_1_2(written: str, meant: object) -> None:
    found = lines.value(written, "--set")
    assert found == meant
    assert type(found) is type(meant)


def test_every_key_and_item_keeps_its_line(tmp_path: Path) -> None:
    layer = read(tmp_path, "# first\na:\n  b.c: 1\n  d:\n    - x\n    - y\n")
    assert layer.tree == {"a": {"b.c": 1, "d": ["x", "y"]}}
    assert layer.lines == {"a": 2, "a.b.c": 3, "a.d": 4, "a.d.0": 5, "a.d.1": 6}


def test_the_place_of_a_path_is_the_nearest_line_in_or_above_it(tmp_path: Path) -> None:
    layer = read(tmp_path, "a:\n  b.c: 1\n")
    source = str(tmp_path / "spec.yaml")
    assert layer.where("a.b.c") == f"{source}:2"
    assert layer.where("a.b") == f"{source}:2"
    assert layer.where("a.x.y") == f"{source}:1"
    assert layer.where("z") == source


def test_a_file_in_the_current_folder_is_named_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read(tmp_path, "a: 1").source == "spec.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1,\nb: 2", ":2  cannot be read as YAML while parsing a flow sequence"),
        ("a: 1\n\tb: 2", ":2  cannot be read as YAML"),
        ("a: 1\nb: 2\na: 3", ":3  a: given twice, first on line 1. Keep one."),
        ("a:\n  b: 1\n  b: 2", ":3  a.b: given twice, first on line 2. Keep one."),
        ("a: !!python/object/apply:os.system [ls]", ":1  cannot be read as YAML: tag tag:yaml.org"),
        ("a: !!str 1", ":1  cannot be read as YAML: tag"),
        ("a: &x 1\nb: *x", ":2  cannot be read as YAML: alias *x is not read here. Write the value out."),
        ("? [a]\n: 1", ":1  a key must be a word"),
        ("", "  must hold a mapping (`question: ...`), but holds nothing."),
        ("- a", "  must hold a mapping (`question: ...`), but holds a list."),
        ("a: 1\n---\nb: 1", ":2  cannot be read as YAML"),
        (b"a: \xff", "  cannot be read: it is not UTF-8 text"),
        ("a: \x01", "  cannot be read as YAML"),
        ("a: " + "[" * 5000, "  cannot be read as YAML: it is nested too deeply."),
    ],
)
def test_what_is_no_plain_yaml_mapping_is_refused_with_its_line(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    assert refusal(tmp_path, text).startswith(message)


def test_all_keys_given_twice_are_named_at_once(tmp_path: Path) -> None:
    assert len(refusal(tmp_path, "a: 1\na: 2\nb: 1\nb: 2").splitlines()) == 2


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read: Is a directory"):
        lines.read(tmp_path)
