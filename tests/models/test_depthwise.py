import pytest
import torch
from torch import Tensor
from torch.nn import functional

from models.depthwise import convolve
from models.geometry import Triple

CASES = [
    ((1, 1, 1), (3, 3, 3), (4, 6, 6)),
    ((1, 2, 2), (3, 3, 3), (4, 6, 7)),
    ((1, 8, 8), (3, 3, 3), (2, 15, 16)),
    ((2, 1, 3), (3, 1, 5), (5, 4, 7)),
    ((1, 4, 4), (3, 3, 3), (1, 2, 2)),
]


@pytest.mark.parametrize(("stride", "kernel", "size"), CASES)
def test_the_convolution_and_its_gradients_are_those_of_torch(stride: Triple, kernel: Triple, size: Triple) -> None:
    volume = torch.randn(2, 5, *size, dtype=torch.float64, requires_grad=True)
    kernels = torch.randn(5, 1, *kernel, dtype=torch.float64, requires_grad=True)
    padding = tuple(side // 2 for side in kernel)
    ours = convolve(volume, kernels, stride)
    theirs = functional.conv3d(volume, kernels, stride=stride, padding=padding, groups=5)
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn_like(theirs)

    def gradients(out: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad((out * weights).sum(), (volume, kernels))

    for own, their in zip(gradients(ours), gradients(theirs), strict=True):
        torch.testing.assert_close(own, their)


@pytest.mark.parametrize("learns", ["volume", "kernels"])
def test_only_the_gradient_that_is_asked_for_is_computed(learns: str) -> None:
    inputs = {"volume": torch.randn(1, 2, 2, 3, 3), "kernels": torch.randn(2, 1, 3, 3, 3)}
    inputs[learns].requires_grad_()
    with torch.profiler.profile() as profiled:
        convolve(*inputs.values(), (1, 1, 1)).sum().backward()
    ran = {event.key for event in profiled.key_averages()}
    assert ("aten::flip" in ran) == (learns == "volume")
    assert ("aten::convolution_backward" in ran) == (learns == "kernels")
