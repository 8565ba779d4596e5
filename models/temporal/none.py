"""No module over time: the trunk's own attention is all there is."""

from typing import Literal

from models.frames import Placed


class Settings(Placed):
    """Nothing to set."""

    name: Literal["none"] = "none"
