"""Weights from a file or from another code's state dict into our networks, all of them or none.

Two sources are known by name: torchvision's `mvit_v2_s` and the official TransM3E code (the names of PySlowFast).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from models.errors import UserError

SHOWN = 3


class WeightsError(UserError):
    """Weights that do not fit the network; the message says which, how many and what to do."""


def read(path: Path) -> dict[str, Tensor]:
    """Read a state dict from `.safetensors`, or from a `.pth`, `.pt` or `.pyth` file without running its code.

    Raises:
        WeightsError: there is no such file, or it holds no plain state dict.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file of weights: give the path of a .safetensors or .pth file.")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file  # noqa: PLC0415

        return load_file(path)
    content = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in ("model_state", "state_dict"):
        content = content.get(wrapper, content)
    return dict(content)


def load_exactly(module: nn.Module, state: Mapping[str, Tensor], source: str, *, new: Iterable[str] = ()) -> None:
    """Load `state` so that every weight finds its place, except those of `module` that start with a prefix in `new`.

    Raises:
        WeightsError: a weight is missing, left over or of another shape; nothing is loaded then.
    """
    own = module.state_dict()
    missing = [name for name in own if name not in state and not name.startswith(tuple(new))]
    unknown = [name for name in state if name not in own]
    reshaped = [
        f"{name} {tuple(state[name].shape)} for {tuple(own[name].shape)}"
        for name in state
        if name in own and state[name].shape != own[name].shape
    ]
    faults = [_listed("missing", missing), _listed("not known here", unknown), _listed("of another shape", reshaped)]
    if any(faults):
        raise WeightsError(
            f"weights of {source} do not fit the network: {'; '.join(filter(None, faults))}: "
            "build the network with the settings of these weights (trunk, tokens, data.frames, data.size)."
        )
    module.load_state_dict(dict(state), strict=False)


def _listed(what: str, names: list[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return f"{len(names)} {what} ({shown})"
