"""Seeds derived from seeds: every random draw of a phase is a pure function of (seed, replicate, kind, what for).

So nothing has to be remembered: an epoch that is run again after a kill draws what it drew before.
"""

import hashlib


def derive(seed: int, *words: str | int) -> int:
    """Give a 63-bit seed for one purpose, independent of the seeds for every other.

    Example:
        ``derive(0, "rgb", "epoch", 3)``
    """
    text = "/".join(str(word) for word in (seed, *words))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
