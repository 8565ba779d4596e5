"""One epoch of training after another: optimiser, schedule and clipping, with a state that can be saved and resumed.

Letters: B batch, C classes, T frame, H W rows and columns.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from study.checkpoint import Part
from study.compute import Compute
from study.loader import Batch
from study.optim import OptimSettings, autocast, gradient_scaler, lr_at, parameter_groups
from study.seeding import derive

SCALER = "scaler"
SCALED = ("scale", "_growth_tracker")
"""What changes in a scaler of gradients."""


class Diverged(ArithmeticError):
    """The loss is no longer a number."""


class Trainer:
    """Train one network for a fixed number of epochs, with other processes if there are any.

    An epoch that is broken off can be taken up where it was (`part`).

    The learning rate is a function of the step, and the random state of an epoch is derived from `seed` and the epoch,
    so the saved state is weights, moments and the epoch: a resumed training of one or two processes repeats an
    undisturbed one bit for bit. With more it differs by rounding: DistributedDataParallel sorts gradients into other
    buckets after its first step, and three or more numbers are added up in another order.

    Args:
        network: called with streams, returns `models.build.Output`; `compute` has made it ready.
        loss: of logits and labels, the mean over clips.
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
        compute: Compute,
    ) -> None:
        self.network = network
        self.loss = loss
        self.settings = settings
        self.steps = epochs * steps_per_epoch
        self.steps_per_epoch = steps_per_epoch
        self.seed = seed
        self.compute = compute
        self.scaler = gradient_scaler(settings.precision, compute.device)
        self.averaging = compute.group.averaging(network)
        groups = parameter_groups(network, settings.weight_decay)
        has_weights = any(group["params"] for group in groups)
        self.optimiser = (
            torch.optim.AdamW(groups, lr=settings.lr, betas=settings.betas, fused=True) if has_weights else None
        )
        self.part: Part | None = None

    def epoch(
        self,
        epoch: int,
        batches: Iterable[Batch],
        stop: Callable[[], None] = lambda: None,
        part: Part | None = None,
    ) -> float:
        """Train epoch number `epoch` (from 1) and return the mean loss of its clips, those of all processes.

        Args:
            batches: those after `part`.
            stop: called before every step; raises to end the epoch early, and then `self.part` says how far it came.
            part: of the epoch that is done already.

        Raises:
            Diverged: the loss became infinite or NaN.
        """
        total, clips, taken = torch.zeros((), device=self.compute.device), 0, 0
        if part:
            total, clips, taken = part.total.to(self.compute.device), part.clips, part.batches
        words = ("epoch", epoch, *self.compute.group.words, *(("from", taken) if taken else ()))
        torch.manual_seed(derive(self.seed, *words))
        if part and part.random is not None:
            self.compute.set_random_state(part.random)
        self.averaging.train()
        try:
            for batch in batches:
                stop()
                total = total + self._step((epoch - 1) * self.steps_per_epoch + taken, batch) * batch.whole
                clips += batch.whole
                taken += 1
        finally:
            self.part = Part(taken, clips, total.cpu(), self.compute.random_state())
        mean = float(self.compute.group.summed(total)) / clips
        if not math.isfinite(mean):
            raise Diverged(
                f"optim.lr: training diverged, the loss of epoch {epoch} is {mean}. "
                f"There is lr={self.settings.lr}, clip_norm={self.settings.clip_norm}. Lower optim.lr."
            )
        return mean

    def _step(self, step: int, batch: Batch) -> Tensor:
        """Take one step, and give the part of the whole batch's mean loss that is of this process's clips."""
        if self.optimiser is None:  # an estimate that nothing is trained of
            return self._share(batch).detach()
        for group in self.optimiser.param_groups:
            group["lr"] = lr_at(step, self.steps, self.settings)
        self.optimiser.zero_grad(set_to_none=True)
        loss = self._backward(batch.pieces(self.compute.accumulate))
        if self.settings.clip_norm is not None:
            self.scaler.unscale_(self.optimiser)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return loss

    def _backward(self, pieces: Sequence[Batch]) -> Tensor:
        """Leave every process the gradient of the whole batch's mean loss, which is the sum of all shares."""
        total = torch.zeros((), device=self.compute.device)
        for number, piece in enumerate(pieces):
            with self.compute.unsynchronised(self.averaging, number, len(pieces)):
                loss = self._share(piece)
                self.scaler.scale(loss * self.compute.group.size).backward()  # the processes' gradients are averaged
            total += loss.detach()
        return total

    def _share(self, piece: Batch) -> Tensor:
        """Give the part of the whole batch's mean loss that is of `piece`."""
        streams, labels_BC = self.compute.moved(piece.streams), self.compute.moved_labels(piece.labels_BC)
        with autocast(self.settings.precision, self.compute.device):
            output = self.averaging(streams)
            loss = self.loss(output.logits_BC.float(), labels_BC)
            for logits_BC in output.sender_logits:
                loss = loss + self.loss(logits_BC.float(), labels_BC)
            if output.distill is not None:
                loss = loss + output.distill
        return loss * piece.share

    def state(self) -> dict[str, Tensor]:
        """Give the optimiser's state as flat tensors: ``"<parameter index>.<name>"``, and ``"scaler.<name>"``."""
        state = {} if self.optimiser is None else self.optimiser.state_dict()["state"]
        if self.scaler.is_enabled():
            state = state | {SCALER: {name: self.scaler.state_dict()[name] for name in SCALED}}
        return {
            f"{index}.{name}": torch.as_tensor(value) for index, own in state.items() for name, value in own.items()
        }

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what `state` gave."""
        state: dict[int, dict[str, Tensor]] = {}
        scaler: dict[str, float] = {}
        for name, tensor in tensors.items():
            index, _, what = name.partition(".")
            if index == SCALER:
                scaler[what] = tensor.item()
            else:
                state.setdefault(int(index), {})[what] = tensor
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(self.scaler.state_dict() | scaler)
        if self.optimiser is not None:
            self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})
