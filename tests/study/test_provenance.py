"""Where a result comes from, read from a checkout in any state."""

import subprocess
from pathlib import Path

import pytest

from study import provenance


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a checkout with one committed file."""
    for words in (["init", "-q"], ["config", "user.email", "me"], ["config", "user.name", "me"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    (tmp_path / "read.me").write_text("text")
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    subprocess.run(["git", "commit", "-qm", "first"], cwd=tmp_path, check=True)
    monkeypatch.setattr(provenance, "checkout", lambda: tmp_path)
    return tmp_path


def test_a_clean_checkout_differs_by_nothing(checkout: Path) -> None:
    code = provenance.code()
    assert code["diff"] is None
    assert len(code["commit"] or "") == 40


def test_every_difference_has_a_hash_whatever_bytes_it_holds(checkout: Path) -> None:
    seen = {provenance.code()["diff"]}
    (checkout / "read.me").write_bytes(b"gr\xfc\xdfe")
    seen.add(provenance.code()["diff"])
    for folder in ("one", "two"):  # the same name and content elsewhere is another difference
        (checkout / folder).mkdir()
        (checkout / folder / "new \xe4.py").write_bytes(b"\x00\xff")
        seen.add(provenance.code()["diff"])
    assert len(seen) == 4


def test_without_git_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "checkout", lambda: tmp_path)
    assert provenance.code() == {"commit": "unknown", "diff": None}
