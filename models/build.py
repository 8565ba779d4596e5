"""Settings in, network out: what each phase trains.

`ModelSettings` is the tree `model.*` and what the joint phase receives; `rgb_settings` and `sender_settings` cut out
what the two pretraining phases may see.
"""

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Annotated, NamedTuple, Self, cast

from pydantic import Field, SerializeAsAny, model_validator
from torch import Tensor, nn

from models.distilling import AnyDistill, Blocks
from models.frames import Placed, drawn_aside
from models.geometry import ClipShape
from models.peers import AnyBaseline, BaselineNetwork
from models.senders import Encoder, SenderSettings
from models.settings import Frozen, Variant, named
from models.tokens import Head, TokenSettings
from models.transm3e import Followed, RgbNetwork, SenderNetwork, TransM3E
from models.trunk import BlockShape, Trunk, TrunkSettings, recompute_blocks
from models.weights import load_exactly
from models.weights_file import Weights

__all__ = [
    "AnyModel",
    "BaselineModel",
    "ClipShape",
    "ModelSettings",
    "Network",
    "Parameters",
    "RgbModel",
    "SenderModel",
    "baseline_settings",
    "build",
    "for_inference",
    "load_own_state",
    "name_of",
    "own_state",
    "parameter_count",
    "reads_receivers",
    "recompute_blocks",
    "rgb_settings",
    "sender_settings",
    "streams_of",
    "variant",
]

Dropout = Annotated[float, Field(ge=0, lt=1)]
Modality = Annotated[SerializeAsAny[SenderSettings], *Variant.of("models.modality")]
Modalities = Annotated[tuple[SerializeAsAny[SenderSettings], ...], *Variant.of("models.modality", several=True)]
Distill = Annotated[SerializeAsAny[AnyDistill], *Variant.of("models.distill")]
Fusion = Annotated[SerializeAsAny[Frozen], *Variant.of("models.fusion")]
Temporal = Annotated[SerializeAsAny[Placed], *Variant.of("models.temporal")]
Baseline = Annotated[SerializeAsAny[AnyBaseline], *Variant.of("models.baseline")]
Loss = Annotated[SerializeAsAny[Frozen], *Variant.of("models.loss")]


class Branch(Frozen):
    """What every phase trains: one encoder with its tokens and head."""

    trunk: TrunkSettings = TrunkSettings()
    tokens: TokenSettings = TokenSettings()
    loss: Loss = named("bce")
    head_dropout: Dropout = 0.5

    @model_validator(mode="after")
    def _tokens_enter_at_a_block(self) -> Self:
        if self.tokens.enter >= self.trunk.depth:
            raise ValueError(
                f"tokens.enter: must be a block of the trunk, from 0 to {self.trunk.depth - 1}, "
                f"but got {self.tokens.enter}."
            )
        return self


class RgbModel(Branch):
    """What the phase `rgb` trains: trunk and own tokens alone."""

    weights: Weights = None
    temporal: Temporal = named("none")


class SenderModel(Branch):
    """What the phase `sender` trains: the same on the auxiliary modality."""

    modality: Modality = named("rgb_difference")


class BaselineModel(Frozen):
    """What the phase `baseline` trains: a peer of TransM3E at the size of the trunk."""

    trunk: TrunkSettings = TrunkSettings()
    loss: Loss = named("bce")
    baseline: Baseline = named("label_frequency")


class ModelSettings(Branch):
    """What the phase `joint` trains, and the whole tree `model.*`."""

    weights: Weights = None
    """A file of weights that the RGB branch starts from; null draws them. A sender and a baseline name their own."""
    receivers: bool = True
    modality: Modalities = named("rgb_difference")
    """The auxiliary modality, or a list of them: each has its sender and its group of receivers."""
    distill: Distill = named("dense_tokens")
    fusion: Fusion = named("mctf")
    temporal: Temporal = named("none")
    baseline: Baseline = named("none")
    """A peer that the arm trains in place of TransM3E; nothing else of `model` but `trunk` and `loss` matters then."""

    @model_validator(mode="after")
    def _parts_fit_the_trunk(self) -> Self:
        self.temporal.places(self.trunk.depth, self.trunk.stage_starts)
        self.distill.check(self.trunk.depth, self.tokens.enter)
        return self

    @model_validator(mode="after")
    def _receivers_are_there_for_those_who_need_them(self) -> Self:
        needs = {"distill": self.distill.needs_receivers, "fusion": variant(self.fusion).NEEDS_RECEIVERS}
        for part in [part for part, needed in needs.items() if needed and not self.receivers]:
            name = variant(getattr(self, part)).__name__.rpartition(".")[2]
            raise ValueError(
                f"{part}: {name!r} needs receiver tokens, but receivers is false: set receivers to true, "
                f"or {part} to 'none'."
            )
        return self


AnyModel = RgbModel | SenderModel | ModelSettings | BaselineModel
"""What one phase or another sees of `model.*`."""
Network = RgbNetwork | SenderNetwork | TransM3E | BaselineNetwork


class Parameters(NamedTuple):
    """How many numbers a network holds, and how many of them are trained."""

    trainable: int
    total: int


def rgb_settings(model: ModelSettings) -> RgbModel:
    """Cut out what the RGB phase sees; a temporal module belongs to it only if it enters at `pretrain`."""
    shared = {name: getattr(model, name) for name in Branch.model_fields}
    temporal = model.temporal if model.temporal.is_pretrained else "none"
    return RgbModel(temporal=temporal, weights=model.weights, **shared)


