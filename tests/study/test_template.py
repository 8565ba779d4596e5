from pathlib import Path

import pytest

from experiments.problem import SpecError
from experiments.read import read_spec
from study import template
from study.resolve import resolve


def test_a_new_spec_can_be_run_as_it_is(tmp_path: Path) -> None:
    path = template.write("my_study", tmp_path)
    edition = resolve(read_spec(path))
    assert edition.name == "my_study"
    assert [arm.name for arm in edition.arms] == ["fusion=mctf", "fusion=average", "fusion=none"]


@pytest.mark.parametrize("without", ["tune", "prune"])
def test_its_commented_lines_are_valid_too(without: str, tmp_path: Path) -> None:
    """All of them but one of the two that exclude each other."""
    path = template.write("my_study", tmp_path)
    head, options = path.read_text().split("# settings:")
    assert "  # within: [data] " in head
    assert "  # of: change " in head
    options = "\n".join(line for line in options.split("\n") if not line.startswith(f"# {without}:"))
    path.write_text(head + "settings:" + options.replace("\n#   ", "\n  ").replace("\n# ", "\n"))
    spec = read_spec(path)
    assert spec.settings == {"optim.lr": 1e-3}
    edition = resolve(spec)
    assert edition.arms[-1].name == "control again"
    assert (edition.tuning is None, edition.pruner is None) == (without == "tune", without == "prune")


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = template.write("mine", tmp_path)
    path.write_text("kept")
    with pytest.raises(SpecError, match=r"mine.yaml  is there already. Choose another name, or edit it."):
        template.write("mine", tmp_path)
    assert path.read_text() == "kept"


@pytest.mark.parametrize("name", ["../up", "a--b", "", "a.yaml"])
def test_a_name_that_is_none_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError, match="a study's name must be"):
        template.write(name, tmp_path)
    assert list(tmp_path.rglob("*")) == []
