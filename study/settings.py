"""All settings of a trial: one tree, whose dotted paths are the names used in specs, ledger and charts.

What belongs to one part of the code stands beside it; here the parts are put together.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, SerializeAsAny, model_validator

from models.build import ModelSettings, reads_receivers
from models.settings import Frozen, Variant, named, outside
from study.augment import AugmentSettings
from study.damage import ProbeSettings
from study.inference import InferenceSettings
from study.machine import cores
from study.optim import OptimSettings
from study.subset import LabelSettings, TrainSettings

Channels = tuple[float, float, float]
Positive = Annotated[int, Field(ge=1)]
Source = Annotated[SerializeAsAny[Frozen], *Variant.of("experiments.data")]


class FrameSettings(Frozen):
    """How the frames of a clip reach the network, whatever data set it comes from."""

    frames: Positive = 8
    """Frames the network sees of a clip."""
    size: Positive = 64
    """Their height and width, px."""
    stride: Positive | None = None
    """Video frames from one sampled frame to the next; null spreads the frames over the whole clip."""
    fit: Literal["crop", "squash"] = "crop"
    """Short side to size, then the centre square; or both sides to size."""
    margin: Annotated[int, Field(ge=0)] = 8
    """Pixels kept beyond `size`, for random crops."""
    slack: Annotated[int, Field(ge=0)] = 2
    """Frames taken beyond `frames`, so that there are `slack` + 1 places to start from."""
    cache: Literal["memmap", "none"] = "memmap"
    """Decode all clips once (memmap), or each whenever it is needed (none).

    Of a clip, memmap keeps `frames` + `slack` frames, with a stride those around its middle, and random starts and
    views move within them. With none and a stride they move over the whole clip, which is another training; without a
    stride both take the same frames.
    """
    views: Positive = 1
    """Temporal clips whose scores are averaged in evaluation; no more than there are places to start from."""
    augment: AugmentSettings = AugmentSettings()
    mean: Channels = (0.45, 0.45, 0.45)
    """Subtracted from red, green and blue in [0, 1]."""
    std: Channels = (0.225, 0.225, 0.225)
    """What they are divided by afterwards."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if min(self.std) <= 0:
            raise ValueError(f"std must be positive for each channel, but got {list(self.std)}.")
        within_slack = self.cache == "memmap" or self.stride is None
        if within_slack and self.views > self.slack + 1:
            raise ValueError(
                f"views must be at most slack + 1 = {self.slack + 1}, but got {self.views}: there are no more places "
                f"to start from, and views would repeat. Raise data.slack to {self.views - 1}, or start anywhere in "
                f"the clip (data.cache: none, with a data.stride)."
            )
        return self


class SeenSettings(FrameSettings):
    """What a phase sees of a data set, whichever it is."""

    labels: LabelSettings = LabelSettings()
    train: TrainSettings = TrainSettings()


class DataSettings(SeenSettings):
    """Which clips, and what is seen of them."""

    source: Source = named("synthetic")
    """One reader in `experiments/data`."""
    limit: Positive | None = None
    """At most this many clips of each split, spread over its activities; all of them, if null."""

    def of_frames(self) -> FrameSettings:
        """Give how frames are taken, apart from which clips they are taken of."""
        return FrameSettings(**{name: getattr(self, name) for name in FrameSettings.model_fields})

    def of_phase(self) -> SeenSettings:
        """Give what a phase sees, apart from which data set it is."""
        return SeenSettings(**{name: getattr(self, name) for name in SeenSettings.model_fields})


class PhasesSettings(Frozen):
    """How long each phase trains, in epochs."""

    rgb_epochs: Positive = 40
    sender_epochs: Positive = 40
    joint_epochs: Positive = 10
    evaluate_every: Positive = 1
    """Epochs from one measurement of the validation splits to the next; the last epoch is always measured."""


class Resources(Frozen):
    """Where and with how much a phase runs; none of it changes a number, and none of it enters a key.

    Bit for bit that holds on an equal device; elsewhere, in pieces, in another layout or compiled, up to rounding, and
    up to what dropout and drop path draw.
    """

    device: str = outside("cpu", pattern=r"^(cpu|mps|cuda(:\d+)?)$")
    """`cpu`, `cuda`, `cuda:1` or `mps`."""
    workers: int | None = outside(None, ge=1)
    """Phases that run at once on this machine; null for one a core on the CPU, and one on any other device."""
    threads: int = outside(1, ge=1)
    """Threads of each of them. Two workers of one thread do more than one of two."""
    loader_workers: int = outside(0, ge=0)
    """Processes that decode clips beside each training where none are cached; 0 decodes in the training process."""
    recompute_blocks: bool = outside(False)
    """Compute each block again in the backward pass instead of keeping it: less memory, more time."""
    accumulate: int = outside(1, ge=1)
    """Pieces in which a process takes its part of a batch, one after another, before each step: less memory."""
    channels_last: bool = outside(False)
    """Keep pictures with their channels last (`channels_last_3d`), which some convolutions are faster with."""
    compile: bool = outside(False)
    """Compile networks (`torch.compile`): a minute or more to begin with, then faster on a GPU."""


class Signatures(Frozen):
    """From where on the page speaks of a failure that the paper warns of; no number depends on them."""

    overfitting: float = outside(10.0, ge=0)
    """mAP on seen activities minus that on unseen ones, each above chance, points."""
    reliance: float = outside(2.0, ge=0)
    """mAP with true sender tokens in place of the receivers minus that with RGB alone, points."""
    instability: float = outside(0.1, ge=0, le=1)
    """Mean difference of the scores of two alike activities, on the muscle groups that they agree about."""
    alike: float = outside(0.6, gt=0, le=1)
    """Jaccard index of their muscle groups from which on two activities are alike."""
    damage: float = outside(5.0, ge=0)
    """mAP on clean clips minus that on damaged ones, points."""


class Settings(Frozen):
    """Everything that a spec can vary."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    optim: OptimSettings = OptimSettings()
    phases: PhasesSettings = PhasesSettings()
    probe: ProbeSettings = ProbeSettings()
    signatures: Signatures = Signatures()
    inference: InferenceSettings = InferenceSettings()
    resources: Resources = Resources()

    @model_validator(mode="after")
    def _sender_tokens_have_a_sender_and_a_place(self) -> Self:
        model = self.model
        has_both = model.distill.needs_receivers and reads_receivers(model) and model.baseline.is_none
        if self.probe.tokens == "sender" and not has_both:
            raise ValueError(
                "probe.tokens: sender tokens need an arm whose receivers follow senders (model.distill), a fusion that "
                "reads receivers (model.fusion) and no baseline. Choose other ones, or tokens: receivers."
            )
        return self


def workers_of(resources: Resources) -> int:
    """Give how many phases run at once on this machine."""
    if resources.workers is not None:
        return resources.workers
    return cores() if resources.device == "cpu" else 1
