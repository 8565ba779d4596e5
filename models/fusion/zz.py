
from typing import Literal
from models.settings import Frozen
class Settings(Frozen):
    name: Literal["zz"] = "zz"
    drop: float = 0.1
