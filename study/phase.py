"""Phases: the legs of a trial's training, each known by the hash of all that can change its numbers.

    rgb(data, trunk, tokens, loss, seed)  and  sender(modality, the same)  ->  joint(arm, seed)
    profile(model, clip's shape, inference, machine's kind, seed), where the claim is about what inference costs

Two trials that agree on a phase's settings, seed and data share it, whatever study they belong to.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

from models.build import (
    AnyModel,
    BaselineModel,
    ModelSettings,
    RgbModel,
    SenderModel,
    baseline_settings,
    rgb_settings,
    sender_settings,
    streams_of,
)
from models.geometry import Skeleton
from models.settings import Frozen, key_content
from results.metric.facts import METRICS
from study.alone import ALONE_KINDS
from study.damage import ProbeSettings
from study.inference import InferenceSettings
from study.key import NUMERICS, key_of
from study.optim import OptimSettings, Precision
from study.settings import SeenSettings, Settings


class PhaseSettings(Frozen):
    """Everything that a phase may see: the part of the settings that its key hashes.

    Which clips it sees is not a setting here: the key holds the data set's fingerprint.
    """

    data: SeenSettings
    model: AnyModel

    @cached_property
    def hashed(self) -> dict[str, Any]:
        """What keys hash of it, once for the phases of all seeds; nobody writes to it."""
        return key_content(self)


class TrainingSettings(PhaseSettings):
    """What a phase that trains may see."""

    optim: OptimSettings
    epochs: int
    evaluate_every: int


class ProbePhaseSettings(PhaseSettings):
    """What a phase that only measures a finished network may see."""

    probe: ProbeSettings
    batch: int
    precision: Precision


class ProfileSettings(PhaseSettings):
    """What a phase that measures inference may see, and all that can change its numbers.

    Its clips are made up: of `data` there is their shape, and the rest at its default. Unlike that of a training, a
    measurement's key tells devices and threads apart.
    """

    model: BaselineModel | ModelSettings
    classes: int
    skeleton: Skeleton | None
    """What clips come with, if the network is built for it."""
    inference: InferenceSettings
    precision: Precision
    device: str
    """Its type: ``cpu``, ``cuda`` or ``mps``."""
    threads: int


class Kind(NamedTuple):
    """What phases of one kind may see: their settings, and how the part `model.*` of these is read."""

    settings: type[PhaseSettings]
    model: Callable[[Any], AnyModel]


def whole_model(content: Mapping[str, Any]) -> AnyModel:
    """Read what the last phase of a trial sees of `model.*`: a baseline's part, or all of it."""
    is_baseline = content.keys() == BaselineModel.model_fields.keys()
    return (BaselineModel if is_baseline else ModelSettings).model_validate(content)


KINDS: dict[str, Kind] = {
    "rgb": Kind(TrainingSettings, RgbModel.model_validate),
    "sender": Kind(TrainingSettings, SenderModel.model_validate),
    "joint": Kind(TrainingSettings, ModelSettings.model_validate),
    "baseline": Kind(TrainingSettings, BaselineModel.model_validate),
    "probe": Kind(ProbePhaseSettings, whole_model),
    "profile": Kind(ProfileSettings, whole_model),
}
"""The phases of a trial in their order."""


