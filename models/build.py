"""Settings in, network out: what each phase trains.

`ModelSettings` is the tree `model.*` and what the joint phase receives; `rgb_settings` and `sender_settings` cut out
what the two pretraining phases may see.
"""

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, SerializeAsAny, model_validator
from torch import Tensor, nn

from models.geometry import ClipShape
from models.settings import Frozen, Variant, named
from models.tokens import Head, Tokens, TokenSettings
from models.transm3e import Network, RgbNetwork, SenderNetwork, TransM3E
from models.trunk import Trunk, TrunkSettings, block_shapes, recompute_blocks
from models.weights import load_exactly

__all__ = [
    "ClipShape",
    "ModelSettings",
    "Network",
    "Parameters",
    "RgbModel",
    "SenderModel",
    "build",
    "load_own_state",
    "needs_sender",
    "own_state",
    "parameter_count",
    "recompute_blocks",
    "rgb_settings",
    "sender_settings",
    "streams_of",
    "variant",
]

Dropout = Annotated[float, Field(ge=0, lt=1)]
Modality = Annotated[SerializeAsAny[Frozen], *Variant.of("models.modality")]
Distill = Annotated[SerializeAsAny[Frozen], *Variant.of("models.distill")]
Fusion = Annotated[SerializeAsAny[Frozen], *Variant.of("models.fusion")]
Temporal = Annotated[SerializeAsAny[Frozen], *Variant.of("models.temporal")]
Loss = Annotated[SerializeAsAny[Frozen], *Variant.of("models.loss")]


class Branch(Frozen):
    """What every phase trains: one encoder with its tokens and head."""

    trunk: TrunkSettings = TrunkSettings()
    tokens: TokenSettings = TokenSettings()
    loss: Loss = named("bce")
    head_dropout: Dropout = 0.5


class RgbModel(Branch):
    """What the phase `rgb` trains: trunk and own tokens alone."""

    temporal: Temporal = named("none")


class SenderModel(Branch):
    """What the phase `sender` trains: the same on the auxiliary modality."""

    modality: Modality = named("rgb_difference")


class ModelSettings(Branch):
    """What the phase `joint` trains, and the whole tree `model.*`."""

    receivers: bool = True
    modality: Modality = named("rgb_difference")
    distill: Distill = named("dense_tokens")
    fusion: Fusion = named("mctf")
    temporal: Temporal = named("none")

    @model_validator(mode="after")
    def _receivers_are_there_for_those_who_need_them(self) -> Self:
        for part, settings in (("distill", self.distill), ("fusion", self.fusion)):
            if variant(settings).NEEDS_RECEIVERS and not self.receivers:
                name = variant(settings).__name__.rpartition(".")[2]
                raise ValueError(
                    f"{part} {name!r} needs receiver tokens, but receivers is false: set receivers to true, "
                    f"or {part} to 'none'."
                )
        return self


class Parameters(NamedTuple):
    """How many numbers a network holds, and how many of them are trained."""

    trainable: int
    total: int


def rgb_settings(model: ModelSettings) -> RgbModel:
    """Cut out what the RGB phase sees; a temporal module belongs to it only if it enters at `pretrain`."""
    enters = getattr(model.temporal, "enters", "joint")
    return RgbModel(**_shared(model, RgbModel) | ({} if enters == "pretrain" else {"temporal": "none"}))


def sender_settings(model: ModelSettings) -> SenderModel:
    """Cut out what the sender phase sees."""
    return SenderModel(**_shared(model, SenderModel))


def _shared(model: ModelSettings, phase: type[Branch]) -> dict[str, Any]:
    return {name: getattr(model, name) for name in phase.model_fields}


def needs_sender(model: ModelSettings) -> bool:
    """Tell whether a trial has a sender phase."""
    return bool(variant(model.distill).NEEDS_SENDER)


def streams_of(model: RgbModel | SenderModel | ModelSettings) -> tuple[str, ...]:
    """Name the streams that the training of a phase reads."""
    if isinstance(model, RgbModel):
        return ("rgb",)
    if isinstance(model, SenderModel) or needs_sender(model):
        return tuple(dict.fromkeys(("rgb", variant(model.modality).STREAM)))
    return ("rgb",)


def variant(settings: Frozen) -> ModuleType:
    """Give the file that the settings of a variant stand in."""
    return importlib.import_module(type(settings).__module__)


def build(settings: RgbModel | SenderModel | ModelSettings, classes: int, clip: ClipShape) -> Network:
    """Build the network of a phase, its weights drawn from torch's global generator.

    Raises:
        UserError: the clip is too small for the trunk.
    """
    if isinstance(settings, RgbModel):
        return RgbNetwork(_trunk(settings, clip, receivers=False), _head(settings, classes))
    if isinstance(settings, SenderModel):
        return SenderNetwork(_sender(settings, clip), _head(settings, classes), variant(settings.modality).STREAM)
    trunk, head = _trunk(settings, clip, receivers=settings.receivers), _head(settings, classes)
    fusion = variant(settings.fusion).Fusion(settings.fusion, settings.tokens.count, _width(settings.trunk))
    network = TransM3E(trunk, head, fusion)
    if needs_sender(settings):
        distill = variant(settings.distill).Distill(settings.distill)
        network.follow(_sender(settings, clip), distill, variant(settings.modality).STREAM)
    return network


def _trunk(settings: RgbModel | ModelSettings, clip: ClipShape, *, receivers: bool) -> Trunk:
    tokens = Tokens(settings.tokens.count, settings.trunk.width, receivers=receivers)
    module, shapes = variant(settings.temporal), block_shapes(settings.trunk, clip)
    temporal = {
        index: module.Temporal(settings.temporal, shapes[index].width, shapes[index].grid_out, tokens.count)
        for index in module.places(settings.temporal, settings.trunk.depth)
    }
    return Trunk(settings.trunk, tokens, clip, temporal=temporal)


def _sender(settings: SenderModel | ModelSettings, clip: ClipShape) -> nn.Module:
    sender: nn.Module = variant(settings.modality).Sender(settings.modality, settings.trunk, settings.tokens, clip)
    return sender


def _head(settings: RgbModel | SenderModel | ModelSettings, classes: int) -> Head:
    return Head(_width(settings.trunk), classes, dropout=settings.head_dropout, token_dropout=settings.tokens.dropout)


def _width(trunk: TrunkSettings) -> int:
    return trunk.width * 2 ** len(trunk.stage_starts)


def parameter_count(network: nn.Module) -> Parameters:
    """Count the parameters, also on the meta device."""
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in network.parameters()]
    return Parameters(sum(count for count, trained in counts if trained), sum(count for count, _ in counts))


def own_state(network: Network) -> dict[str, Tensor]:
    """Give what is kept as a checkpoint: the state dict without a frozen sender, which its own phase keeps."""
    elsewhere = _kept_elsewhere(network)
    return {name: value for name, value in network.state_dict().items() if not name.startswith(elsewhere)}


def load_own_state(network: Network, state: Mapping[str, Tensor]) -> None:
    """Load what `own_state` gave.

    Raises:
        WeightsError: it is of another network.
    """
    load_exactly(network, state, "the checkpoint", new=_kept_elsewhere(network))


def _kept_elsewhere(network: Network) -> tuple[str, ...]:
    return ("sender.",) if isinstance(network, TransM3E) else ()
