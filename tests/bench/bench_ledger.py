"""What the ledger costs a phase of 50 epochs: what the engine writes down, against the same training without it.

Two trainings of the tiny profile's RGB branch take turns, epoch by epoch, in one process. One only trains. The other
also claims its key, writes records after every epoch and its whole state as often as `study.training.SAVING` allows,
and publishes. Clips are half of the profile's, so that the share is rather too large than too small; nothing is
evaluated meanwhile.

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python -m tests.bench.bench_ledger
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

from results.owner import Owner
from study import training
from study.leg import Place, unstopped
from study.preparation import Prepared, Request, decode, prepare_store
from study.pulse import pulse
from study.worker import HEARTBEAT_S
from tests.bench.made_trials import home
from tests.bench.rows import Row, keep

EPOCHS = 50
ASKED = Request("token_count_sweep", profile="tiny", overrides={"data.limit": 120, "phases.rgb_epochs": EPOCHS})


def measure(prepared: Prepared) -> Iterator[Row]:
    """Train both, in turns, and compare."""
    trial, store = prepared.plan.trials[0], prepared.store
    phase, way = trial.phases["rgb"], prepared.ways[trial.arm.name]
    cache = way.source.decode(way.frames, way.streams)
    place = Place(way.source.dataset(), cache, prepared.plan.edition.settings.resources, {}, "bench")
    bare, kept = training._Leg(phase, place, store), training._Leg(phase, place, store)
    attempt, claiming = timed(store.claim, phase.key, phase.content | {"key": phase.key}, Owner.current())
    assert attempt is not None
    alone, together, writing = list[float](), list[float](), list[float]()
    for epoch in range(1, EPOCHS + 1):
        alone.append(timed(bare.epoch, epoch, unstopped)[1])
        with pulse(attempt.heartbeat, HEARTBEAT_S):
            records, trained = timed(kept.epoch, epoch, unstopped)
            _, wrote = timed(kept.keep, attempt, epoch, records, (), trained)
        together.append(trained + wrote)
        writing.append(wrote)
    kept.examiner.measure_all(attempt, EPOCHS, unstopped)
    _, publishing = timed(kept.finish, attempt)
    once = claiming + publishing
    over = 100 * ((sum(together) + once) / sum(alone) - 1)
    own = 100 * (sum(writing) + once) / sum(alone)
    said = (
        f"epoch {1e3 * fmean(alone):.0f} ms, writing {1e3 * fmean(writing):.1f} ms on average, claim and publication "
        f"{1e3 * once:.0f} ms; what is written took {own:.2f} % by itself"
    )
    yield Row(f"ledger of a phase with {EPOCHS} epochs", "the bare training loop", over, "% more", 1, 0.3, said)


def timed(do: Callable[..., Any], *given: Any) -> tuple[Any, float]:
    """Give what a call gives, and how long it takes, seconds."""
    began = time.perf_counter()
    result = do(*given)
    return result, time.perf_counter() - began


def main() -> bool:
    """Measure in a store of its own."""
    with tempfile.TemporaryDirectory(prefix="study-bench-") as name, home(Path(name)):
        return keep("ledger", measure(decode(prepare_store(ASKED), 1, lambda done, in_all: None)))


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