@dataclass(frozen=True)
class Phase:
    """One leg of a training, before or after it was run.

    Attributes:
        kind: one of `KINDS`.
        data: the data set's fingerprint; empty if it reads none.
        parents: role -> key of the phases whose weights this one starts from.
    """

    kind: str
    settings: PhaseSettings
    seed: int
    replicate: int
    data: str
    parents: Mapping[str, str]

    @cached_property
    def content(self) -> dict[str, Any]:
        """What is hashed, and written to `settings.json` beside the key."""
        return {
            "numerics": NUMERICS,
            "kind": self.kind,
            "settings": self.settings.hashed,
            "seed": self.seed,
            "replicate": self.replicate,
            "data": self.data,
            "parents": dict(self.parents),
        }

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild a phase from what was hashed: so a training cannot see anything else."""
        kind, settings = KINDS[content["kind"]], dict(content["settings"])
        settings["model"] = kind.model(settings["model"])
        own = kind.settings.model_validate(settings)
        return cls(content["kind"], own, content["seed"], content["replicate"], content["data"], content["parents"])

    @cached_property
    def key(self) -> str:
        """64 hex digits."""
        return key_of(self.content)

    @property
    def epochs(self) -> int:
        """How many epochs it trains; none, if it only measures."""
        return self.settings.epochs if isinstance(self.settings, TrainingSettings) else 0

    @property
    def training(self) -> TrainingSettings:
        """The settings of a phase that trains.

        Raises:
            TypeError: it trains nothing.
        """
        if not isinstance(self.settings, TrainingSettings):
            raise TypeError(f"a phase that trains is needed, but got one of kind {self.kind!r}.")
        return self.settings

    @property
    def probed(self) -> ProbePhaseSettings:
        """The settings of a phase that measures a finished network.

        Raises:
            TypeError: it does not.
        """
        if not isinstance(self.settings, ProbePhaseSettings):
            raise TypeError(f"a phase that probes is needed, but got one of kind {self.kind!r}.")
        return self.settings

    @property
    def profiled(self) -> ProfileSettings:
        """The settings of a phase that measures inference.

        Raises:
            TypeError: it does not.
        """
        if not isinstance(self.settings, ProfileSettings):
            raise TypeError(f"a phase that measures inference is needed, but got one of kind {self.kind!r}.")
        return self.settings

    @property
    def precision(self) -> Precision:
        """In which it is computed.

        Raises:
            TypeError: it computes nothing.
        """
        match self.settings:
            case TrainingSettings(optim=optim):
                return optim.precision
            case ProbePhaseSettings(precision=precision) | ProfileSettings(precision=precision):
                return precision
        raise TypeError(f"a phase that computes is needed, but got one of kind {self.kind!r}.")

    @property
    def is_divisible(self) -> bool:
        """Tell whether it comes to the same numbers in several processes, or in pieces of a batch: it trains, and what
        its network makes of a clip does not depend on the clips beside it."""
        model = self.settings.model
        mixes = isinstance(model, BaselineModel) and model.baseline.normalises_over_batch
        return isinstance(self.settings, TrainingSettings) and not mixes

    @property
    def is_alone(self) -> bool:
        """Tell whether it may only run while nothing else does."""
        return self.kind in ALONE_KINDS


def senders_of(model: ModelSettings) -> dict[str, SenderModel]:
    """Give what each sender phase sees, by its role: ``sender``, or ``sender:depth`` where there are several."""
    senders = sender_settings(model)
    return {"sender" if len(senders) == 1 else f"sender:{name}": sender for name, sender in senders.items()}


def phases_of(settings: Settings, seed: int, replicate: int, data: str) -> dict[str, Phase]:
    """Split a trial into its phases, by role, parents first: a role is the phase's kind, unless there are several.

    Every arm gets the joint epochs, also one without joint components, so that all arms have had the same number. A
    baseline has one phase of its own. Where something is probed, that is the last phase, and no training.

    Args:
        data: the data set's fingerprint.
    """
    epochs, model, optim = settings.phases, settings.model, settings.optim
    data_seen = settings.data.of_phase()

    def phase(kind: str, seen: AnyModel, own: OptimSettings, length: int, parents: Mapping[str, str]) -> Phase:
        every = epochs.evaluate_every
        own_settings = TrainingSettings(data=data_seen, model=seen, optim=own, epochs=length, evaluate_every=every)
        return Phase(kind, own_settings, seed, replicate, data, parents)

    def probed(trained: dict[str, Phase], last: str) -> dict[str, Phase]:
        probe = settings.probe
        if probe.is_none:
            return trained
        seen, roles = trained[last].settings.model, [last]
        if probe.tokens == "sender":
            roles += [role for role, each in trained.items() if each.kind == "sender"]
        own = ProbePhaseSettings(data=data_seen, model=seen, probe=probe, batch=optim.batch, precision=optim.precision)
        parents = {role: trained[role].key for role in roles}
        return trained | {"probe": Phase("probe", own, seed, replicate, data, parents)}

    if not model.baseline.is_none:  # as many epochs as an arm of TransM3E has, for its RGB branch
        length = epochs.rgb_epochs + epochs.joint_epochs if model.baseline.trains else 1
        alone = {"baseline": phase("baseline", baseline_settings(model), optim.pretraining(), length, {})}
        return probed(alone, "baseline")
    phases = {"rgb": phase("rgb", rgb_settings(model), optim.pretraining(), epochs.rgb_epochs, {})}
    for role, sender in senders_of(model).items():
        phases[role] = phase("sender", sender, optim.pretraining(), epochs.sender_epochs, {})
    parents = {role: parent.key for role, parent in phases.items()}
    return probed(phases | {"joint": phase("joint", model, optim.joint(), epochs.joint_epochs, parents)}, "joint")


class ClipSource(NamedTuple):
    """What the phases of a trial need to know of its data.

    Attributes:
        fingerprint: of the data set.
        classes: muscle groups that are learned.
        skeleton: the one that the data have.
    """

    fingerprint: str
    classes: int
    skeleton: Skeleton | None


def with_seed(phases: Mapping[str, Phase], seed: int) -> dict[str, Phase]:
    """Give the phases of the same trial with another seed: the settings are the same ones, the parents are not."""
    others: dict[str, Phase] = {}
    keys: dict[str, str] = {}
    for role, phase in phases.items():
        parents = {name: keys[parent] for name, parent in phase.parents.items()}
        others[role] = replace(phase, seed=seed, parents=parents)
        keys[phase.key] = others[role].key
    return others


def trial_phases(
    settings: Settings, metric: str, seed: int, replicate: int, source: ClipSource, against: str | None = None
) -> dict[str, Phase]:
    """Give what a claim about `metric` needs of a trial: trainings, or a measurement of what inference costs.

    Args:
        against: the second objective of a search, a cost: it needs both, the trainings last.
    """
    trained = {} if METRICS[metric].is_cost else phases_of(settings, seed, replicate, source.fingerprint)
    if trained and against is None:
        return trained
    return profile_of(settings, seed, replicate, source.classes, source.skeleton) | trained


def profile_of(
    settings: Settings, seed: int, replicate: int, classes: int, skeleton: Skeleton | None
) -> dict[str, Phase]:
    """Give the one phase of a trial whose number is what inference costs; a seed is another measurement.

    Args:
        classes: muscle groups that are learned.
        skeleton: the one that the data have.
    """
    data, model, resources = settings.data, settings.model, settings.resources
    own = ProfileSettings(
        data=SeenSettings(frames=data.frames, size=data.size),
        model=model if model.baseline.is_none else baseline_settings(model),
        classes=classes,
        skeleton=skeleton if "skeleton" in streams_of(model) else None,
        inference=settings.inference,
        precision=settings.optim.precision,
        device=resources.device.partition(":")[0],
        threads=resources.threads,
    )
    return {"profile": Phase("profile", own, seed, replicate, "", {})}
