"""What baselines have in common: networks of others at the size of the profile, and estimates without any training.

Letters: B batch, N training clips, T H W frames, rows, columns, C classes.
"""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.settings import Frozen
from models.transm3e import Output, Streams
from models.trunk import TrunkSettings
from models.weights import State
from models.weights_file import Weights

PUBLISHED = TrunkSettings()
SHARES = (1.0, 0.5, 0.25, 0.125)


class AnyBaseline(Frozen):
    """Settings of any file of `models/baseline`."""

    is_none: ClassVar[bool] = False
    trains: ClassVar[bool] = False
    """It has weights to train; an estimate without any gets one epoch, in which nothing changes."""
    normalises_over_batch: ClassVar[bool] = False
    """In training it looks at all clips of a batch together, as batch normalisation does."""


class PeerSettings(AnyBaseline):
    """Settings of a network that is trained."""

    trains: ClassVar[bool] = True

    weights: Weights = None
    """A file of published weights of this network, or of its checkpoint, to start from; null draws them."""


class Peer(nn.Module):
    """A network that is trained, and the names under which its weights are known.

    Attributes:
        HEAD: its last layer, which gives the classes.
        PUBLISHED: what stands before the names that are published; empty if nobody publishes any.
        PUBLISHER: who does.
    """

    HEAD: ClassVar[str]
    PUBLISHED: ClassVar[str] = "network."
    PUBLISHER: ClassVar[str] = "torchvision"

    def left_behind(self) -> tuple[str, ...]:
        """Give how the published names of the last layer begin: it is for other classes."""
        return (f"{self.HEAD.removeprefix(self.PUBLISHED)}.",)

    def fitted(self, state: State) -> State:
        """Fit what depends on the clip's size, and is for another one, in weights under names of this module."""
        return state


class BaselineNetwork(nn.Module):
    """A peer on the stream it reads, called like every other network.

    Args:
        peer: gives logits (B, C) for a batch of that stream.
    """

    def __init__(self, peer: nn.Module, stream: str) -> None:
        super().__init__()
        self.peer = peer
        self.stream = stream

    def forward(self, streams: Streams) -> Output:
        """Classify the clips."""
        return Output(self.peer(streams[self.stream]))

    def fit(self, labels_NC: Tensor) -> None:
        """Let an estimate without training look at the labels of the training clips, 0 or 1."""
        if isinstance(self.peer, Untrained):
            self.peer.fit(labels_NC)


class Untrained(nn.Module):
    """An estimate that looks at the training labels at most."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def fit(self, labels_NC: Tensor) -> None:
        """Look at the labels of the training clips, 0 or 1."""


def share_of(trunk: TrunkSettings) -> float:
    """Give the share of the published widths that a peer has in this profile: that of the trunk's, as a power of 2."""
    return min(SHARES, key=lambda share: abs(share - trunk.width / PUBLISHED.width))


def thinned(make: Callable[[], nn.Module], share: float) -> nn.Module:
    """Make a convolutional network with a `share` of its channels everywhere but at its input and its output.

    Args:
        make: gives the network as it is published, whose last linear layer gives the classes.
    """
    if share == 1:
        return make()
    with torch.device("meta"):
        network = make()
    for module in list(network.modules()):
        for name, child in module.named_children():
            layer = _thinned_layer(child, share)
            if layer is not None:
                setattr(module, name, layer)
    return network


def _thinned_layer(layer: nn.Module, share: float) -> nn.Module | None:
    if isinstance(layer, nn.Conv3d):
        is_last = layer.bias is not None and layer.kernel_size == (1, 1, 1)
        thin = nn.Conv3d(
            layer.in_channels if layer.in_channels == 3 else round(layer.in_channels * share),
            layer.out_channels if is_last else round(layer.out_channels * share),
            layer.kernel_size,  # type: ignore[arg-type]
            layer.stride,  # type: ignore[arg-type]
            layer.padding,  # type: ignore[arg-type]
            groups=layer.groups,
            bias=layer.bias is not None,
        )
        nn.init.kaiming_normal_(thin.weight, mode="fan_out", nonlinearity="relu")  # as torchvision does
        return thin
    if isinstance(layer, nn.BatchNorm3d):
        return nn.BatchNorm3d(round(layer.num_features * share), eps=layer.eps, momentum=layer.momentum)
    if isinstance(layer, nn.Linear):
        return nn.Linear(round(layer.in_features * share), layer.out_features)
    return None


def swin3d(trunk: TrunkSettings, classes: int, third_stage: int) -> nn.Module:
    """Make a video Swin transformer as wide, and in its third stage as deep, as the profile's trunk is.

    Args:
        third_stage: its depth as published, for a trunk of 16 blocks; at least 2 blocks are left.
    """
    from torchvision.models.video.swin_transformer import SwinTransformer3d

    deep = max(2, round(third_stage * trunk.depth / PUBLISHED.depth))
    heads = [max(1, trunk.width * 2**stage // 32) for stage in range(4)]
    return SwinTransformer3d(
        patch_size=[2, 4, 4],
        embed_dim=trunk.width,
        depths=[2, 2, deep, 2],
        num_heads=heads,
        window_size=[8, 7, 7],
        stochastic_depth_prob=trunk.drop_path,
        num_classes=classes,
    )
