"""Skeletons alone: the graph network of `models/modality/skeleton.py` with a head, and no pixels.

Letters: B batch, T frames, J joints, A axes, C classes.
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from models.geometry import ClipShape
from models.modality import skeleton
from models.peers import Peer, PeerSettings
from models.tokens import TokenSettings
from models.trunk import TrunkSettings

STREAM = "skeleton"


class Settings(PeerSettings):
    """Tokens that read the joints out, the size of the graph network, and the file it starts from."""

    name: Literal["graph"] = "graph"
    tokens: Annotated[int, Field(ge=1, le=128)] = 20
    network: skeleton.NetworkSettings = skeleton.NetworkSettings()


class Baseline(Peer):
    """Classify the mean over the tokens.

    Shapes:
        (B, T, J, A) -> (B, C)
    """

    HEAD = "head"
    PUBLISHED = ""

    def __init__(self, settings: Settings, trunk: TrunkSettings, classes: int, clip: ClipShape) -> None:
        super().__init__()
        tokens = TokenSettings(count=settings.tokens)
        self.sender = skeleton.Sender(settings.network, trunk, tokens, clip)
        self.head = nn.Linear(settings.network.width, classes)

    def forward(self, joints_BTJA: Tensor) -> Tensor:
        """Classify the clips."""
        return self.head(self.sender(joints_BTJA).own.mean(dim=1))
