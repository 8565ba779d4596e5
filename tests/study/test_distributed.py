"""Two processes that train one phase come to what one comes to: no dropout, and a last batch of a single clip."""

import json
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
import torch
from torch import nn

from models.loss import bce
from models.transm3e import Output
from results.attempt import Store
from results.record import read_records
from study.compute import Compute
from study.distributed import ALONE, ProcessGroup, joined
from study.leg import Stopped
from study.loader import Batch
from study.optim import OptimSettings
from study.phase import Phase
from study.preparation import Prepared, Request, decode, prepare
from study.trainer import Trainer
from study.worker import Event, Hearer, Orders, run_phase

SETTINGS = {
    "data.limit": 5,
    "data.frames": 2,
    "data.size": 16,
    "data.margin": 2,
    "model.trunk.width": 4,
    "model.trunk.depth": 2,
    "model.trunk.stage_starts": [1],
    "model.trunk.drop_path": 0.0,
    "model.head_dropout": 0.0,
    "model.tokens.dropout": 0.0,
    "optim.batch": 4,
    "optim.clip_norm": 0.1,
    "optim.lr": 1e-3,
    "phases.rgb_epochs": 4,
    "phases.sender_epochs": 1,
    "phases.joint_epochs": 2,
}
STOP_AT = 7
"""The step, counted with batches that are measured, before which one process is told to stop."""
CLOSE = {"abs": 1e-5, "rel": 1e-5}


spawns = pytest.mark.slow


class Ran(NamedTuple):
    """The same phases, trained in several ways.

    Attributes:
        stores: by way.
        said: what each of two processes said of each way.
        products: how convolutions were computed in fp32.
    """

    phases: dict[str, Phase]
    stores: dict[str, Store]
    said: list[dict[str, Any]]
    products: set[str]


class Unheard:
    def send(self, event: Any) -> None:
        pass


