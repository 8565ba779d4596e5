"""Batches of clips: from the cache in this process, or decoded on the fly by others.

Letters: B batch, T frame, C channel (or class, of labels), H W rows and columns, J joints, A axes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from experiments.clip import DataSet
from study.cache import Cache
from study.decoder import Decoder

if TYPE_CHECKING:
    from study.settings import FrameSettings


class Batch(NamedTuple):
    """Some clips.

    Attributes:
        streams: rgb (B, 3, T, H, W) normalised; depth (B, 1, T, H, W) in [0, 1]; skeletons (B, T, J, 2 or 3), NaN
            where a joint is missing.
        labels_BC: 1 where a muscle group works, else 0.
        index_B: positions in the data set's clips.
    """

    streams: dict[str, Tensor]
    labels_BC: Tensor
    index_B: Tensor


class Loader:
    """Training and evaluation batches of a data set.

    With a cache, batches are put together here: slicing 16 small clips takes about as long as handing them over
    from another process. Without one, `loader_workers` processes decode ahead; one iteration may run at a time.

    Args:
        streams: what a batch holds.
        loader_workers: processes that decode; 0 decodes here. Not used with a cache.
    """

    def __init__(
        self,
        dataset: DataSet,
        settings: "FrameSettings",
        cache: Cache | None,
        streams: Sequence[str] = ("rgb",),
        loader_workers: int = 0,
    ) -> None:
        self.dataset = dataset
        self.settings = settings
        self._streams = tuple(streams)
        self._labels_NC = _labels(dataset)
        self._mean = torch.tensor(settings.mean).view(1, 3, 1, 1, 1)
        self._std = torch.tensor(settings.std).view(1, 3, 1, 1, 1)
        self._arrays = None if cache is None else {name: cache.stream(name) for name in self._streams}
        self._decoder = None if cache else Decoder(dataset, settings, self._streams, loader_workers)
