"""The optimiser of every phase: AdamW, what it decays, and its learning rate at every step."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal

import torch
from pydantic import Field
from torch import nn

from models.settings import Frozen

Precision = Literal["fp32", "tf32", "bf16", "fp16"]
_HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class OptimSettings(Frozen):
    """AdamW with a linear warm-up and a cosine decay, one cycle per phase (MODEL.md: lr 1e-4, weight decay 0.05)."""

    lr: float = Field(1e-4, gt=0)
    start_lr: float = Field(1e-6, ge=0)
    final_lr: float = Field(1e-6, ge=0)
    warmup_fraction: float = Field(0.1, ge=0, le=1)
    joint_lr_factor: float = Field(1.0, gt=0)
    """What `lr` is multiplied by in the joint phase, which starts from trained weights."""
    weight_decay: float = Field(0.05, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    batch: int = Field(16, ge=1)
    """Global batch: all devices together."""
    clip_norm: float | None = Field(1.0, gt=0)
    precision: Precision = "fp32"
    """fp32, or its products with 10 bits where the device can (tf32); or half of the bits in the forward pass, bf16, or
    fp16 with a scaled loss."""

    def pretraining(self) -> "OptimSettings":
        """Give what the phases before the joint one see: not the joint phase's own factor."""
        return self.model_copy(update={"joint_lr_factor": 1.0})

    def joint(self) -> "OptimSettings":
        """Give what the joint phase sees: its own learning rate, already multiplied."""
        return self.model_copy(update={"lr": self.lr * self.joint_lr_factor, "joint_lr_factor": 1.0})


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """Enter the precision that the forward pass runs in."""
    return torch.autocast(device.type, _HALVES.get(precision, torch.bfloat16), enabled=precision in _HALVES)


@contextmanager
def products(precision: Precision) -> Iterator[None]:
    """Have matrix products and convolutions of fp32 numbers computed as `precision` says, and as before afterwards.

    torch's own default is neither: it uses TF32 in convolutions and not in products.
    """
    with torch.backends.flags(fp32_precision="tf32" if precision == "tf32" else "ieee"):
        yield


def gradient_scaler(precision: Precision, device: torch.device) -> torch.amp.GradScaler:
    """Give what keeps small gradients of fp16 from vanishing; it does nothing for another precision."""
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")


def lr_at(step: int, steps: int, settings: OptimSettings) -> float:
    """Give the learning rate of `step` (from 0) out of `steps`: linear warm-up, then half a cosine."""
    warmup = settings.warmup_fraction * steps
    if step < warmup:
        return settings.start_lr + (settings.lr - settings.start_lr) * (step + 1) / (warmup + 1)
    share = (step - warmup) / max(steps - warmup, 1)
    return settings.final_lr + (settings.lr - settings.final_lr) * 0.5 * (1 + math.cos(math.pi * share))


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the trainable parameters: those with one dimension (biases, norms, gates) are not decayed."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in trainable if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trainable if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
