"""What is fixed before the first result: claims are made once, a plan is replaced."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from results.attempt import Store
from results.files import StoreError
from study import preparation
from study.declaration import declare, fixed_by_claim
from study.preparation import Request, prepare, without
from tests import made_store as made
from tests.made_spec import SPEC


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(SPEC)
    return Request(str(tmp_path / "asked.yaml"))


def claims(store: Store) -> list[Path]:
    return sorted(store.editions.glob("asked/claims/*.json"))


def test_a_claim_is_written_once(request_: Request) -> None:
    prepared = prepare(request_)
    first = declare(prepared, "study run asked")
    (path,) = claims(prepared.store)
    before = path.read_text()
    assert path.stem == first["claim_hash"]
    assert declare(prepared, "study run asked again")["command"] == "study run asked again"
    assert [one.read_text() for one in claims(prepared.store)] == [before]


def test_a_damaged_claim_is_named_before_anything_is_trained(request_: Request) -> None:
    prepared = prepare(request_)
    declare(prepared, "")
    (path,) = claims(prepared.store)
    path.write_text("x")
    with pytest.raises(StoreError, match=rf"{path.name}: is not JSON"):
        declare(prepared, "")


@pytest.mark.parametrize(
    "change",
    [
        ("width: 4", "width: 8"),
        ("smallest: 1.0", "smallest: 2.0"),
        ("seeds: 1", "seeds: 2"),
        ("limit: 4", "limit: 5"),
        ("settings:\n", "settings:\n  signatures.overfitting: 99\n"),
    ],
)
def test_whoever_changes_anything_after_a_result_declares_a_new_claim_that_says_so(
    request_: Request, change: tuple[str, str]
) -> None:
    prepared = prepare(request_)
    declare(prepared, "")
    for content in [phase.content for phase in prepared.plan.trials[0].phases.values()]:
        made.train(prepared.store, content)
    Path(request_.name).write_text(SPEC.replace(*change))
    again = declare(prepare(request_), "")
    assert len(claims(prepared.store)) == 2
    claim = json.loads((prepared.store.editions / "asked" / "claims" / f"{again['claim_hash']}.json").read_text())
    assert claim["results_before"] == 1


def test_another_smallest_difference_is_another_claim(request_: Request) -> None:
    prepared = prepare(request_)
    declare(prepared, "")
    Path(request_.name).write_text(SPEC.replace("smallest: 1.0", "smallest: 2.0"))
    declare(prepare(request_), "")
    assert len(claims(prepared.store)) == 2


def test_a_plan_names_every_phase_with_what_it_costs(request_: Request) -> None:
    prepared = prepare(request_)
    plan = declare(prepared, "")
    assert list(plan["phases"]) == list(prepared.plan.phases)
    assert {(phase["epochs"], phase["clips"]) for phase in plan["phases"].values()} == {(1, 4)}
    written = json.loads((prepared.store.editions / "asked" / "plan.json").read_text())
    assert written == json.loads(json.dumps(plan))


def test_a_plan_names_the_files_that_arms_start_from_and_the_claim_their_content(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = prepare(request_)
    assert [arm["weights"] for arm in declare(bare, "")["arms"]] == [[], []]
    monkeypatch.setattr(preparation, "refuse_unfit_weights", lambda *given: None)
    fixed = []
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).write_bytes(b"weights")
        prepared = prepare(replace(request_, overrides={"model.weights": str(tmp_path / name)}))
        (digest,) = prepared.weights
        planned = {"setting": "model.weights", "file": name, "digest": digest}
        assert [arm["weights"] for arm in declare(prepared, "")["arms"]] == [[planned], [planned]]
        fixed.append(fixed_by_claim(prepared.plan)["arms"])
    assert fixed[0] == fixed[1] != fixed_by_claim(bare.plan)["arms"]


def test_clips_that_are_left_out_are_kept_with_their_reasons_and_change_the_claim(request_: Request) -> None:
    prepared = prepare(request_)
    name = prepared.ways["count=2"].source.dataset().clips[0].name
    less = without(prepared, {name: "is no video"})
    skipped = prepared.store.editions / "asked" / "skipped.json"
    declare(less, "")
    assert json.loads(skipped.read_text()) == [{"clip": name, "reason": "is no video"}]
    assert fixed_by_claim(less.plan)["data"] != fixed_by_claim(prepared.plan)["data"]
    declare(prepared, "")
    assert not skipped.exists()
