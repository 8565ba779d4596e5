"""A study about what inference costs, from its spec to its answer: nothing is trained, and every phase runs alone."""

import json
import signal
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

import study
from experiments.problem import SpecError
from experiments.spec import Spec
from results.attempt import Store
from study import costs, preflight, rates
from study.alone import beside_others
from study.campaign import Campaign
from study.declaration import declare, fixed_by_claim
from study.event import Event
from study.executor import local
from study.preparation import Prepared, Request, prepare
from study.printing import print_campaign, print_plan
from study.resolve import resolve
from study.worker import Orders
from tests import made_store as made
from tests.made_spec import COSTS, SPEC
from tests.study.test_rates import finish

FEWEST = {"data.limit": 4, "data.frames": 2, "data.size": 16, "data.margin": 2}

WriteSpec = Callable[..., Spec]


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    monkeypatch.setenv("STUDY_HOME", str(tmp_path / "home"))
    (tmp_path / "asked.yaml").write_text(COSTS)
    return Request(str(tmp_path / "asked.yaml"))


def test_a_trial_is_one_measurement_that_reads_no_clips(request_: Request) -> None:
    prepared = prepare(request_)
    plan = prepared.plan
    assert [list(trial.phases) for trial in plan.trials] == [["profile"]] * 2
    assert (plan.epochs, plan.epochs_unshared, len(plan.phases)) == (0, 0, 2)
    assert list(prepared.distinct_ways()) == []
    assert costs.cache_bytes(prepared) == 0
    preflight.check(prepared)
    assert {size.arm for size in preflight.sizes(prepared, prepared.ways)} == {"count=1", "count=2"}


def test_senders_are_not_counted_where_inference_is_asked_about(request_: Request) -> None:
    here = preflight.sizes(prepare(request_), ["count=2"])[0]
    Path(request_.name).write_text(SPEC)
    trained = preflight.sizes(prepare(request_), ["count=2"])[0]
    assert here.parameters == trained.parameters
    unread = 120  # the last block's kernels and tables of patches that nobody reads, which are not trained
    assert here.parameters + unread == here.parameters_total < trained.parameters_total
    assert here.gflops == trained.gflops


def test_a_plan_without_epochs_is_kept_and_shown(request_: Request) -> None:
    prepared = prepare(request_)
    written = declare(prepared, "a test")
    assert {(phase["kind"], phase["epochs"], phase["clips"]) for phase in written["phases"].values()} == {
        ("profile", 0, 0)
    }
    assert (written["fingerprints"], written["caches"]) == ([], [])
    console = Console(file=StringIO(), width=200)
    print_plan(costs.report_plan(prepared), console)
    print_campaign(Campaign([prepared.plan]), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "epochs: none; every phase measures, alone on the machine" in text
    assert "all together: 2 phases, 0 epochs with sharing" in text


def test_time_left_is_that_of_phases_one_after_another(request_: Request) -> None:
    prepared = prepare(Request(request_.name, overrides={"resources.workers": 2}))
    one, other = (trial.final for trial in prepared.plan.trials)
    finish(prepared, one, 36.0)
    report = costs.report_plan(prepared)
    assert (report.left_hours, report.wall_hours) == (pytest.approx(0.01), pytest.approx(0.01))
    known = rates.timed(prepared, [other])
    assert 0 < (rates.seconds([other], known, rates.training_clips(prepared)) or 0) < 60
    declare(prepared, "")
    more = prepare(Request(request_.name, overrides={"inference.repeats": 4}))
    assert rates.recorded(more)["profile"] == pytest.approx(36.0)


def test_a_budget_of_hours_counts_measurements(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(request_.name).write_text(f"{COSTS}budget: {{epochs: 0, gpu_hours: 0.01}}\n")
    monkeypatch.setattr(rates, "_timed_profile", lambda *given: 36.0)
    with pytest.raises(preflight.PlanError, match=r"budget.gpu_hours is 0.01, but the plan needs 0.02 gpu_hours"):
        preflight.check(prepare(request_))


@pytest.mark.parametrize("path", ["resources.threads", "inference.repeats"])
def test_what_changes_a_cost_makes_another_edition_of_studies_about_costs_alone(request_: Request, path: str) -> None:
    changed = Request(request_.name, overrides={path: 2})
    assert prepare(changed).plan.edition.name == f"asked--{path}=2"
    Path(request_.name).write_text(SPEC)
    assert prepare(changed).plan.edition.name == "asked"


def test_how_inference_is_measured_is_no_part_of_a_claim_about_scores(request_: Request) -> None:
    def fixed(text: str, **overrides: object) -> object:
        Path(request_.name).write_text(text)
        return fixed_by_claim(prepare(Request(request_.name, overrides=overrides)).plan)["arms"]

    assert fixed(SPEC) == fixed(SPEC, **{"inference.repeats": 7})
    assert fixed(COSTS) != fixed(COSTS, **{"inference.repeats": 7})


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("over: seeds and activities", "4  claim.over: must be `seeds` for a claim about latency, which no activity"),
        ("split: val", "4  claim.split: must be `inference` for a claim about latency, but got 'val'"),
    ],
)
def test_a_claim_about_a_cost_says_what_it_cannot_be_about(write_spec: WriteSpec, added: str, message: str) -> None:
    spec = write_spec({"  smallest: 1.0": f"  {added}\n  smallest: 1.0\n  metric: latency"})
    with pytest.raises(SpecError) as caught:
        resolve(spec)
    assert str(caught.value).startswith(f"{spec.path}:{message}")


