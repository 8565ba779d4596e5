"""No distillation: the trial needs no sender and no sender phase."""

from typing import Literal

from models.distilling import AnyDistill


class Settings(AnyDistill):
    """Nothing to set."""

    name: Literal["none"] = "none"
