"""Weights from a file or from another code's state dict into our networks, all of them or none.

Two sources are known by their names: torchvision's `mvit_v2_s`, and PySlowFast, on which the official TransM3E code
is built.

Letters: K classification tokens, D width.
"""

import pickle
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from models.errors import UserError

State = Mapping[str, Tensor]
Renames = tuple[tuple[str, str], ...]

SHOWN = 3
TOKEN = "tokens.own_KD"

_POSITIONS: Renames = (
    (r"attn\.rel_pos_h", "attention.positions.rows"),
    (r"attn\.rel_pos_w", "attention.positions.columns"),
    (r"attn\.rel_pos_t", "attention.positions.frames"),
    (r"attn\.", "attention."),
)
TORCHVISION: Renames = (
    (r"^conv_proj\.", "patches."),
    (r"^pos_encoding\.class_token$", TOKEN),
    (r"attn\.project\.0\.", "attention.project."),
    (r"attn\.pool_(.)\.pool\.", r"attention.pool_\1.convolution."),
    (r"attn\.pool_(.)\.norm_act\.0\.", r"attention.pool_\1.norm."),
    (r"mlp\.3\.", "mlp.2."),
    (r"^(blocks\.\d+)\.project\.", r"\1.widen."),
    *_POSITIONS,
)
PYSLOWFAST: Renames = (
    (r"^patch_embed\.proj\.", "patches."),
    (r"^cls_token$", TOKEN),
    (r"^cls_token_distill$", "tokens.receivers_KD"),
    (r"attn\.proj\.", "attention.project."),
    (r"attn\.pool_(.)\.", r"attention.pool_\1.convolution."),
    (r"attn\.norm_(.)\.", r"attention.pool_\1.norm."),
    (r"mlp\.fc1\.", "mlp.0."),
    (r"mlp\.fc2\.", "mlp.2."),
    (r"^(blocks\.\d+)\.proj\.", r"\1.widen."),
    *_POSITIONS,
)
OFFICIAL_FUSION: Renames = (
    (r"^fuse\.norm1_token1\.", "fusion.norm_receivers."),
    (r"^fuse\.norm1_token2\.", "fusion.norm_own."),
    (r"^fuse\.norm2_pathway1\.", "fusion.norm_mixed."),
    (r"^fuse\.mlp_pathway1\.fc1\.", "fusion.mlp.0."),
    (r"^fuse\.mlp_pathway1\.fc2\.", "fusion.mlp.2."),
    (r"^fuse\.attn_mixed_cls_tokens\.", "fusion.attention."),
    (r"\.w([qkv])_t1\.", r".receivers.w\1."),
    (r"\.w([qkv])_t2\.", r".own.w\1."),
    (r"\.wq\.", ".query."),
    (r"\.wk\.", ".key."),
    (r"\.wv\.", ".value."),
    (r"\.proj_t1t1\.", ".receivers.project_within."),
    (r"\.proj_t1t2\.", ".receivers.project_receivers_own."),
    (r"\.proj_t2t1\.", ".receivers.project_own_receivers."),
    (r"\.proj_t2t2\.", ".own.project_within."),
    (r"\.proj_t1t2_2\.", ".own.project_receivers_own."),
    (r"\.proj_t2t1_2\.", ".own.project_own_receivers."),
    (r"\.proj\.", ".project."),
)


class WeightsError(UserError):
    """Weights that do not fit the network; the message says which, how many and what to do."""


