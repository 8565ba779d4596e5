"""Batches of clips, from the cache or decoded on the fly.

Letters: B batch, N clips, T frame, C channel (or class, of labels), H W rows and columns, J joints, A axes.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experiments.clip import DataSet
from study import augment, sampling
from study.augment import Draw
from study.cache import Cache
from study.decoder import Decoder, Item, cut, mirror_of
from study.distributed import ALONE, ProcessGroup
from study.seeding import derive
from study.settings import SeenSettings
from study.subset import Subset


class Batch(NamedTuple):
    """Some clips.

    Attributes:
        streams: rgb (B, 3, T, H, W) normalised; other pictures (B, 1 or 2, T, H, W) from 0 to 1; skeletons
            (B, T, J, 2 or 3), NaN where a joint is missing.
        labels_BC: 1 where a muscle group works, else 0.
        index_B: positions in the data set's clips.
        whole: how many clips all processes together have of this batch.
        is_counted: they count; a process that would have none has one that does not.
        motion_B: mean change of a pixel's channels from one frame to the next, in grey levels from 0 to 255; known in
            evaluation, where there are pictures, else None.
    """

    streams: dict[str, Tensor]
    labels_BC: Tensor
    index_B: Tensor
    whole: int
    is_counted: bool = True
    motion_B: Tensor | None = None

    @property
    def share(self) -> float:
        """The part of the whole batch that these clips are."""
        return len(self.index_B) / self.whole if self.is_counted else 0.0

    def pieces(self, count: int) -> "list[Batch]":
        """Split it into `count` pieces of the same whole batch, or into single clips if there are fewer."""
        size = -(-len(self.index_B) // count)
        places = [slice(first, first + size) for first in range(0, len(self.index_B), size)]
        return [
            self._replace(
                streams={name: stream[place] for name, stream in self.streams.items()},
                labels_BC=self.labels_BC[place],
                index_B=self.index_B[place],
                motion_B=None if self.motion_B is None else self.motion_B[place],
            )
            for place in places
        ]


class _Part(NamedTuple):
    """What one process has of a batch, as `Batch` says."""

    items: Sequence[Item]
    whole: int
    is_counted: bool


class Loader:
    """Training and evaluation batches of a data set; equal seeds and epochs give equal batches.

    With a cache, batches are put together in this process: that takes no longer than to receive them from another.
    Without one, `loader_workers` processes decode ahead, or this one with none; then one iteration may run at a time.

    Of every batch each process of a group has its part; how many processes or workers there are changes neither the
    batches nor a clip's augmentation.

    Args:
        subset: which clips are trained on, and the labels that are learned.
    """

    def __init__(
        self,
        dataset: DataSet,
        settings: SeenSettings,
        cache: Cache | None,
        subset: Subset,
        streams: Sequence[str] = ("rgb",),
        loader_workers: int = 0,
        group: ProcessGroup = ALONE,
    ) -> None:
        self._group = group
        self._clips = dataset.clips
        self._settings = settings
        self._mirror = mirror_of(dataset)
        self._labels_NC = torch.from_numpy(subset.labels_NC)
        self._train = list(subset.train)
        self._source = Decoder(dataset, settings, streams, loader_workers) if cache is None else None
        self._arrays = {} if cache is None else {name: cache.stream(name).view(np.ndarray) for name in streams}
        self._scale = 1 / (255 * torch.tensor(settings.std).view(1, 3, 1, 1, 1))
        self._shift = -(torch.tensor(settings.mean) / torch.tensor(settings.std)).view(1, 3, 1, 1, 1)

    def indices(self, split: str) -> list[int]:
        """List the positions of a split's clips in the data set's; of the training clips those that are kept."""
        if split == "train":
            return self._train
        return [index for index, clip in enumerate(self._clips) if clip.split == split]

    def steps(self, batch: int) -> int:
        """Count the batches of a training epoch; the last may be smaller than `batch`."""
        return -(-len(self.indices("train")) // batch)

    def train(self, seed: int, epoch: int, batch: int, taken: int = 0) -> Iterator[Batch]:
        """Go through the training clips once, in an order and with augmentation drawn from seed, epoch and clip.

        Args:
            taken: batches at the beginning that are left out.
        """
        indices = self.indices("train")
        order = np.random.Generator(np.random.PCG64(derive(seed, "order", epoch))).permutation(len(indices))
        shuffled = [indices[place] for place in order]
        drawn = self._settings.augment

        def item(index: int) -> Item:
            return Item(index, augment.draw(drawn, seed, epoch, self._clips[index].name))

        chunks = _chunks(shuffled[taken * batch :], batch)
        return self._batches(self._part([item(index) for index in chunk]) for chunk in chunks)

    def evaluate(self, split: str, batch: int) -> Iterator[Batch]:
        """Go through a split in order, without augmentation.

        With several views, every batch comes once per view, one after the other: `index_B` says which scores to
        average.
        """
        times = sampling.view_times(self._settings.views)
        chunks = _chunks(self.indices(split), batch)
        items = (self._part([Item(index, Draw(time=time)) for index in chunk]) for chunk in chunks for time in times)
        for one in self._batches(items):
            yield one._replace(motion_B=self._motion(one.streams["rgb"])) if "rgb" in one.streams else one

    def _part(self, whole: list[Item]) -> _Part:
        """Give what this process has of a batch: at least one clip, so that all of them take every step."""
        own = self._group.part(whole)
        return _Part(own or whole[:1], len(whole), bool(own))

    def _batches(self, parts: Iterable[_Part]) -> Iterator[Batch]:
        if self._source is None:
            for part in parts:
                yield self._batch(part, {name: self._cached(name, part.items) for name in self._arrays})
            return
        remembered: list[_Part] = []  # the workers are a few batches ahead

        def handed() -> Iterator[Sequence[Item]]:
            for part in parts:
                remembered.append(part)
                yield part.items

        for streams in self._source.decode(handed()):
            yield self._batch(remembered.pop(0), streams)

    def _batch(self, part: _Part, streams: dict[str, Tensor]) -> Batch:
        index_B = torch.tensor([item.position for item in part.items])
        done = {name: self._normalised(stream) for name, stream in streams.items()}
        return Batch(done, self._labels_NC[index_B], index_B, part.whole, part.is_counted)

    def _cached(self, name: str, items: Sequence[Item]) -> Tensor:
        array, settings = self._arrays[name], self._settings
        first = cut(self._row(array, items[0]), items[0].draw, settings, self._mirror)
        done = _room(len(items), first)
        done[0] = first
        for place, item in enumerate(items[1:], start=1):
            done[place] = cut(self._row(array, item), item.draw, settings, self._mirror)
        return torch.from_numpy(done)

    def _row(self, array: NDArray[Any], item: Item) -> NDArray[Any]:
        first = sampling.start(self._settings.slack, item.draw.time)
        row: NDArray[Any] = array[item.position, first : first + self._settings.frames]
        return row

    def _motion(self, rgb_BCTHW: Tensor) -> Tensor:
        change_BC = rgb_BCTHW.diff(dim=2).abs().mean(dim=(2, 3, 4))
        return (change_BC / self._scale.flatten()).mean(dim=1)

    def _normalised(self, stream: Tensor) -> Tensor:
        """Turn images (B, T, H, W, C) uint8 into (B, C, T, H, W) float32; joints stay as they are."""
        if stream.dtype != torch.uint8:
            return stream
        image_BCTHW = stream.permute(0, 4, 1, 2, 3).to(torch.float32, memory_format=torch.contiguous_format)
        if image_BCTHW.shape[1] != 3:
            return image_BCTHW.div_(255)
        return image_BCTHW.mul_(self._scale).add_(self._shift)


def _room(count: int, first: NDArray[Any]) -> NDArray[Any]:
    """Make room for as many as `first`; images with their channels first in memory, as a network will read them.

    Copying a cut picture into its channels takes a third of the time of copying it as it stands and sorting it later.
    """
    if first.ndim == 3:
        return np.empty((count, *first.shape), first.dtype)
    *around, channels = first.shape
    return np.moveaxis(np.empty((count, channels, *around), first.dtype), 1, -1)


def _chunks(indices: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (indices[first : first + size] for first in range(0, len(indices), size))
