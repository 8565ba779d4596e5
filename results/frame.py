"""The predictions of an edition as arrays: every arm's and seed's scores of the same clips, in one order.

Letters: N clips, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from results.files import StoreError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ARMS = "select arm, replicate from arms where edition = $edition order by position"

# A pruned trial is censored for its own claim, even where another one has trained the same key to its end.
_TRIALS = """
select arm, seed, final from trials
where edition = $edition
    and not exists (
        from runs join editions on pruned_claim = claim_hash
        where runs.key = trials.final and editions.edition = trials.edition)
    and exists (from predictions where predictions.key = trials.final)
order by arm, seed
"""

_PREDICTIONS = """
select key, clip, activity, split, scores, labels from predictions
where key in (select unnest($keys))
    and split != 'train'
    and (split not like 'test%' or exists (from editions where edition = $edition and revealed_at is not null))
order by key, split, activity, clip
"""

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Predictions:
    """What the statistics need of an edition; arms without results are in `arms` and not in `scores`.

    Shapes:
        clip_N, split_N, activity_N; labels_NC; scores[arm][seed] of (N, C)

    Raises:
        ValueError: the arrays do not fit each other.
    """

    arms: tuple[str, ...]
    """Every planned arm, the control among them, in the order of the plan."""
    clip_N: NDArray[np.str_]
    split_N: NDArray[np.str_]
    activity_N: NDArray[np.str_]
    labels_NC: NDArray[np.bool_]
    scores: Mapping[str, Mapping[int, Scores]]
    repeated: frozenset[str] = frozenset()
    """Arms that train the control once more, to show how large no effect looks: no claim about any or all is theirs."""

    def __post_init__(self) -> None:
        shape = self.labels_NC.shape
        names = {array.shape for array in (self.clip_N, self.split_N, self.activity_N)}
        given = {scores_NC.shape for seeds in self.scores.values() for scores_NC in seeds.values()}
        if names != {shape[:1]} or given - {shape}:
            raise ValueError(
                f"predictions: names and scores must be of the same N clips and C classes as {self.labels_NC.shape=}, "
                f"but got names of {sorted(names)} and scores of {sorted(given)}."
            )

    @property
    def activities(self) -> tuple[str, ...]:
        """The activities that occur, sorted."""
        return tuple(np.unique(self.activity_N).tolist())

    def of(self, split: str) -> "Predictions":
        """Take the clips of one split, sorted by activity and name: the same whatever their order was."""
        index_N = np.flatnonzero(self.split_N == split)
        index_N = index_N[np.lexsort((self.clip_N[index_N], self.activity_N[index_N]))]
        return Predictions(
            self.arms,
            self.clip_N[index_N],
            self.split_N[index_N],
            self.activity_N[index_N],
            self.labels_NC[index_N],
            {
                arm: {seed: scores_NC[index_N] for seed, scores_NC in seeds.items()}
                for arm, seeds in self.scores.items()
            },
            self.repeated,
        )


def predictions(connection: "DuckDBPyConnection", edition: str) -> Predictions:
    """Read what the finished trials of an edition scored; validation splits, and test splits once they are revealed.

    Pruned trials are left out.

    Raises:
        StoreError: trials of the edition scored different clips.
    """
    named = {"edition": edition}
    planned = connection.execute(_ARMS, named).fetchall()
    arms, repeated = tuple(arm for arm, _ in planned), frozenset(arm for arm, replicate in planned if replicate)
    trials = connection.execute(_TRIALS, named).fetchall()
    keys = sorted({key for _, _, key in trials})
    rows = connection.execute(_PREDICTIONS, named | {"keys": keys}).fetchnumpy()
    blocks = _blocks(rows, edition)
    if not blocks:
        nothing_N = np.array([], np.str_)
        return Predictions(arms, nothing_N, nothing_N, nothing_N, np.empty((0, 0), np.bool_), {}, repeated)
    first = next(iter(blocks.values()))
    scores: dict[str, dict[int, Scores]] = {}
    for arm, seed, key in trials:
        if key in blocks:
            scores.setdefault(arm, {})[seed] = np.stack(list(blocks[key]["scores"])).astype(np.float32, copy=False)
    return Predictions(
        arms,
        first["clip"].astype(np.str_),
        first["split"].astype(np.str_),
        first["activity"].astype(np.str_),
        np.stack(list(first["labels"])) > 0,
        scores,
        repeated,
    )


def _blocks(rows: dict[str, NDArray[Any]], edition: str) -> dict[str, dict[str, NDArray[Any]]]:
    """Cut the rows, sorted by key, into one block per key, and make sure that all blocks show the same clips."""
    keys, starts = np.unique(rows["key"].astype(np.str_), return_index=True)
    cuts = {name: np.split(column, starts[1:]) for name, column in rows.items()}
    blocks = {key: {name: parts[i] for name, parts in cuts.items()} for i, key in enumerate(keys.tolist())}
    for key, block in blocks.items():
        first = blocks[keys[0]]
        same = all(np.array_equal(block[name], first[name]) for name in ("clip", "split", "activity"))
        if not (same and np.array_equal(np.stack(list(block["labels"])), np.stack(list(first["labels"])))):
            raise StoreError(
                f"{edition}: its trials scored different clips: runs {keys[0][:12]} ({len(first['clip'])} clips) and "
                f"{key[:12]} ({len(block['clip'])} clips). Arms can only be compared on the same clips and labels. "
                "Run the study again, so that all trials use the same data, or prove the store with `study verify`."
            )
    return blocks
