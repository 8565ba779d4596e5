"""Depthwise convolution of volumes: one kernel a channel, of odd size, padded by half of it.

On a CPU torch takes several times as long for the gradient of its input as for the convolution itself. That gradient is
a convolution too: of the output's gradient, with zeros where a stride left places out, by the mirrored kernels.

Letters: B batch, C channels, T H W frames, rows, columns.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv3d_weight

from models.geometry import Triple, half


def convolve(volume_BCTHW: Tensor, kernels: Tensor, stride: Triple) -> Tensor:
    """Convolve each channel with its own kernel; on a CPU in the kernels' precision, also under autocast.

    The CPU's own bfloat16 gradient of a convolution of two frames is wrong.

    Shapes:
        (B, C, T, H, W), kernels (C, 1, frames, rows, columns) -> (B, C, pooled T, pooled H, pooled W)
    """
    channels_last = torch.channels_last_3d
    if volume_BCTHW.device.type != "cpu":
        return _convolve(volume_BCTHW.contiguous(memory_format=channels_last), kernels, stride)
    with torch.autocast("cpu", enabled=False):
        volume_BCTHW = volume_BCTHW.to(kernels.dtype).contiguous(memory_format=channels_last)
        done: Tensor = _OnCpu.apply(volume_BCTHW, kernels, stride)
    return done


def _convolve(volume_BCTHW: Tensor, kernels: Tensor, stride: Triple) -> Tensor:
    return functional.conv3d(volume_BCTHW, kernels, stride=stride, padding=_padding(kernels), groups=len(kernels))


def _padding(kernels: Tensor) -> Triple:
    frames, rows, columns = kernels.shape[2:]
    return half((frames, rows, columns))


class _OnCpu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, volume_BCTHW: Tensor, kernels: Tensor, stride: Triple) -> Tensor:
        ctx.save_for_backward(volume_BCTHW, kernels)
        ctx.stride = stride
        return _convolve(volume_BCTHW, kernels, stride)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (gradient,), (volume, kernels) = gradients, ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last_3d)
        of_volume = of_kernels = None
        if ctx.needs_input_grad[0]:
            of_volume = _convolve(_apart(gradient, volume, ctx.stride), kernels.flip(2, 3, 4), (1, 1, 1))
        if ctx.needs_input_grad[1]:
            of_kernels = conv3d_weight(
                volume, kernels.shape, gradient, ctx.stride, _padding(kernels), groups=len(kernels)
            )
        return of_volume, of_kernels, None


def _apart(gradient: Tensor, volume: Tensor, stride: Triple) -> Tensor:
    """Put zeros where the stride left places out, so that it is as large as the volume."""
    if max(stride) == 1:
        return gradient
    apart = torch.zeros_like(volume, memory_format=torch.channels_last_3d)
    frames, rows, columns = stride
    apart[:, :, ::frames, ::rows, ::columns] = gradient
    return apart
