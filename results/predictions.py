"""The predictions file of a run: what paired statistics need, one row per clip.

Letters: N clips, C classes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def write(
    path: Path,
    clips: Sequence[str],
    activities: Sequence[str],
    splits: Sequence[str],
    seed: int,
    scores_NC: NDArray[np.float32],
    labels_NC: NDArray[np.bool_],
) -> None:
    """Write one Parquet row per clip: clip, activity, split, seed, scores (float32 list), labels (0 or 1 list)."""
    import polars

    rows = polars.DataFrame(
        {
            "clip": list(clips),
            "activity": list(activities),
            "split": list(splits),
            "seed": [seed] * len(clips),
            "scores": polars.Series(scores_NC.tolist(), dtype=polars.List(polars.Float32)),
            "labels": polars.Series(labels_NC.astype(np.uint8).tolist(), dtype=polars.List(polars.UInt8)),
        },
        schema_overrides={"seed": polars.Int64},
    )
    rows.write_parquet(path)
