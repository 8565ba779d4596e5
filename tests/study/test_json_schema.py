from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from experiments import lines, read
from study import json_schema, template

SPECS, PROFILES = (Draft202012Validator(schema()) for schema in (json_schema.of_specs, json_schema.of_profiles))


def spec_with(**changes: Any) -> dict[str, Any]:
    spec = lines.read(read.find_spec("token_count_sweep")).tree
    return {**spec, **changes}


def test_the_schemas_in_the_repository_are_current() -> None:
    for folder, schema in ((read.FOLDER, json_schema.of_specs()), (read.PROFILES, json_schema.of_profiles())):
        written = (folder / json_schema.FILE).read_text()
        assert written == json_schema.worded(schema), "run `study schema`"


def test_it_is_written_where_the_first_line_of_a_spec_points(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    path = json_schema.write(tmp_path, tmp_path / "profiles")
    assert path == tmp_path / "schema.json"
    assert (tmp_path / "profiles" / "schema.json").is_file()
    for name in read.names():
        assert read.find_spec(name).read_text().startswith("# yaml-language-server: $schema=schema.json\n")


@pytest.mark.parametrize("name", read.names())
def test_every_shipped_spec_follows_it(name: str) -> None:
    SPECS.validate(lines.read(read.find_spec(name)).tree)


@pytest.mark.parametrize("name", read.profiles())
def test_every_shipped_profile_follows_it(name: str) -> None:
    PROFILES.validate(lines.read(read.PROFILES / f"{name}.yaml").tree)


def test_a_new_spec_follows_it(tmp_path: Path) -> None:
    SPECS.validate(lines.read(template.write("mine", tmp_path)).tree)


@pytest.mark.parametrize(
    "right",
    [
        {"settings": {"optim.lr": 1e-3}},
        {"settings": {"optim": {"lr": 1e-3}}},
        {"settings": {"model.fusion": {"name": "mctf", "drop_path": 0.1}, "data.source.seed": 3}},
        {"factors": {"model.fusion": ["none", {"name": "mctf"}]}, "control": {"model.fusion": "none"}},
        {"factors": {"tokens": {"plain": {"model.receivers": False}, "full": {}}}, "control": {"tokens": "full"}},
        {"design": {"name": "leave_one_out", "bare": True}},
        {"seeds": [1, 2]},
        {"settings": {"model.weights": "a.pth", "model.modality": {"name": "depth", "weights": "b.pth"}}},
        {"settings": {"model": {"weights": None, "baseline": {"name": "r3d_18", "weights": "~/c.pth"}}}},
        {"factors": {"model.weights": [None, "a.pth"]}},
    ],
)
def test_it_admits_what_the_reader_admits(right: dict[str, Any]) -> None:
    assert not list(SPECS.iter_errors(spec_with(**right)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"settings": {"optim.lrr": 1e-3}},
        {"settings": {"optim": {"lr": "high"}}},
        {"settings": {"model.fusion": "mtcf"}},
        {"settings": {"model.fusion": {"name": "mctf", "drp": 0.1}}},
        {"factors": {"model.tokens.cuont": [1, 2]}},
        {"factors": {"model.tokens.count": [0]}},
        {"settings": {"model.weights": 3}},
        {"settings": {"model.weights": {"digest": "0"}}},
        {"settings": {"model.baseline": {"name": "random", "weights": "a.pth"}}},
        {"factors": {"tokens": {"plain": {"model.receiver": False}}}},
        {"design": "sweeep"},
        {"profile": "huge"},
        {"charts": ["pie"]},
        {"prune": "medain"},
        {"tune": {"optim.lrr": [1e-3, 1e-4]}},
        {"tune": {"optim.lr": 1e-3}},
        {"tune": {"optim.lr": [1e-3, 1e-4], "per": "seed"}},
        {"tune": {"resources.threads": [1, 2]}},
        {"prune": {"pruner": "median", "n_startups": 3}},
        {"prune": {"pruner": "patient", "patience": 1, "wrapped": "medain"}},
    ],
)
def test_it_refuses_what_the_reader_refuses(wrong: dict[str, Any]) -> None:
    assert list(SPECS.iter_errors(spec_with(**wrong)))


def test_settings_are_described() -> None:
    assert json_schema.of_specs()["$defs"]["data.size"]["description"] == "Their height and width, px."