def sender_settings(model: ModelSettings) -> dict[str, SenderModel]:
    """Cut out what each sender phase sees, by modality; nothing if no sender is needed."""
    if not model.distill.needs_sender:
        return {}
    shared = {name: getattr(model, name) for name in Branch.model_fields}
    return {name_of(modality): SenderModel(modality=modality, **shared) for modality in model.modality}


def baseline_settings(model: ModelSettings) -> BaselineModel:
    """Cut out what the phase of a baseline sees."""
    return BaselineModel(trunk=model.trunk, loss=model.loss, baseline=model.baseline)


def streams_of(model: AnyModel) -> tuple[str, ...]:
    """Name the streams that the training of a phase reads."""
    if isinstance(model, RgbModel):
        return ("rgb",)
    if isinstance(model, BaselineModel) or (isinstance(model, ModelSettings) and not model.baseline.is_none):
        return (variant(model.baseline).STREAM,)
    if isinstance(model, SenderModel):
        return tuple(dict.fromkeys(("rgb", variant(model.modality).STREAM)))
    senders = sender_settings(model).values()
    return tuple(dict.fromkeys(("rgb", *(variant(sender.modality).STREAM for sender in senders))))


def variant(settings: Frozen) -> ModuleType:
    """Give the file that the settings of a variant stand in."""
    return importlib.import_module(type(settings).__module__)


def reads_receivers(model: AnyModel) -> bool:
    """Tell whether a network's fusion reads receiver tokens."""
    return isinstance(model, ModelSettings) and bool(variant(model.fusion).NEEDS_RECEIVERS)


def name_of(settings: Frozen) -> str:
    """Give the name of a variant, which is that of its file."""
    return variant(settings).__name__.rpartition(".")[2]


def build(settings: AnyModel, classes: int, clip: ClipShape) -> Network:
    """Build the network of a phase, its weights drawn from torch's global generator.

    Raises:
        UserError: the clip is too small for the trunk, lacks what a sender reads, or some width does not fit.
    """
    if isinstance(settings, BaselineModel):
        module = variant(settings.baseline)
        return BaselineNetwork(module.Baseline(settings.baseline, settings.trunk, classes, clip), module.STREAM)
    if isinstance(settings, SenderModel):
        return _sender(settings, classes, clip)
    if isinstance(settings, RgbModel):
        trunk = _trunk(settings, clip, groups=0)
        return RgbNetwork(trunk, _head(settings, classes, trunk.widths[-1]))
    followed = sender_settings(settings)
    trunk = _trunk(settings, clip, groups=max(len(followed), 1) if settings.receivers else 0)
    head = _head(settings, classes, trunk.widths[-1])
    fusion = variant(settings.fusion).Fusion(settings.fusion, settings.tokens.count, trunk.widths[-1])
    distill = settings.distill
    has_head = distill.reads_logits or distill.trains_sender
    return TransM3E(
        trunk,
        head,
        fusion,
        {name: _followed(distill, trunk, _sender(each, classes, clip, has_head)) for name, each in followed.items()},
        into_own=not distill.needs_receivers,
        trains_senders=distill.trains_sender,
    )


def for_inference(network: Network) -> Network:
    """Leave out of `network` what only training needs: senders and what compares with them; it now evaluates."""
    if isinstance(network, TransM3E):
        network.senders, network.distill = nn.ModuleDict(), nn.ModuleDict()
    return network.eval()


def _trunk(settings: RgbModel | ModelSettings, clip: ClipShape, *, groups: int) -> Trunk:
    temporal, module = settings.temporal, variant(settings.temporal)

    def at(place: int) -> Callable[[BlockShape, int], nn.Module]:
        def over_time(shape: BlockShape, tokens: int) -> nn.Module:
            with drawn_aside(f"temporal {place}"):
                made: nn.Module = module.Temporal(temporal, shape.width, shape.grid_out, tokens)
            return made

        return over_time

    places = temporal.places(settings.trunk.depth, settings.trunk.stage_starts)
    return Trunk(settings.trunk, settings.tokens, clip, groups=groups, temporal={each: at(each) for each in places})


def _sender(settings: SenderModel, classes: int, clip: ClipShape, has_head: bool = True) -> SenderNetwork:
    module = variant(settings.modality)
    sender = module.Sender(settings.modality, settings.trunk, settings.tokens, clip)
    head = _head(settings, classes, sender.widths[-1]) if has_head else None
    return SenderNetwork(sender, head, module.STREAM)


def _followed(distill: AnyDistill, trunk: Trunk, network: SenderNetwork) -> Followed:
    ours, theirs = Blocks(trunk.enter, trunk.widths), Blocks(0, cast("Encoder", network.sender).widths)
    return Followed(network, variant(distill).Distill(distill, ours, theirs))


def _head(settings: Branch, classes: int, width: int) -> Head:
    return Head(width, classes, settings.tokens, dropout=settings.head_dropout)


def parameter_count(network: nn.Module) -> Parameters:
    """Count the parameters, also on the meta device."""
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in network.parameters()]
    return Parameters(sum(count for count, trained in counts if trained), sum(count for count, _ in counts))


def own_state(network: Network) -> dict[str, Tensor]:
    """Give what is kept as a checkpoint: the state dict without frozen senders, which their own phases keep."""
    elsewhere = _kept_elsewhere(network)
    return {name: value for name, value in network.state_dict().items() if not name.startswith(elsewhere)}


def load_own_state(network: Network, state: Mapping[str, Tensor]) -> None:
    """Load what `own_state` gave.

    Raises:
        WeightsError: it is of another network.
    """
    load_exactly(network, state, "the checkpoint", new=_kept_elsewhere(network))


def _kept_elsewhere(network: Network) -> tuple[str, ...]:
    return ("senders.",) if isinstance(network, TransM3E) and not network.trains_senders else ()