def test_a_claim_about_scores_is_of_no_inference(write_spec: WriteSpec) -> None:
    spec = write_spec({"  smallest: 1.0": "  split: inference\n  smallest: 1.0"})
    with pytest.raises(SpecError, match=r"claim.split: must be a split of the data for a claim about map"):
        resolve(spec)


@pytest.mark.parametrize("written", ["", "\n  split: inference\n  over: seeds"])
def test_split_and_seeds_may_be_left_out(write_spec: WriteSpec, written: str) -> None:
    claim = resolve(write_spec({"  smallest: 1.0": f"  smallest: 1.0\n  metric: peak_memory{written}"})).claim
    assert (claim.metric, claim.split, claim.over) == ("peak_memory", "inference", "seeds")


def run(prepared: Prepared, tell: Callable[[Event], None]) -> None:
    resources = prepared.plan.edition.settings.resources
    code: dict[str, str | None] = {"commit": "none", "diff": None}
    orders = Orders(prepared.store.root, prepared.sources, resources, code, "a test")
    local.run(prepared.plan.phases, set(), orders, 2, tell)


@pytest.mark.slow
def test_measurements_run_one_at_a_time_however_many_workers_there_are(request_: Request) -> None:
    at_work: set[str] = set()
    most: list[int] = []

    def follow(event: Event) -> None:
        (at_work.add if event.state == "start" else at_work.discard)(event.key)
        most.append(len(at_work))

    prepared = prepare(request_)
    run(prepared, follow)
    assert max(most) == 1
    assert {state.name for state in prepared.plan.states(prepared.store).values()} == {"done"}


@pytest.mark.slow
def test_ctrl_c_while_a_measurement_waits_for_others_stops_it(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    prepared = prepare(request_)
    said: list[Event] = []

    def press(event: Event) -> None:
        if event.state == "waiting":
            said.append(event)
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    try:
        with beside_others(lambda: None, pytest.fail), pytest.raises(local.Interrupted):
            run(prepared, press)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < local.STOP_S
    (waited,) = said
    attempt = prepared.store.attempts(waited.key)[-1]
    assert prepared.store.state(waited.key) == "stopped"
    assert attempt.log.read_text().startswith("waits for phases of other runs on this machine")
    run(prepared, lambda event: None)
    assert prepared.store.state(waited.key) == "done"


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["latency", "peak_memory"])
def test_a_study_runs_to_its_answer_and_its_store_is_sound(request_: Request, metric: str) -> None:
    Path(request_.name).write_text(COSTS.replace("latency", metric).replace("seeds: 1", "seeds: 2"))
    asked = Request(request_.name, profile="tiny", overrides=FEWEST)
    outcome = study.run(asked, "a test", Console(quiet=True))
    assert outcome.is_whole
    (contrast,) = outcome.report.answer.contrasts
    assert contrast.has_interval
    assert contrast.seeds == (0, 1)
    page = outcome.report.page.read_text()
    assert "What inference costs" in page
    assert "mAP" not in page.partition('<script type="application/json" id="config">')[0].partition("<style>")[0]
    assert study.verify() == []
    store = Store(Path(outcome.report.page).parents[1] / "store")
    rows = made.rows(
        store,
        "select split, map, latency_ms > 0, latency_spread_ms >= 0, inference_memory_bytes > 0, gflops > 0, "
        "parameters > 0, pruned from finals",
    )
    assert rows == [("inference", None, True, True, True, True, True, False)] * 4
    assert made.rows(store, "select distinct phase, epochs, shared_by from costs") == [("profile", 0, 1)]
    again = study.run(asked, "a test", Console(quiet=True))
    assert again.report.answer == outcome.report.answer
    missing = next(store.runs.glob("*/1/records.jsonl"))
    missing.unlink()
    (problem,) = [problem for problem in study.verify() if "records.jsonl" in problem.where]
    assert "is missing, but the run is done" in str(problem)
    assert json.loads((store.editions / outcome.edition / "plan.json").read_text())["claim"]["metric"] == metric
