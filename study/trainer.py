"""One epoch of training after another: optimiser, schedule and clipping, with a state that can be saved and resumed.

Letters: B batch, C classes, T frame, H W rows and columns.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.settings import Frozen
from study.loader import Batch
from study.seeding import derive


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
    precision: Literal["fp32", "bf16"] = "fp32"


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


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Enter the precision that the forward pass runs in."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


class Diverged(ArithmeticError):
    """The loss is no longer a number."""


class Trainer:
    """Train one network for a fixed number of epochs.

    The learning rate is a function of the step, and the random state of an epoch is derived from `seed` and the epoch,
    so the saved state is weights, moments and the epoch: a resumed training repeats an undisturbed one bit for bit.

    Args:
        network: called with streams, returns `models.build.Output`.
        loss: of logits and labels.
        steps_per_epoch: how many batches an epoch has.
        seed: already derived for this phase.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        settings: OptimSettings,
        epochs: int,
        steps_per_epoch: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self.network = network
        self.loss = loss
        self.settings = settings
        self.steps = epochs * steps_per_epoch
        self.steps_per_epoch = steps_per_epoch
        self.seed = seed
        self.device = device
        self.optimiser = torch.optim.AdamW(
            parameter_groups(network, settings.weight_decay), lr=settings.lr, betas=settings.betas
        )

    def epoch(self, epoch: int, batches: Iterable[Batch], stop: Callable[[], None] = lambda: None) -> float:
        """Train epoch number `epoch` (from 1) and return the mean loss of its clips.

        Args:
            stop: called before every step; raises to end the epoch early.

        Raises:
            Diverged: the loss became infinite or NaN.
        """
        torch.manual_seed(derive(self.seed, "epoch", epoch))
        self.network.train()
        total = torch.zeros((), device=self.device)
        clips = 0
        for index, batch in enumerate(batches):
            stop()
            size = len(batch.labels_BC)
            total += self._step((epoch - 1) * self.steps_per_epoch + index, batch) * size
            clips += size
        mean = float(total) / clips
        if not math.isfinite(mean):
            raise Diverged(
                f"optim.lr: training diverged, the loss of epoch {epoch} is {mean}. "
                f"There is lr={self.settings.lr}, clip_norm={self.settings.clip_norm}. Lower optim.lr."
            )
        return mean

    def _step(self, step: int, batch: Batch) -> Tensor:
        for group in self.optimiser.param_groups:
            group["lr"] = lr_at(step, self.steps, self.settings)
        streams = {name: stream.to(self.device, non_blocking=True) for name, stream in batch.streams.items()}
        labels_BC = batch.labels_BC.to(self.device, non_blocking=True)
        with autocast(self.settings.precision, self.device):
            output = self.network(streams)
            loss = self.loss(output.logits_BC.float(), labels_BC)
            if output.distill is not None:
                loss = loss + output.distill
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if self.settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        self.optimiser.step()
        return loss.detach()

    def state(self) -> dict[str, Tensor]:
        """Give the optimiser's state as flat tensors: ``"<parameter index>.<name>"``."""
        state = self.optimiser.state_dict()["state"]
        return {
            f"{index}.{name}": torch.as_tensor(value) for index, own in state.items() for name, value in own.items()
        }

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what `state` gave."""
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            index, _, what = name.partition(".")
            state.setdefault(int(index), {})[what] = tensor
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})
