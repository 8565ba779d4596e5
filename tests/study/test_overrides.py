from pathlib import Path

import pytest

from experiments.problem import SpecError
from experiments.tree import at
from study.overrides import data_layer, data_name, edition_name, override_layers, parse


def test_values_are_read_as_in_a_spec() -> None:
    options = ["optim.lr=3e-4", "model.fusion=none", "data.stride=null", "data.mean=[0, 0, 0]", "optim={batch: 8}"]
    assert parse(options) == {
        "optim.lr": 3e-4,
        "model.fusion": "none",
        "data.stride": None,
        "data.mean": [0, 0, 0],
        "optim.batch": 8,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["optim.lr"], "--set optim.lr  must be a setting and its value. Write --set optim.lr=3e-4."),
        (["=3"], "--set =3  must be a setting and its value."),
        (["optim.lr=1", "optim={lr: 2}"], "--set optim={lr: 2}  optim.lr: given twice. Keep one."),
        (["model.fusion=a", "model.fusion.name=b"], "--set model.fusion.name=b  model.fusion: given twice."),
        (["optim.lr=[1"], "--set optim.lr=[1:1  cannot be read as YAML"),
        (["optim.lr=!!float 1"], "--set optim.lr=!!float 1:1  cannot be read as YAML: tag"),
    ],
)
def test_an_option_that_sets_nothing_is_refused(options: list[str], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(options)
    assert str(caught.value).startswith(message)


def test_a_variant_has_one_spelling() -> None:
    assert parse(["model.fusion={name: none}"]) == parse(["model.fusion.name=none"]) == parse(["model.fusion=none"])


def test_a_variant_comes_before_its_settings() -> None:
    layers = override_layers({"data.source.folder": "x", "data.source.name": "musclemap"})
    assert list(layers) == ["data.source", "data.source.folder"]


def test_data_is_a_manifest_its_folder_or_a_reader(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.touch()
    for asked in (manifest, tmp_path):
        assert at(data_layer(str(asked)).tree, "data.source") == {"name": "manifest", "path": str(manifest)}
    assert at(data_layer("synthetic").tree, "data.source") == {"name": "synthetic"}


def test_missing_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"--data none.csv  no such file: none.csv. Give the path of a manifest."):
        data_layer("none.csv")
    with pytest.raises(SpecError, match=r"no such file: .*manifest.csv, .*manifest.parquet"):
        data_layer(str(tmp_path))
    with pytest.raises(
        SpecError, match=r"sinthetic: no such data set. Did you mean 'synthetic'\? There are: manifest, "
    ):
        data_layer("sinthetic")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("synthetic", "synthetic"),
        ({"name": "synthetic", "seed": 3}, "synthetic"),
        ({"name": "manifest", "path": "/data/exercise_clips/manifest.csv"}, "exercise_clips"),
        ({"name": "manifest", "path": "/data/my clips--2/list.parquet"}, "my_clips_2_list"),
        ({"name": "musclemap", "folder": "/data/musclemap"}, "musclemap"),
        ({"name": "musclemap"}, "musclemap"),
    ],
)
def test_data_is_named_by_its_folder_or_reader(source: object, name: str) -> None:
    assert data_name(source) == name


def test_an_edition_is_named_by_what_it_changes() -> None:
    assert edition_name("study", profile=None, data=None, overrides={}) == "study"
    changed = {"optim.lr": 3e-4, "data.stride": None}
    assert edition_name("study", profile="small", data="clips", overrides=changed) == (
        "study--small--clips--data.stride=null--optim.lr=0.0003"
    )


def test_data_named_like_a_profile_is_told_from_it() -> None:
    assert edition_name("study", profile=None, data="tiny", overrides={}) == "study--data=tiny"


def test_what_is_no_file_name_is_hashed() -> None:
    names = {
        edition_name("study", profile=None, data=None, overrides={"model.fusion": value})
        for value in ("a/b", "a b", "a--b", {"name": "mctf", "drop_path": 0.5})
    }
    assert len(names) == 4
    assert all(name.startswith("study--model.fusion=") and len(name) == 28 for name in names)


def test_many_overrides_are_hashed_together() -> None:
    many = {f"model.trunk.setting_{index}": index for index in range(5)}
    name = edition_name("study", profile=None, data=None, overrides=many)
    assert name.startswith("study--set=")
    assert len(name) == 19
    assert name == edition_name("study", profile=None, data=None, overrides=dict(reversed(many.items())))
