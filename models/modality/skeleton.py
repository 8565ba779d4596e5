"""Skeletons through a spatio-temporal graph network (after ST-GCN, arXiv:1801.07455), read out by tokens.

Each block convolves over the bones within a frame and over neighbouring frames at each joint; then K tokens attend to
all joints of all frames that were seen. What the tokens hold after each block is what the RGB branch can follow.

Letters: B batch, T frame, J joints, A axes, K classification tokens, D width.
"""

import warnings
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.attention import multihead
from models.errors import UserError
from models.geometry import ClipShape, Skeleton
from models.senders import SenderSettings
from models.settings import Frozen
from models.tokens import Tokens, TokenSettings
from models.trunk import Encoded, TrunkSettings

STREAM = "skeleton"


class NetworkSettings(Frozen):
    """Size of the graph network."""

    width: Annotated[int, Field(ge=1)] = 64
    blocks: Annotated[int, Field(ge=1)] = 4
    kernel: Annotated[int, Field(ge=1)] = 3
    """Frames that a convolution over time sees; odd."""
    heads: Annotated[int, Field(ge=1)] = 4
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1


class Settings(SenderSettings, NetworkSettings):
    """Size of the graph network, and the file it starts from: a checkpoint of this sender."""

    name: Literal["skeleton"] = "skeleton"


class Sender(nn.Module):
    """Encode the joints.

    Attributes:
        widths: of the tokens after each block.

    Shapes:
        joints (B, T, J, A), NaN where a joint was not seen -> Encoded
    """

    def __init__(self, settings: NetworkSettings, trunk: TrunkSettings, tokens: TokenSettings, clip: ClipShape) -> None:
        super().__init__()
        if clip.skeleton is None:
            raise UserError(
                "modality skeleton: the data has no skeletons. Choose another model.modality, or data that has them."
            )
        self.frames = clip.frames
        self.widths = (settings.width,) * settings.blocks
        self.enter = nn.Linear(clip.skeleton.axes + 1, settings.width)
        self.tokens = Tokens(tokens.count, settings.width)
        self.blocks = nn.ModuleList(GraphBlock(settings, clip.skeleton) for _ in range(settings.blocks))
        self.read_outs = nn.ModuleList(ReadOut(settings) for _ in range(settings.blocks))
        self.norm = nn.LayerNorm(settings.width)

    def forward(self, joints_BTJA: Tensor) -> Encoded:
        """Run all blocks.

        Raises:
            ValueError: the joints have another number of frames than the clip.
        """
        if joints_BTJA.shape[1] != self.frames:
            raise ValueError(f"skeleton: {self.frames} frames are expected, but got {joints_BTJA.shape[1]}.")
        is_seen_BTJ = joints_BTJA.isfinite().all(dim=-1)
        centred_BTJA = standardised(joints_BTJA, is_seen_BTJ)
        x_BTJD = self.enter(torch.cat((centred_BTJA, is_seen_BTJ.unsqueeze(-1).to(centred_BTJA)), dim=-1))
        tokens_BKD = self.tokens.own_KD.expand(len(joints_BTJA), -1, -1)
        after_blocks = []
        for block, read_out in zip(self.blocks, self.read_outs, strict=True):
            x_BTJD = block(x_BTJD)
            tokens_BKD = read_out(tokens_BKD, x_BTJD.flatten(1, 2), is_seen_BTJ.flatten(1))
            after_blocks.append(tokens_BKD)
        return Encoded(self.norm(tokens_BKD), tuple(after_blocks))


class GraphBlock(nn.Module):
    """Convolve over the bones, then over time, each added to a skip path.

    Shapes:
        (B, T, J, D) -> the same
    """

    def __init__(self, settings: NetworkSettings, skeleton: Skeleton) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of what torch-geometric itself uses
            from torch_geometric.nn import GCNConv  # here, because importing it takes seconds

        super().__init__()
        width = settings.width
        edges = [(joint, other) for edge in skeleton.edges for joint, other in (edge, edge[::-1])]
        self.edges_2E: Tensor
        self.register_buffer("edges_2E", torch.tensor(edges).T.contiguous(), persistent=False)
        self.norm_space = nn.LayerNorm(width)
        self.over_bones = GCNConv(width, width, cached=True)
        self.own = nn.Linear(width, width)
        self.norm_time = nn.LayerNorm(width)
        self.over_time = nn.Conv1d(width, width, settings.kernel, padding=settings.kernel // 2)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x_BTJD: Tensor) -> Tensor:
        """Run the block."""
        normed_BTJD = self.norm_space(x_BTJD)
        linked = self.over_bones(normed_BTJD.flatten(0, 1), self.edges_2E).view_as(x_BTJD)
        x_BTJD = x_BTJD + self.dropout(nn.functional.gelu(linked + self.own(normed_BTJD)))
        at_joints = self.norm_time(x_BTJD).permute(0, 2, 3, 1).flatten(0, 1)
        moved = self.over_time(at_joints).unflatten(0, (x_BTJD.shape[0], x_BTJD.shape[2])).permute(0, 3, 1, 2)
        return x_BTJD + self.dropout(nn.functional.gelu(moved))


class ReadOut(nn.Module):
    """Let the tokens attend to the joints that were seen.

    Shapes:
        tokens (B, K, D), joints (B, T*J, D), whether each was seen (B, T*J) -> (B, K, D)
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.norm_tokens = nn.LayerNorm(settings.width)
        self.norm_joints = nn.LayerNorm(settings.width)
        self.nothing_D = nn.Parameter(torch.zeros(settings.width))
        self.attention = multihead(settings.width, settings.heads, "model.modality.heads")
        self.norm_mlp = nn.LayerNorm(settings.width)
        self.mlp = nn.Sequential(
            nn.Linear(settings.width, 2 * settings.width), nn.GELU(), nn.Linear(2 * settings.width, settings.width)
        )

    def forward(self, tokens_BKD: Tensor, joints_BND: Tensor, is_seen_BN: Tensor) -> Tensor:
        """Attend; a clip without a single joint shows the tokens nothing, which is learned too."""
        nothing_B1D = self.nothing_D.expand(len(joints_BND), 1, -1)
        there_BND = torch.cat((nothing_B1D, self.norm_joints(joints_BND)), dim=1)
        hidden_BN = nn.functional.pad(~is_seen_BN, (1, 0), value=False)
        read_BKD, _ = self.attention(
            self.norm_tokens(tokens_BKD), there_BND, there_BND, key_padding_mask=hidden_BN, need_weights=False
        )
        tokens_BKD = tokens_BKD + read_BKD
        return tokens_BKD + self.mlp(self.norm_mlp(tokens_BKD))


def standardised(joints_BTJA: Tensor, is_seen_BTJ: Tensor) -> Tensor:
    """Put the middle of a clip's joints at zero and their spread at one, and zero where a joint was not seen."""
    weight_BTJ1 = is_seen_BTJ.unsqueeze(-1).to(joints_BTJA)
    known_BTJA = torch.where(is_seen_BTJ.unsqueeze(-1), joints_BTJA, 0)
    count_B111 = weight_BTJ1.sum(dim=(1, 2), keepdim=True).clamp(min=1)
    centred_BTJA = (known_BTJA - known_BTJA.sum(dim=(1, 2), keepdim=True) / count_B111) * weight_BTJ1
    axes = joints_BTJA.shape[-1]
    variance_B111 = centred_BTJA.square().sum(dim=(1, 2, 3), keepdim=True) / (count_B111 * axes)
    return centred_BTJA / variance_B111.clamp(min=1e-12).sqrt()
