"""Clips that are decoded whenever they are needed, by worker processes that read ahead.

Letters: B batch, T frame, C channel, H W rows and columns, J joints, A axes.
"""

import signal
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from experiments.clip import DataSet
from study import augment, sampling
from study.augment import Draw
from study.cache import shown
from study.settings import FrameSettings

AHEAD = 2  # batches that each worker prepares before they are asked for


class Item(NamedTuple):
    """A clip, by its position in the data set's clips, and what is done to it."""

    position: int
    draw: Draw


class Decoder:
    """Decodes batches of items in `workers` processes that live across epochs, or here with none.

    One iteration may run at a time: starting another ends the one before, which says so when it is asked for more.
    """

    def __init__(self, dataset: DataSet, settings: FrameSettings, streams: Sequence[str], workers: int) -> None:
        self._agenda = _Agenda()
        self._turn = 0
        self._loader: DataLoader[dict[str, Tensor]] = DataLoader(
            _Clips(dataset, settings, streams),
            batch_sampler=self._agenda,
            collate_fn=_stacked,
            num_workers=workers,
            worker_init_fn=_start,
            multiprocessing_context="spawn" if workers else None,
            persistent_workers=workers > 0,
            prefetch_factor=AHEAD if workers else None,
            # Without a generator of its own it would draw from torch's global one, and so move the training's draws.
            generator=torch.Generator(),
        )

    def decode(self, batches: Iterable[Sequence[Item]]) -> Iterator[dict[str, Tensor]]:
        """Give the streams of each batch: images uint8 (B, T, H, W, C), skeletons float32 (B, T, J, A)."""
        self._agenda.batches = batches
        self._turn += 1
        own_turn = self._turn
        for streams in self._loader:
            yield streams
            if self._turn != own_turn:
                raise RuntimeError("this iteration was ended by a later one of the same loader: use two loaders.")


class _Agenda:
    """What the workers are to decode next."""

    batches: Iterable[Sequence[Item]] = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


class _Clips(Dataset[Any]):
    def __init__(self, dataset: DataSet, settings: FrameSettings, streams: Sequence[str]) -> None:
        self.dataset = dataset
        self.settings = settings
        self.streams = streams
        self.mirror = mirror_of(dataset)

    def __getitem__(self, item: Item) -> dict[str, NDArray[Any]]:
        clip, settings = self.dataset.clips[item.position], self.settings
        choose = partial(
            sampling.window, count=settings.frames, slack=settings.slack, stride=settings.stride, time=item.draw.time
        )
        side = settings.size + settings.margin
        return {
            name: cut(shown(self.dataset, clip, name, choose, side, settings.fit), item.draw, settings, self.mirror)
            for name in self.streams
        }


def cut(raw: NDArray[Any], draw: Draw, settings: FrameSettings, mirror: Sequence[int]) -> NDArray[Any]:
    """Do what was drawn to the frames or joints of one clip: `size` + `margin` px become `size`.

    Args:
        mirror: for each joint, the one on the other side of the body; empty if nobody knows, or without joints.

    Shapes:
        (T, H, W, C) uint8 -> (T, size, size, C); (T, J, A) float32 -> the same
    """
    if raw.ndim == 3:
        return augment.move_joints(raw, draw, settings.size + settings.margin, settings.size, mirror)
    return augment.apply(raw, draw, settings.augment, settings.size)


def mirror_of(dataset: DataSet) -> tuple[int, ...]:
    """Give the joints' places in a mirrored picture; empty if nobody knows."""
    return () if dataset.skeleton is None else dataset.skeleton.mirror


def _stacked(clips: Sequence[dict[str, NDArray[Any]]]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.stack([clip[name] for clip in clips])) for name in clips[0]}


def _start(worker: int) -> None:
    # Ctrl-C reaches every process of the terminal; the training process answers it and ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