class NotToBeSent(ArithmeticError):
    """An error that holds what cannot be pickled."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.why = lambda: text


class Refusing(Unheard):
    """Breaks the first process where it does something for all."""

    def send(self, event: Any) -> None:
        raise NotToBeSent("a test breaks it")


class Steps:
    """Counts steps, and may stop, or fail, before one of them."""

    def __init__(self, last: int | None = None, error: Exception | None = None) -> None:
        self.last, self.error, self.seen = last, error or Stopped("a test"), 0
        self.products: set[str] = set()

    def __call__(self) -> None:
        if self.seen == self.last:
            raise self.error
        self.seen += 1
        self.products.add(torch.backends.cudnn.conv.fp32_precision)


class Overtaken(Steps):
    """Has another attempt take the phase over before a step."""

    def __init__(self, last: int, folder: Path) -> None:
        super().__init__()
        self.at, self.folder = last, folder

    def __call__(self) -> None:
        if self.seen == self.at:
            (self.folder / "2").mkdir()
        super().__call__()


def run(
    way: str,
    orders: Orders,
    phases: list[Phase],
    stop: Callable[[], None],
    group: ProcessGroup = ALONE,
    hearer: Hearer = Unheard(),  # noqa: B008 - it holds nothing
) -> list[Event]:
    store = Store(orders.store.parent / way)
    orders = replace(orders, store=store.root)
    return [run_phase(phase, orders, store, hearer, stop, group) for phase in phases]


class Linear(nn.Module):
    """The smallest network that is trained as others are."""

    table: torch.Tensor

    def __init__(self, table: int = 0) -> None:
        super().__init__()
        self.register_buffer("table", torch.tensor(table))
        self.linear = nn.Linear(2, 3)
        nn.init.ones_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, streams: dict[str, torch.Tensor]) -> Output:
        return Output(self.linear(streams["rgb"]))


CLIPS = torch.arange(10.0).view(5, 2) / 10
LABELS = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]])


def gradient(group: ProcessGroup, accumulate: int) -> list[list[float]]:
    """Take one step with five clips, and give the gradient that it was taken along: Adam would hide its size."""
    network, own = Linear(), torch.tensor(group.part(range(5)))
    optim, compute = OptimSettings(clip_norm=None), Compute(torch.device("cpu"), group, accumulate)
    trainer = Trainer(network, bce.Loss(bce.Settings()), optim, 1, 1, 0, compute)
    trainer.epoch(1, [Batch({"rgb": CLIPS[own]}, LABELS[own], own, len(CLIPS))])
    assert network.linear.weight.grad is not None
    found: list[list[float]] = network.linear.weight.grad.tolist()
    return found


def one_of_two(rank: int, folder: Path, orders: Orders, contents: dict[str, dict[str, Any]]) -> None:
    phases = [Phase.of(content) for content in contents.values()]
    rgb = phases[0]
    pieces = replace(orders, resources=orders.resources.model_copy(update={"accumulate": 2}))
    said: dict[str, Any] = {}
    with joined(rank, 2, "localhost", folder / "meeting.json", "cpu") as group:
        said["gradients"] = [gradient(group, accumulate) for accumulate in (1, 2)]
        network = Linear(table=rank)
        group.averaging(network)({"rgb": CLIPS})
        said["table"] = network.table.item()
        said["two"] = [event.state for event in run("two", orders, phases, Steps(), group)]
        said["two, pieces"] = [event.state for event in run("two, pieces", pieces, [rgb], Steps(), group)]
        told = Steps(STOP_AT if rank == 1 else None)
        said["stopped"] = [event.state for event in run("stopped", orders, [rgb], told, group)]
        said["steps"] = told.seen
        said["resumed"] = [event.state for event in run("stopped", orders, [rgb], Steps(), group)]
        said["again"] = [event.state for event in run("stopped", orders, [rgb], Steps(), group)]
        said["left"] = [event.state for event in run("left", orders, [rgb], Steps(STOP_AT), group)]
        overtaken = Overtaken(STOP_AT, orders.store.parent / "overtaken" / "runs" / rgb.key) if rank == 0 else Steps()
        said["overtaken"] = [event.state for event in run("overtaken", orders, [rgb], overtaken, group)]
        refused = run("refused", orders, [rgb], Steps(), group, Refusing())
        said["refused"] = [[event.state, event.text] for event in refused]
        broken = Steps(STOP_AT if rank == 1 else None, ArithmeticError("a test breaks it"))
        said["broken"] = [event.text for event in run("broken", orders, [rgb], broken, group)]
    (folder / f"{rank}.json").write_text(json.dumps(said))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("distributed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDY_HOME", str(folder))
        prepared: Prepared = prepare(Request("token_count_sweep", profile="smoke", overrides=SETTINGS))
        prepared.store.prepare()
        prepared.store.cache.mkdir()
        prepared = decode(prepared, 1, lambda done, of: None)
        phases = dict(prepared.plan.trials[0].phases)
        resources = prepared.plan.edition.settings.resources
        orders = Orders(folder / "store", prepared.sources, resources, {"commit": "none", "diff": None}, "a test")
        spawn = multiprocessing.get_context("spawn")
        contents = {role: phase.content for role, phase in phases.items()}
        both = [spawn.Process(target=one_of_two, args=(rank, folder, orders, contents)) for rank in (0, 1)]
        for process in both:
            process.start()
        steps = Steps()
        run("alone", orders, list(phases.values()), steps)
        pieces = replace(orders, resources=resources.model_copy(update={"accumulate": 3, "channels_last": True}))
        run("pieces", pieces, list(phases.values()), Steps())
        for process in both:
            process.join(240)
        assert [process.exitcode for process in both] == [0, 0]
        run("left", orders, [phases["rgb"]], Steps())
        said = [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]
        ways = ("alone", "pieces", "two", "two, pieces", "stopped", "left", "overtaken", "refused", "broken")
        yield Ran(phases, {way: Store(folder / way) for way in ways}, said, steps.products)


def losses(store: Store, phase: Phase) -> dict[tuple[str, int], float]:
    result = store.result(phase.key)
    assert result is not None
    records = [*read_records(result.records), *read_records(result.sealed)]
    return {(record.split, record.step): record.value for record in records if record.metric == "loss"}


def assert_equal(one: Store, other: Store, phase: Phase) -> None:
    assert losses(one, phase) == pytest.approx(losses(other, phase), **CLOSE)
    tables = []
    for store in (one, other):
        result = store.result(phase.key)
        assert result is not None
        tables.append(pl.read_parquet(result.predictions).sort("clip"))
    assert tables[0]["clip"].to_list() == tables[1]["clip"].to_list()
    assert len(tables[0]) == 20
    for ours, theirs in zip(tables[0]["scores"].to_list(), tables[1]["scores"].to_list(), strict=True):
        assert ours == pytest.approx(theirs, **CLOSE)


@spawns
@pytest.mark.parametrize("role", ["rgb", "sender", "joint"])
@pytest.mark.parametrize("way", ["two", "pieces"])
def test_processes_and_pieces_change_neither_losses_nor_predictions(ran: Ran, way: str, role: str) -> None:
    assert_equal(ran.stores[way], ran.stores["alone"], ran.phases[role])


@spawns
def test_every_process_steps_along_the_gradient_of_the_whole_batchs_mean_loss(ran: Ran) -> None:
    network = Linear()
    bce.Loss(bce.Settings())(network({"rgb": CLIPS}).logits_BC, LABELS).backward()
    assert network.linear.weight.grad is not None
    for said in ran.said:
        for found in said["gradients"]:
            torch.testing.assert_close(torch.tensor(found), network.linear.weight.grad)
    torch.testing.assert_close(torch.tensor(gradient(ALONE, 3)), network.linear.weight.grad)


@spawns
def test_buffers_never_change_and_are_not_sent(ran: Ran) -> None:
    assert [said["table"] for said in ran.said] == [0, 1]


@spawns
def test_the_loss_changes_enough_to_be_compared(ran: Ran) -> None:
    values = [value for (split, _), value in losses(ran.stores["alone"], ran.phases["rgb"]).items() if split == "train"]
    assert max(abs(after - before) for before, after in pairwise(values)) > 1e-3


@spawns
def test_processes_that_take_their_parts_in_pieces_change_nothing_either(ran: Ran) -> None:
    assert_equal(ran.stores["two, pieces"], ran.stores["alone"], ran.phases["rgb"])


@spawns
def test_all_stop_at_the_same_step_when_one_is_told_to_and_go_on_to_the_same_numbers(ran: Ran) -> None:
    for said in ran.said:
        assert said["stopped"] == ["stopped"]
        assert said["resumed"] == ["done"]
        assert said["again"] == ["elsewhere"]
    assert [said["steps"] for said in ran.said] == [STOP_AT + 1, STOP_AT]
    assert len(ran.stores["stopped"].attempts(ran.phases["rgb"].key)) == 2
    assert_equal(ran.stores["stopped"], ran.stores["alone"], ran.phases["rgb"])


@spawns
def test_what_two_began_and_one_ended_has_the_same_numbers_and_says_that_there_were_two(ran: Ran) -> None:
    assert [said["left"] for said in ran.said] == [["stopped"], ["stopped"]]
    result = ran.stores["left"].result(ran.phases["rgb"].key)
    assert result is not None
    assert json.loads(result.provenance.read_text())["world_size"] == 2
    assert_equal(ran.stores["left"], ran.stores["alone"], ran.phases["rgb"])


@spawns
def test_all_end_when_another_attempt_takes_the_phase_over(ran: Ran) -> None:
    assert [said["overtaken"] for said in ran.said] == [["elsewhere"], ["elsewhere"]]
    assert ran.stores["overtaken"].done(ran.phases["rgb"].key) is None


@spawns
def test_a_process_that_fails_keeps_its_error_and_the_others_end(ran: Ran) -> None:
    assert ran.said[1]["broken"] == ["ArithmeticError: a test breaks it"]
    assert "another of its 2 processes failed or was lost" in ran.said[0]["broken"][0]
    (attempt,) = ran.stores["broken"].attempts(ran.phases["rgb"].key)
    assert (attempt.failure() or {})["error"] == "ArithmeticError: a test breaks it"
    assert ran.stores["broken"].state(ran.phases["rgb"].key) == "failed"


@spawns
def test_what_the_first_process_fails_at_for_all_is_kept_with_its_traceback(ran: Ran) -> None:
    for said in ran.said:
        assert said["refused"] == [["failed", "NotToBeSent: a test breaks it"]]
    (attempt,) = ran.stores["refused"].attempts(ran.phases["rgb"].key)
    failure = attempt.failure() or {}
    assert failure["error"] == "NotToBeSent: a test breaks it"
    assert 'raise NotToBeSent("a test breaks it")' in failure["traceback"]
    assert not (attempt.folder / "stopped.json").exists()


@spawns
def test_a_phase_sets_how_products_are_computed_and_leaves_it_as_it_was(ran: Ran) -> None:
    assert ran.products == {"ieee"}
    assert torch.backends.cudnn.conv.fp32_precision == "tf32", "which is torch's default"


@spawns
def test_the_first_process_alone_publishes_and_says_how_many_there_were(ran: Ran) -> None:
    for way, processes, device in (("alone", 1, "cpu"), ("two", 2, "cpu"), ("two, pieces", 2, "cpu, 2 pieces a step")):
        result = ran.stores[way].result(ran.phases["rgb"].key)
        assert result is not None
        provenance = json.loads(result.provenance.read_text())
        assert (provenance["world_size"], provenance["device"]) == (processes, device)
        assert len(ran.stores[way].attempts(ran.phases["rgb"].key)) == 1
        steps = [record.step for record in read_records(result.records) if record.metric == "seconds"]
        assert steps == [1, 2, 3, 4]


def test_every_item_is_one_processs_and_the_first_process_never_goes_without() -> None:
    for count in range(9):
        parts = [ProcessGroup(rank, 4).part(range(count)) for rank in range(4)]
        assert sorted(item for part in parts for item in part) == list(range(count))
        assert len(parts[0]) == max(map(len, parts))


def test_processes_draw_differently_and_the_first_as_one_alone() -> None:
    words = [ProcessGroup(rank, 3).words for rank in range(3)]
    assert len(set(words)) == 3
    assert words[0] == ALONE.words == ()
