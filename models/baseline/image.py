"""An image backbone of timm on every frame, any module over time on top of the frames' features, and their mean.

Letters: B batch, T H W frames, rows, columns, D width, C classes.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import SerializeAsAny
from torch import Tensor, nn

from models import catalog
from models.errors import UserError
from models.frames import Placed, drawn_aside
from models.geometry import ClipShape, Grid
from models.peers import Peer, PeerSettings
from models.settings import Variant, named
from models.trunk import TrunkSettings

STREAM = "rgb"
Temporal = Annotated[SerializeAsAny[Placed], *Variant.of("models.temporal")]


class Settings(PeerSettings):
    """Which backbone, by timm's name for it, which module over time, and the file the backbone starts from."""

    normalises_over_batch: ClassVar[bool] = True  # as most of its backbones do

    name: Literal["image"] = "image"
    backbone: str = "resnet18"
    temporal: Temporal = named("none")


class Baseline(Peer):
    """Classify the mean over frames.

    Shapes:
        (B, 3, T, H, W) -> (B, C)
    """

    HEAD = "head"
    PUBLISHED = "backbone."
    PUBLISHER = "timm"

    def __init__(self, settings: Settings, trunk: TrunkSettings, classes: int, clip: ClipShape) -> None:
        super().__init__()
        self.backbone = _backbone(settings.backbone, clip.size)
        # what a backbone without its classifier gives, which some widen after their last features
        width = int(getattr(self.backbone, "head_hidden_size", None) or self.backbone.num_features)  # type: ignore[arg-type]
        module = catalog.load("models.temporal", settings.temporal.name)  # type: ignore[attr-defined]
        grid = Grid(clip.frames, 1, 1)
        has_module = hasattr(module, "Temporal")
        with drawn_aside("temporal"):
            self.temporal = module.Temporal(settings.temporal, width, grid, 0) if has_module else nn.Identity()
        self.head = nn.Linear(width, classes)

    def forward(self, clip_BCTHW: Tensor) -> Tensor:
        """Classify the clips."""
        frames = clip_BCTHW.transpose(1, 2).flatten(0, 1)
        features_BTD = self.backbone(frames).unflatten(0, (len(clip_BCTHW), -1))
        return self.head(self.temporal(features_BTD).mean(dim=1))

    def left_behind(self) -> tuple[str, ...]:
        """Name the classifier as timm does, which has one or two of them."""
        names = self.backbone.pretrained_cfg["classifier"]  # type: ignore[index]  # typed as any module's attribute
        return tuple(f"{name}." for name in ([names] if isinstance(names, str) else names or []))


def _backbone(name: str, size: int) -> nn.Module:
    import timm

    there = timm.list_models()
    if name.partition(".")[0] not in there:
        raise UserError(f"model.baseline.backbone: {catalog.unknown(name, 'image backbone of timm', there)[:300]} ...")
    try:  # backbones with position embeddings are built for one size
        backbone: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, img_size=size)
    except TypeError:
        backbone = timm.create_model(name, pretrained=False, num_classes=0)
    return backbone
