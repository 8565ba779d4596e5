"""Steps in every precision, in pieces and compiled; that all of it goes on as if it had never been interrupted."""

import os
import shutil

import pytest
import torch

from models.build import ClipShape, Network, RgbModel, build, own_state
from models.loss.bce import Loss, Settings
from study.compute import Compute
from study.loader import Batch
from study.optim import OptimSettings, Precision, gradient_scaler, products
from study.trainer import Trainer

CPU = torch.device("cpu")
TRUNK = {"width": 8, "depth": 2, "stage_starts": [1], "drop_path": 0.2}
MODEL = RgbModel.model_validate({"trunk": TRUNK, "tokens": {"count": 2}, "head_dropout": 0.2})
PRECISIONS: tuple[Precision, ...] = ("fp32", "tf32", "bf16", "fp16")


def network() -> Network:
    torch.manual_seed(0)
    return build(MODEL, 3, ClipShape(2, 16, None))


def batches() -> list[Batch]:
    drawn = torch.Generator().manual_seed(1)
    clips = [torch.randn(size, 3, 2, 16, 16, generator=drawn) for size in (4, 4, 3)]
    labels = [torch.randint(0, 2, (len(clip), 3), generator=drawn).float() for clip in clips]
    return [
        Batch({"rgb": clip}, label, torch.arange(len(clip)), len(clip))
        for clip, label in zip(clips, labels, strict=True)
    ]


def trainer(precision: Precision, compute: Compute | None = None, epochs: int = 3) -> Trainer:
    compute = compute or Compute(CPU)
    trained, given = network(), batches()
    compute.ready(trained)
    settings = OptimSettings(lr=3e-3, precision=precision, warmup_fraction=0.0)
    return Trainer(trained, Loss(Settings()), settings, epochs, len(given), 7, compute)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_trains_on_the_processor(precision: Precision) -> None:
    with products(precision):
        made = trainer(precision, epochs=12)
        losses = [made.epoch(epoch, batches()) for epoch in range(1, 13)]
    assert losses[-1] < losses[0] - 0.02
    reference = trainer("fp32", epochs=12).epoch(1, batches())
    assert losses[0] == pytest.approx(reference, abs=0.1)  # fp16 leaves the first steps out, until its scale fits
    assert (losses[0] == reference) == (precision in ("fp32", "tf32"))  # no processor here has products of 10 bits


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_training_that_is_resumed_equals_one_that_never_stopped(precision: Precision) -> None:
    whole = trainer(precision)
    expected = [whole.epoch(epoch, batches()) for epoch in (1, 2, 3)]
    first, second = trainer(precision), trainer(precision)
    assert first.epoch(1, batches()) == expected[0]
    second.network.load_state_dict(first.network.state_dict())
    second.load_state({name: tensor.clone() for name, tensor in first.state().items()})
    assert [second.epoch(epoch, batches()) for epoch in (2, 3)] == expected[1:]


def scaled(scale: float) -> dict[str, torch.Tensor]:
    return {"scaler.scale": torch.tensor(scale), "scaler._growth_tracker": torch.tensor(0)}


def test_the_scale_of_fp16_is_part_of_the_state() -> None:
    made, again = trainer("fp16"), trainer("fp16")
    made.load_state(scaled(2.0**9))
    made.epoch(1, batches())
    assert made.scaler.get_scale() == 2.0**9
    again.load_state(made.state())
    assert again.scaler.state_dict() == made.scaler.state_dict()
    assert again.scaler.state_dict()["_growth_tracker"] == len(batches())
    assert not any(name.startswith("scaler") for name in trainer("bf16").state())


def test_a_step_of_fp16_that_overflows_is_left_out_and_the_scale_halved() -> None:
    made = trainer("fp16")
    made.load_state(scaled(2.0**127))
    before = {name: value.clone() for name, value in made.network.state_dict().items()}
    made.epoch(1, batches()[:1])
    assert all(torch.equal(value, before[name]) for name, value in made.network.state_dict().items())
    assert made.scaler.get_scale() == 2.0**126


def test_only_fp16_scales_its_loss() -> None:
    assert [gradient_scaler(precision, CPU).is_enabled() for precision in PRECISIONS] == [False, False, False, True]


def test_products_are_as_the_precision_says_and_as_before_afterwards() -> None:
    def of_now() -> list[str]:
        backends = (torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.mkldnn.matmul)
        return [backend.fp32_precision for backend in backends]

    before = of_now()
    said: tuple[tuple[Precision, str], ...] = (("tf32", "tf32"), ("fp32", "ieee"), ("bf16", "ieee"), ("fp16", "ieee"))
    for precision, meant in said:
        with products(precision):
            assert of_now() == [meant] * 3
        assert of_now() == before


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_pieces_are_the_whole_batch_and_their_shares_add_up(count: int) -> None:
    batch = batches()[0]._replace(whole=8)
    pieces = batch.pieces(count)
    assert torch.equal(torch.cat([piece.streams["rgb"] for piece in pieces]), batch.streams["rgb"])
    assert torch.equal(torch.cat([piece.labels_BC for piece in pieces]), batch.labels_BC)
    assert len(pieces) == {1: 1, 2: 2, 3: 2, 9: 4}[count]
    assert sum(piece.share for piece in pieces) == pytest.approx(0.5)
    assert not any(piece.share for piece in batch._replace(is_counted=False).pieces(count))


def test_channels_come_last_in_pictures_and_convolutions_and_nowhere_else() -> None:
    compute = Compute(CPU, channels_last=True)
    made = network()
    compute.ready(made)
    streams = compute.moved({"rgb": torch.zeros(2, 3, 4, 5, 6), "skeleton": torch.zeros(2, 4, 5, 2)})
    for tensor in (streams["rgb"], made.get_parameter("trunk.patches.weight")):
        assert tensor.is_contiguous(memory_format=torch.channels_last_3d)
        assert not tensor.is_contiguous()
    assert streams["skeleton"].is_contiguous()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which(os.environ.get("CXX", "g++")) is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_network_comes_to_the_same_numbers_under_the_same_names() -> None:
    plain, compiled = trainer("fp32"), trainer("fp32", Compute(CPU, compile=True))
    given = batches()[:2]  # of one size: another one would be compiled for again
    for epoch in (1, 2):
        assert compiled.epoch(epoch, given) == pytest.approx(plain.epoch(epoch, given), abs=1e-5)
    ours, theirs = own_state(compiled.network), own_state(plain.network)  # type: ignore[arg-type]
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], atol=1e-3, rtol=1e-3, msg=name)
