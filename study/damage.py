"""What a finished network is shown besides clean clips: frames dropped, blurred or shuffled, and true sender tokens.

Nothing is trained on any of it: a probe measures what it costs. Damage is a function of seed and clip.

Letters: B batch, T frame, C channel, H W rows and columns, J joints, A axes.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from models.settings import Frozen
from study.seeding import derive

SKELETON_AXES = 4  # (B, T, J, A); pictures are (B, C, T, H, W)


class ProbeSettings(Frozen):
    """What is shown after the training; with anything but the defaults, a trial's numbers are those of its probe."""

    input: Literal["clean", "dropped", "blurred", "shuffled"] = "clean"
    """Clips as they are; frames that show the one before them; Gaussian blur; frames in any order."""
    dropped: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the frames that are dropped; at least one is, and never the first."""
    blur: Annotated[float, Field(gt=0, le=0.3)] = 0.03
    """Standard deviation of the blur, as a share of the frame's side."""
    tokens: Literal["receivers", "sender"] = "receivers"
    """What fusion gets: the receivers, or what they learned to be, the tokens of a sender that sees its modality."""

    @property
    def is_none(self) -> bool:
        """Tell whether nothing is shown but what the training measures anyway."""
        return self.input == "clean" and self.tokens == "receivers"


def damaged(
    streams: Mapping[str, Tensor], clips: Sequence[str], settings: ProbeSettings, seed: int
) -> dict[str, Tensor]:
    """Damage a batch; skeletons, which have no pixels, are not blurred.

    Args:
        clips: names of the batch's clips.
        seed: of the trial.
    """
    if settings.input == "clean":
        return dict(streams)
    if settings.input == "blurred":
        pictures = {name: stream for name, stream in streams.items() if stream.dim() > SKELETON_AXES}
        return {**streams, **{name: _blurred(stream, settings.blur) for name, stream in pictures.items()}}
    return {name: _moved(stream, clips, settings, seed) for name, stream in streams.items()}


def _moved(stream: Tensor, clips: Sequence[str], settings: ProbeSettings, seed: int) -> Tensor:
    """Take other frames of each clip than those that are there."""
    axis = 1 if stream.dim() == SKELETON_AXES else 2
    shown = [_frames(settings, stream.shape[axis], seed, clip) for clip in clips]
    return torch.stack([clip.index_select(axis - 1, index_T) for clip, index_T in zip(stream, shown, strict=True)])


def _frames(settings: ProbeSettings, frames: int, seed: int, clip: str) -> Tensor:
    """Choose the frame that is shown at each moment."""
    generator = np.random.Generator(np.random.PCG64(derive(seed, "damage", settings.input, clip)))
    if settings.input == "shuffled":
        return torch.from_numpy(generator.permutation(frames))
    shown_T: NDArray[np.int64] = np.arange(frames)
    later = generator.permutation(np.arange(1, frames))  # the first is always there
    lost = later[: max(1, round(settings.dropped * frames))]
    shown_T[lost] = 0
    return torch.from_numpy(np.maximum.accumulate(shown_T))


def _blurred(stream_BCTHW: Tensor, share: float) -> Tensor:
    from torchvision.transforms.v2 import functional

    sigma = share * stream_BCTHW.shape[-1]
    kernel = 2 * int(3 * sigma) + 1
    frames = stream_BCTHW.transpose(1, 2).flatten(0, 1)
    blurred = functional.gaussian_blur(frames, [kernel, kernel], [sigma, sigma])
    damaged_BTCHW: Tensor = blurred.unflatten(0, (len(stream_BCTHW), -1))
    return damaged_BTCHW.transpose(1, 2)
