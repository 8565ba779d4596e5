"""Documents cannot lag behind: links lead somewhere, the tree names every file, and no machine's path is in them."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(ROOT.glob("*.md"))
LINK = re.compile(r"\[[^]]*\]\(([^)#\s]+)")
PACKAGES = ("study", "models", "experiments", "results", "reports")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(document: Path) -> None:
    links = [link for link in LINK.findall(document.read_text()) if "://" not in link]
    missing = [link for link in links if not (ROOT / link).exists()]
    assert missing == []


def test_the_readme_names_every_module() -> None:
    text = (ROOT / "README.md").read_text()
    modules = [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES]
    names = Counter(path.name for path in modules if path.name != "__init__.py")
    assert {name: count for name, count in names.items() if text.count(name) < count} == {}


def test_the_readme_names_every_verb() -> None:
    from study.cli import app

    names = [
        command.name or (command.callback.__name__ if command.callback else "") for command in app.registered_commands
    ]
    text = (ROOT / "README.md").read_text()
    assert [name for name in names if f"study {name}" not in text] == []


def test_no_file_names_a_machine() -> None:
    own = re.compile(rb"/root/|/home/\w+/|/work/|/tmp/team")
    found = [path.name for path in tracked() if path.suffix != ".npz" and own.search(path.read_bytes())]
    assert found in ([], ["test_documents.py"])


def test_tests_have_no_packages() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    long = [str(path.relative_to(ROOT)) for path in tracked() if path.suffix == ".py" and lines(path) > 400]
    assert long == []


def lines(path: Path) -> int:
    return path.read_text().count("\n")
