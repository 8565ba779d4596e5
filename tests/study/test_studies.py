"""The studies of the project: each opens with its question, its cost and its command, and its cost is true."""

import re
from pathlib import Path

import pytest

from experiments.read import find_spec, names, read_spec
from study.costs import at_most
from study.planner import Plan
from study.preparation import Request, prepare

STUDIES = names()


@pytest.fixture
def plan(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path))
    return at_most(prepare(Request(request.param))).plan


@pytest.mark.parametrize("plan", STUDIES, indirect=True)
def test_a_study_opens_with_its_question_its_cost_and_its_command(plan: Plan) -> None:
    name = plan.edition.spec.name
    lines = [line[1:] for line in find_spec(name).read_text().splitlines() if line.startswith("#")]
    comment = " ".join(" ".join(lines).split())
    phases = re.search(r"Cost: ([\d,]+) phases", comment)
    epochs = re.search(r"([\d,]+) epochs(?: instead of ([\d,]+))?", comment)
    assert phases is not None
    assert epochs is not None
    assert int(phases[1].replace(",", "")) == len(plan.phases)
    assert int(epochs[1].replace(",", "")) == plan.epochs
    assert int((epochs[2] or epochs[1]).replace(",", "")) == plan.epochs_unshared
    assert f"Run: study run {name} " in comment


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_says_what_it_asks_where_from_and_what_difference_matters(name: str) -> None:
    spec = read_spec(find_spec(name))
    assert spec.question.ask.endswith("?")
    assert "2303.00952" in spec.question.source
    assert spec.claim.smallest > 0
    assert len(spec.seeds) >= 3 or spec.design["name"] == "search"
