"""No baseline: the arm trains TransM3E."""

from typing import ClassVar, Literal

from models.peers import AnyBaseline

STREAM = "rgb"


class Settings(AnyBaseline):
    """Nothing to set."""

    is_none: ClassVar[bool] = True

    name: Literal["none"] = "none"
