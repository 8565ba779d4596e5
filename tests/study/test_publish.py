"""Files that several processes may build."""

from pathlib import Path

from study.publish import draft, sole_builder


def test_a_file_that_is_there_is_not_due(tmp_path: Path) -> None:
    with sole_builder(tmp_path / "new" / "file.npy") as is_due:
        assert is_due
        (tmp_path / "new" / "file.npy").touch()

    with sole_builder(tmp_path / "new" / "file.npy") as is_due:
        assert not is_due
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["file.npy"]


def test_a_draft_is_gone_when_its_builder_fails(tmp_path: Path) -> None:
    try:
        with draft(tmp_path / "file.npy") as (part, opened):
            opened.write(b"half")
            assert part.exists()
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert list(tmp_path.iterdir()) == []


def test_the_draft_of_a_dead_builder_is_removed_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    with draft(tmp_path / "file.npy") as (living, _):
        dead = living.with_name(living.name.replace(living.suffixes[-2], ".dead"))
        elsewhere = tmp_path / "file.npy.another-host.0.part"
        dead.touch()
        elsewhere.touch()

        with draft(tmp_path / "file.npy"):
            pass

        assert living.exists()
        assert elsewhere.exists()
        assert not dead.exists()