def read(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a `.safetensors` file, or from a `.pth`, `.pt` or `.pyth` file without running its code.

    Raises:
        WeightsError: there is no such file, or it holds no plain state dict.
    """
    return _read(path, load_file, "cpu")


def read_shapes(path: Path) -> dict[str, Tensor]:
    """Read the same without its numbers: tensors on the meta device.

    Raises:
        WeightsError: as `read`.
    """
    return _read(path, _safetensors_shapes, "meta")


def _read(path: Path, safetensors: Callable[[Path], object], device: str) -> dict[str, Tensor]:
    if not path.is_file():
        raise no_such_file(path)
    try:
        is_plain = path.suffix == ".safetensors"
        content = safetensors(path) if is_plain else torch.load(path, map_location=device, weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise WeightsError(
            f"{path}: not a readable file of weights ({_first_line(error)}): "
            "save the state dict alone, as .safetensors or with torch.save."
        ) from error
    for wrapper in ("model_state", "state_dict"):
        content = content.get(wrapper, content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path}: holds no state dict, but {type(content).__name__}: save the state dict alone.")
    return content


def no_such_file(path: Path) -> WeightsError:
    """Word that there is no file at `path`."""
    return WeightsError(f"{path}: no such file of weights: give the path of a .safetensors or .pth file.")


def load_exactly(module: nn.Module, state: State, source: str, *, new: Iterable[str] = ()) -> None:
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
            "build the network with the settings of these weights (model.trunk, model.tokens, data.frames, data.size; "
            "of published ones, --profile full)."
        )
    module.load_state_dict(dict(state), strict=False)


def load_torchvision(trunk: nn.Module, state: State) -> None:
    """Load the state dict of torchvision's `mvit_v2_s` into a trunk; its head, for other classes, is left behind.

    Several tokens start from the one class token plus their own initial noise: equal tokens would stay equal for
    ever. Position tables of another clip size are interpolated.

    Raises:
        WeightsError: the trunk has another shape.
    """
    _load_trunk(trunk, state, TORCHVISION, "torchvision")


def load_pyslowfast(trunk: nn.Module, state: State) -> None:
    """Load the state dict of PySlowFast's MViTv2 into a trunk, like `load_torchvision`.

    Raises:
        WeightsError: the trunk has another shape.
    """
    _load_trunk(trunk, state, PYSLOWFAST, "PySlowFast")


def load_official(network: nn.Module, state: State) -> None:
    """Load the official TransM3E state dict into the joint network, whose fusion must be `mctf_official`.

    Raises:
        WeightsError: the network has another shape.
    """
    translated = {_official_name(name): value for name, value in state.items()}
    unbatched = {name: value.squeeze(0) if "tokens." in name else value for name, value in translated.items()}
    load_exactly(network, resized(unbatched, network), "the official code")


def _load_trunk(trunk: nn.Module, state: State, renames: Renames, source: str) -> None:
    renamed = {_renamed(name, renames): value for name, value in state.items() if not name.startswith("head.")}
    own = trunk.state_dict()
    if TOKEN in renamed:
        class_token_KD = renamed[TOKEN].reshape(-1, renamed[TOKEN].shape[-1])
        if len(own[TOKEN]) > 1 and class_token_KD.shape == own[TOKEN][:1].shape:
            class_token_KD = class_token_KD + own[TOKEN]
        renamed[TOKEN] = class_token_KD
    load_exactly(trunk, resized(renamed, trunk), source, new=("tokens.receivers_KD", "temporal."))


def resized(state: State, module: nn.Module, tables: str = r"\.positions\.") -> dict[str, Tensor]:
    """Interpolate the position tables in `state`, which are for another clip size, to the size they have in `module`.

    Args:
        tables: pattern of their names.
    """
    own = module.state_dict()
    return {
        name: _interpolated(value, len(own[name])) if re.search(tables, name) and name in own else value
        for name, value in state.items()
    }


def _interpolated(table_RD: Tensor, rows: int) -> Tensor:
    if len(table_RD) == rows:
        return table_RD
    return functional.interpolate(table_RD.T[None], size=rows, mode="linear")[0].T


def _official_name(name: str) -> str:
    if name.startswith("fuse."):
        return _renamed(name, OFFICIAL_FUSION)
    if name.startswith("head_cls."):
        return name.replace("head_cls.", "head.")
    if "_diff" in name:
        return "senders.rgb_difference.sender.trunk." + _renamed(name.replace("_diff", ""), PYSLOWFAST)
    return "trunk." + _renamed(name, PYSLOWFAST)


def _renamed(name: str, renames: Renames) -> str:
    for pattern, replacement in renames:
        name = re.sub(pattern, replacement, name)
    return name


def _safetensors_shapes(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 - it is no mapping
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(". ")[0]


def _listed(what: str, names: list[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return f"{len(names)} {what} ({shown})"
