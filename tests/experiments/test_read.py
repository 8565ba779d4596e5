from collections.abc import Callable
from pathlib import Path

import pytest

from experiments import read
from experiments.problem import SpecError
from experiments.read import find_spec, names, profiles, read_profile, read_spec

WriteSpec = Callable[..., Path]


def refused(call: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(SpecError) as caught:
        call(*arguments)
    return str(caught.value)


def write_profiles(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


@pytest.mark.parametrize("name", names())
def test_every_shipped_spec_is_read(name: str) -> None:
    spec = read_spec(find_spec(name))
    assert spec.name == name
    assert spec.question.ask.endswith("?")
    assert spec.profile in profiles()


@pytest.mark.parametrize("name", profiles())
def test_every_shipped_profile_is_read(name: str) -> None:
    assert read_profile(name).layers[0].tree.keys() >= {"data", "model", "optim", "phases"}


def test_the_four_profiles_are_there() -> None:
    assert {"smoke", "tiny", "small", "full"} <= set(profiles())


def test_a_study_is_found_by_name_and_by_path(write_spec: WriteSpec) -> None:
    assert find_spec("token_count_sweep") == read.FOLDER / "token_count_sweep.yaml"
    path = write_spec(name="mine.yaml")
    assert find_spec(path) == find_spec(str(path)) == path


def test_a_missing_study_offers_the_nearest_name_and_how_to_begin_one() -> None:
    message = refused(find_spec, "token_count_swep")
    assert "token_count_swep: no such study. Did you mean 'token_count_sweep'? There are: " in message
    assert message.endswith("`study new token_count_swep` writes one.")


def test_a_missing_path_says_what_there_is(tmp_path: Path) -> None:
    message = refused(find_spec, tmp_path / "none.yaml")
    assert "none.yaml  no such file. There are these studies: " in message


def test_a_file_that_would_be_mistaken_for_a_shipped_study_is_refused(write_spec: WriteSpec) -> None:
    message = refused(find_spec, write_spec(name="token_count_sweep.yaml"))
    assert "is a study of this name, and results would be mixed. Rename the file." in message
    assert find_spec(read.FOLDER / "token_count_sweep.yaml").is_file()


@pytest.mark.parametrize("name", ["a--b.yaml", "a b.yaml", "-a.yaml", "a.b.yaml", "a_.yaml"])
def test_a_name_that_would_confuse_editions_or_files_is_refused(write_spec: WriteSpec, name: str) -> None:
    assert "a study's name must be letters and digits, joined by single _ or -" in refused(
        read_spec, write_spec(name=name)
    )


def test_all_problems_of_a_spec_are_named_at_once(write_spec: WriteSpec) -> None:
    path = write_spec({"seeds: 2": "seeds: 0", "smallest: 1.0": "smallest: -1"})
    assert [line.split("  ")[0] for line in refused(read_spec, path).splitlines()] == [f"{path}:4", f"{path}:9"]


def test_a_setting_in_two_spellings_is_refused(write_spec: WriteSpec) -> None:
    path = write_spec(added="settings:\n  optim.lr: 1\n  optim:\n    lr: 2\n")
    assert refused(read_spec, path) == f"{path}:11  settings.optim.lr: given twice, in two spellings. Keep one."


def test_a_profile_lies_over_the_one_it_extends(tmp_path: Path) -> None:
    folder = write_profiles(tmp_path, base="optim: {lr: 1, batch: 2}\nseeds: 5\n", over="extends: base\noptim.lr: 3\n")
    profile = read_profile("over", folder=folder)
    assert [layer.tree for layer in profile.layers] == [{"optim": {"lr": 1, "batch": 2}}, {"optim": {"lr": 3}}]
    assert profile.seeds == 5
    assert profile.layers[1].where("optim.lr") == f"{tmp_path / 'over.yaml'}:2"


def test_the_outer_profile_decides_the_seeds(tmp_path: Path) -> None:
    folder = write_profiles(tmp_path, base="seeds: 5\n", over="extends: base\nseeds: 2\n")
    assert read_profile("over", folder=folder).seeds == 2


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ("extends: bas\n", "over.yaml:1  bas: no such profile. Did you mean 'base'? There are: base, over."),
        (
            "seeds: 1\nextends: over\n",
            "over.yaml:2  over: this profile extends itself (over -> over). Break the circle.",
        ),
        ("seeds: 0\n", "over.yaml:1  seeds: must be greater than or equal to 1, but got 0. Change it."),
        ("optim.lr: 1\noptim: {lr: 2}\n", "over.yaml:1  optim.lr: given twice, in two spellings. Keep one."),
    ],
)
def test_a_wrong_profile_is_refused_at_its_line(tmp_path: Path, over: str, message: str) -> None:
    folder = write_profiles(tmp_path, base="optim: {lr: 1}\n", over=over)
    with pytest.raises(SpecError) as caught:
        read_profile("over", folder=folder)
    assert str(caught.value) == f"{tmp_path}/{message}"


def test_a_missing_profile_is_named_where_it_was_asked_for() -> None:
    assert refused(read_profile, "smal", "my.yaml:3").startswith(
        "my.yaml:3  smal: no such profile. Did you mean 'small'? There are: "
    )
