"""What tests know of the small networks of `tests/models/conftest.py`."""

UNREAD = ("pool_q.convolution.weight", "positions.frames", "positions.rows", "positions.columns")


def is_unread(parameter: str) -> bool:
    """Tell whether it makes queries of the last block's patches, which nobody reads: such weights are not trained."""
    return parameter.endswith(tuple(f"trunk.blocks.3.attention.{part}" for part in UNREAD))
