"""No distillation: the trial needs no sender and no sender phase."""

from typing import Literal

from models.settings import Frozen

NEEDS_SENDER = False
NEEDS_RECEIVERS = False


class Settings(Frozen):
    """Nothing to set."""

    name: Literal["none"] = "none"
