"""The predictions file of a run: what paired statistics need, one row per clip.

Letters: N clips, C classes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Scored(NamedTuple):
    """What a network said of N clips.

    Attributes:
        motion_N: mean change from frame to frame, in grey levels from 0 to 255; NaN where nobody saw pictures.
        scores_NC: NaN where a label is not measured.
        labels_NC: whether it is true.
    """

    clips: Sequence[str]
    activities: Sequence[str]
    splits: Sequence[str]
    motion_N: NDArray[np.float32]
    scores_NC: NDArray[np.float32]
    labels_NC: NDArray[np.bool_]


def write(path: Path, seed: int, scored: Scored) -> None:
    """Write one Parquet row per clip: clip, activity, split, seed, motion, scores and labels (lists, labels 0 or 1)."""
    import polars

    rows = polars.DataFrame(
        {
            "clip": list(scored.clips),
            "activity": list(scored.activities),
            "split": list(scored.splits),
            "seed": [seed] * len(scored.clips),
            "motion": scored.motion_N,
            "scores": polars.Series(scored.scores_NC.tolist(), dtype=polars.List(polars.Float32)),
            "labels": polars.Series(scored.labels_NC.astype(np.uint8).tolist(), dtype=polars.List(polars.UInt8)),
        },
        schema_overrides={"seed": polars.Int64, "motion": polars.Float32},
    )
    rows.write_parquet(path)
