"""What encoders of auxiliary modalities have in common: tokens block by block, of known widths.

Letters: B batch, T frames, H W rows and columns, J joints, A axes of a joint.
"""

from typing import ClassVar, Protocol

from torch import Tensor, nn

from models.geometry import ClipShape
from models.settings import Frozen
from models.tokens import TokenSettings
from models.trunk import Encoded, Trunk, TrunkSettings
from models.weights_file import Weights


class SenderSettings(Frozen):
    """Settings of any file of `models/modality`."""

    weights: Weights = None
    """A file of weights to start from, of a network on as many channels; null draws them."""


class Encoder(Protocol):
    """A module that encodes one stream.

    Attributes:
        widths: of the tokens after each block that has them.
    """

    widths: tuple[int, ...]

    def __call__(self, stream: Tensor) -> Encoded:
        """Encode a batch; what it gives has no receivers."""
        ...


class VideoSender(nn.Module):
    """A trunk of the same shape as the main one, on what `shown` makes of a stream of pictures.

    Attributes:
        widths: of the tokens after each block that has them.

    Shapes:
        stream (B, channels, T, H, W) -> Encoded
    """

    CHANNELS: ClassVar[int] = 3
    """Of what `shown` gives."""

    def __init__(self, settings: SenderSettings, trunk: TrunkSettings, tokens: TokenSettings, clip: ClipShape) -> None:
        super().__init__()
        self.trunk = Trunk(trunk, tokens, clip, channels=self.CHANNELS)
        self.widths = self.trunk.widths

    def shown(self, stream_BCTHW: Tensor) -> Tensor:
        """Give what the trunk sees."""
        return stream_BCTHW

    def forward(self, stream_BCTHW: Tensor) -> Encoded:
        """Encode the stream."""
        encoded: Encoded = self.trunk(self.shown(stream_BCTHW))
        return encoded
