"""Small networks for the tests of the models: every test can afford them."""

import pytest
import torch

from models.build import ClipShape, ModelSettings
from models.tokens import TokenSettings
from models.trunk import TrunkSettings

CLASSES = 5


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def clip() -> ClipShape:
    return ClipShape(frames=4, size=32)


@pytest.fixture
def settings() -> ModelSettings:
    trunk = TrunkSettings(width=8, depth=4, stage_starts=(1, 3), key_value_stride=(1, 4, 4), drop_path=0.0)
    return ModelSettings(trunk=trunk, tokens=TokenSettings(count=3), head_dropout=0.0)


@pytest.fixture
def streams(clip: ClipShape) -> dict[str, torch.Tensor]:
    return {"rgb": torch.randn(2, 3, clip.frames, clip.size, clip.size)}
