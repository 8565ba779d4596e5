"""How a network starts from a file: whose weights these are is told by their names, and only what is new is drawn.

New are tokens, modules and layers that the file knows nothing of, and the last layer wherever it is for other classes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from torch import nn

from models.build import AnyModel, BaselineModel, Network, RgbModel, SenderModel
from models.peers import BaselineNetwork, Peer, PeerSettings
from models.transm3e import RgbNetwork, SenderNetwork
from models.trunk import Trunk
from models.weights import SHOWN, State, WeightsError, load_exactly, load_pyslowfast, load_torchvision, resized
from models.weights_file import WeightsFile

OWN = "an own checkpoint"
COUNTERS = "num_batches_tracked"
"""Of batch normalisation: no weights, and missing from old files."""


class Start(NamedTuple):
    """The file that a phase starts from, and the setting that names it."""

    setting: str
    file: WeightsFile


def start_of(model: AnyModel) -> Start | None:
    """Give what a phase starts from; None from scratch, or from its parents."""
    setting, file = "", None
    if isinstance(model, RgbModel):
        setting, file = "model.weights", model.weights
    elif isinstance(model, SenderModel):
        setting, file = "model.modality.weights", model.modality.weights
    elif isinstance(model, BaselineModel) and isinstance(model.baseline, PeerSettings):
        setting, file = "model.baseline.weights", model.baseline.weights
    return Start(setting, file) if file else None


def start_from(network: Network, path: Path, read: Callable[[Path], State]) -> None:
    """Load what is in the file at `path`; its shapes alone, if `read` gives no more.

    Raises:
        WeightsError: it cannot be read or used; nothing is loaded then.
    """
    state = read(path)
    try:
        load_start(network, state)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def load_start(network: Network, state: State) -> None:
    """Load the weights that a phase starts from: published ones, or the checkpoint of an earlier phase.

    Raises:
        WeightsError: they are of a network that is not known here, or do not fit this one; nothing is loaded then.
    """
    if isinstance(network, BaselineNetwork) and isinstance(network.peer, Peer):
        _load_peer(network.peer, state)
    elif isinstance(network, RgbNetwork):
        _load_trunk(network, network.trunk, "trunk.", state)
    elif isinstance(network, SenderNetwork) and isinstance(trunk := getattr(network.sender, "trunk", None), Trunk):
        _refuse_another_length(network, state)
        _load_trunk(network, trunk, "sender.trunk.", state)
    elif isinstance(network, SenderNetwork):
        _refuse_unknown(state, ["sender."], "a checkpoint of a sender phase of the same modality (sender...)")
        _load_own(network, state, "head.")
    else:
        raise WeightsError(f"{type(network).__name__} starts from no file of weights: name none for it.")


def _load_trunk(network: nn.Module, trunk: Trunk, place: str, state: State) -> None:
    """Load a branch, whose trunk stands at `place`."""
    if "conv_proj.weight" in state:
        load_torchvision(trunk, state)
    elif "patch_embed.proj.weight" in state:
        load_pyslowfast(trunk, state)
    else:
        known = "torchvision's mvit_v2_s (conv_proj...), PySlowFast's MViTv2 (patch_embed.proj...), and checkpoints of "
        own = _refuse_unknown(
            state, ["sender.trunk.", "trunk."], f"{known}the phases rgb (trunk...) and sender (sender.trunk...)"
        )
        moved = {
            place + name.removeprefix(own) if name.startswith(own) else name: value for name, value in state.items()
        }
        _load_own(network, resized(moved, network), "head.", f"{place}temporal.")


def _refuse_another_length(network: nn.Module, state: State) -> None:
    """See that a sender of ours was trained on clips as long as these: what it sends is compared frame by frame.

    Raises:
        WeightsError: it was not.
    """
    own = network.state_dict()
    there = {name: value for name, value in state.items() if name.startswith("sender.") and name in own}
    other = [name for name, value in there.items() if ".positions.frames" in name and len(value) != len(own[name])]
    if other:
        raise WeightsError(
            f"the sender was trained on clips of another length: {len(other)} of its tables of frames do not fit "
            f"({other[0]} has {len(there[other[0]])} rows, {len(own[other[0]])} are needed): give the checkpoint of a "
            "sender with the same data.frames, or let it start from scratch."
        )


def _load_peer(peer: Peer, state: State) -> None:
    """Load a baseline: its own checkpoint, or what is published of the network in it, without the last layer."""
    names = peer.state_dict()
    own = "peer."
    if any(name.startswith(own) for name in state):
        stripped = {name.removeprefix(own): value for name, value in state.items()}
        _load_own(peer, peer.fitted(stripped), f"{peer.HEAD}.")
        return
    places = [name.removeprefix(peer.PUBLISHED) for name in names if peer.PUBLISHED and name.startswith(peer.PUBLISHED)]
    published = f"what {peer.PUBLISHER} publishes of it ({places[0]}, ...), and " if places else ""
    _refuse_unknown(state, places, f"{published}checkpoints of the phase of this baseline (peer...)")
    left_behind = peer.left_behind()
    moved = {peer.PUBLISHED + name: value for name, value in state.items() if not name.startswith(left_behind)}
    inside = tuple(name for name in names if not name.startswith(peer.PUBLISHED) or name.endswith(COUNTERS))
    load_exactly(peer, peer.fitted(moved), peer.PUBLISHER, new=(f"{peer.HEAD}.", *inside))


def _load_own(module: nn.Module, state: State, head: str, *new: str) -> None:
    """Load a checkpoint of ours, without its head where that is for another number of classes."""
    own = module.state_dict()
    heads = [name for name in own if name.startswith(head)]
    if any(name not in state or state[name].shape != own[name].shape for name in heads):
        state = {name: value for name, value in state.items() if not name.startswith(head)}
        new = (*new, head)
    load_exactly(module, state, OWN, new=new)


def _refuse_unknown(state: State, prefixes: list[str], known: str) -> str:
    """Give the first of `prefixes` with which a name begins.

    Raises:
        WeightsError: no name begins with any.
    """
    for prefix in prefixes:
        if any(name.startswith(prefix) for name in state):
            return prefix
    found = ", ".join(list(state)[:SHOWN]) + (", ..." if len(state) > SHOWN else "")
    raise WeightsError(
        f"weights of a network that is not known here: {len(state)} of them ({found or 'none'}). Known are {known}: "
        "give such a file."
    )
