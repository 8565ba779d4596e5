"""Diagonal linear state space (S4D with real rates, arXiv:2206.11893) over the frames at each place.

`h(t) = a h(t-1) + b u(t)`, `y(t) = c h(t) + d u(t)`, for every channel with its own few states. Computed for all frames
at once by a parallel scan (Hillis and Steele): log2(T) steps.

Letters: B batch, T frames, S places of a frame, D width, M states of a channel.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from models.frames import OverTime, TemporalSettings
from models.geometry import Grid


class Settings(TemporalSettings):
    """States of every channel."""

    name: Literal["state_space"] = "state_space"
    states: Annotated[int, Field(ge=1, le=64)] = 4


class Temporal(OverTime):
    """Let every channel remember earlier frames, each of its states for another time.

    Shapes:
        (B, tokens + T*S, D) -> the same
    """

    def __init__(self, settings: Settings, width: int, grid: Grid, tokens: int) -> None:
        super().__init__(grid, tokens)
        rates_M = torch.arange(1, settings.states + 1, dtype=torch.float32) / settings.states
        self.norm = nn.LayerNorm(width)
        self.log_rate_DM = nn.Parameter(rates_M.log().repeat(width, 1))
        self.input_DM = nn.Parameter(torch.ones(width, settings.states))
        self.output_DM = nn.Parameter(torch.randn(width, settings.states) / settings.states**0.5)
        self.direct_D = nn.Parameter(torch.ones(width))
        self.widen = nn.Linear(width, width)

    def change(self, patches_BTSD: Tensor) -> Tensor:
        """Run the state space along each place's frames."""
        seen_BTSD = self.norm(patches_BTSD)
        decay_DM = torch.exp(-self.log_rate_DM.exp())
        driven_BTSDM = seen_BTSD.unsqueeze(-1) * (self.input_DM * (1 - decay_DM))
        states_BTSDM = scan(decay_DM, driven_BTSDM)
        read_BTSD = (states_BTSDM * self.output_DM).sum(dim=-1) + seen_BTSD * self.direct_D
        return self.widen(functional.gelu(read_BTSD))


def scan(decay: Tensor, driven_BT: Tensor) -> Tensor:
    """Solve `h(t) = decay * h(t-1) + driven(t)` for all t at once, with h zero before the first frame.

    Args:
        decay: broadcasts against a frame of `driven_BT`.
        driven_BT: time is dimension 1; the scan doubles its reach at each step.
    """
    states_BT, reach = driven_BT, 1
    while reach < driven_BT.shape[1]:
        earlier_BT = states_BT[:, :-reach] * decay
        states_BT = torch.cat((states_BT[:, :reach], states_BT[:, reach:] + earlier_BT), dim=1)
        decay, reach = decay * decay, 2 * reach
    return states_BT
