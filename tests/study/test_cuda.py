"""What holds on a GPU alone, or must hold there too; skipped where torch finds none."""

from collections.abc import Iterator
from itertools import islice

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from models.attention import RelativePositions
from models.build import ClipShape, ModelSettings, Network, build, streams_of
from models.geometry import Grid
from models.loss.bce import Loss, Settings
from study import benching, made_up
from study.benching import Asked
from study.compute import Compute
from study.loader import Batch
from study.optim import OptimSettings, Precision, products
from study.trainer import Trainer
from study.training import be_deterministic
from tests.study.test_benching import PEER, TIMED

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")

GPU, CPU = torch.device("cuda"), torch.device("cpu")
SHAPE = ClipShape(4, 32)
TRUNK = {"width": 16, "depth": 4, "stage_starts": [1, 3], "drop_path": 0.0}
MODEL = ModelSettings.model_validate({"trunk": TRUNK, "tokens": {"count": 4}, "head_dropout": 0.0})
NEAR: dict[Precision, float] = {"fp32": 1e-4, "tf32": 5e-3, "bf16": 3e-2}


def network() -> Network:
    torch.manual_seed(0)
    return build(MODEL, 3, SHAPE)


def batches() -> list[Batch]:
    torch.manual_seed(1)
    clips = [made_up.batch(streams_of(MODEL), 4, SHAPE, "cpu") for _ in range(3)]
    return [Batch(streams, torch.randint(0, 2, (4, 3)).float(), torch.arange(4), 4) for streams in clips]


def trainer(compute: Compute, precision: Precision = "fp32") -> Trainer:
    trained, given = network(), batches()
    compute.ready(trained)
    settings = OptimSettings(lr=3e-3, precision=precision, warmup_fraction=0.0)
    return Trainer(trained, Loss(Settings()), settings, 4, len(given), 7, compute)


def losses(compute: Compute, precision: Precision = "fp32") -> list[float]:
    made = trainer(compute, precision)
    with products(precision):
        return [made.epoch(epoch, batches()) for epoch in (1, 2, 3)]


@pytest.fixture(autouse=True)
def _deterministic() -> Iterator[None]:
    be_deterministic(GPU)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("precision", NEAR)
def test_a_training_comes_to_the_losses_of_a_processor(precision: Precision) -> None:
    assert losses(Compute(GPU), precision) == pytest.approx(losses(Compute(CPU)), rel=NEAR[precision], abs=1e-3)


WAYS = {
    "accumulate": Compute(GPU, accumulate=2),
    "recompute_blocks": Compute(GPU, recompute_blocks=True),
    "channels_last": Compute(GPU, channels_last=True),
    "compile": Compute(GPU, compile=True),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_to_compute_changes_the_losses(way: str) -> None:
    assert losses(WAYS[way]) == pytest.approx(losses(Compute(GPU)), rel=1e-3)


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_a_step_never_waits_for_the_gpu(precision: Precision) -> None:
    made = trainer(Compute(GPU), precision)
    first, *others = batches()
    made._step(0, first)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        with products(precision):
            for step, batch in enumerate(others, start=1):
                made._step(step, batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert made.optimiser is not None
    assert made.optimiser.defaults["fused"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_attention_takes_the_flash_kernel_with_its_positions(dtype: torch.dtype) -> None:
    grids = (Grid(2, 4, 4), Grid(2, 2, 2))
    positions = RelativePositions(96, 3, *grids).to(GPU)
    q, k, v = (torch.randn(2, 2, 3 + grid.patches, 96, device=GPU, requires_grad=True) for grid in (*grids, grids[1]))
    with torch.autocast("cuda", dtype), sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        attended = positions(q, k, v)
        attended.float().square().sum().backward()
    wanted = positions.cpu()(*(each.detach().cpu() for each in (q, k, v)))
    torch.testing.assert_close(attended.float().cpu(), wanted, rtol=0, atol=3e-2)
    assert all(table.grad is not None and table.grad.any() for table in positions.parameters())


def test_a_benchmark_measures_it() -> None:
    asked = Asked(MODEL, OptimSettings(batch=2), ClipShape(2, 16), GPU, batch=2, repeats=2, peer=PEER)
    assert [ratio.what for ratio in islice(benching.measure(asked), len(TIMED))] == [
        what.replace("4 tokens", "8 tokens") for what in TIMED
    ]
