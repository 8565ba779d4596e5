"""One epoch of training after another: optimiser, schedule and clipping, with a state that can be saved and resumed.

Letters: B batch, C classes, T frame, H W rows and columns.
"""

import math
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from study.loader import Batch
from study.optim import OptimSettings, autocast, lr_at, parameter_groups
from study.seeding import derive


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
        groups = parameter_groups(network, settings.weight_decay)
        has_weights = any(group["params"] for group in groups)
        self.optimiser = torch.optim.AdamW(groups, lr=settings.lr, betas=settings.betas) if has_weights else None

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
        streams = {name: stream.to(self.device, non_blocking=True) for name, stream in batch.streams.items()}
        labels_BC = batch.labels_BC.to(self.device, non_blocking=True)
        with autocast(self.settings.precision, self.device):
            output = self.network(streams)
            loss = self.loss(output.logits_BC.float(), labels_BC)
            for logits_BC in output.sender_logits:
                loss = loss + self.loss(logits_BC.float(), labels_BC)
            if output.distill is not None:
                loss = loss + output.distill
        if self.optimiser is None:  # an estimate that nothing is trained of
            return loss.detach()
        for group in self.optimiser.param_groups:
            group["lr"] = lr_at(step, self.steps, self.settings)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if self.settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        self.optimiser.step()
        return loss.detach()

    def state(self) -> dict[str, Tensor]:
        """Give the optimiser's state as flat tensors: ``"<parameter index>.<name>"``."""
        state = {} if self.optimiser is None else self.optimiser.state_dict()["state"]
        return {
            f"{index}.{name}": torch.as_tensor(value) for index, own in state.items() for name, value in own.items()
        }

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what `state` gave."""
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            index, _, what = name.partition(".")
            state.setdefault(int(index), {})[what] = tensor
        if self.optimiser is not None:
            self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})
