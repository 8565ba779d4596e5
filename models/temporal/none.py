"""No module over time: the trunk's own attention is all there is."""

from typing import Literal

from models.settings import Frozen


class Settings(Frozen):
    """Nothing to set."""

    name: Literal["none"] = "none"


def places(settings: Settings, depth: int) -> tuple[int, ...]:
    """Name no block."""
    return ()
