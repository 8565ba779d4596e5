"""One submitter of an edition at a time: what one of them submits, the next one finds in the queue.

A file that is linked into place, and so on network file systems too, names who has the turn. It is passed over once its
maker is gone. Phases submitted twice would still end in one result each: only time would be lost.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from results.attempt import Store
from results.files import link_json, read_json, writing
from results.owner import Owner
from study.executor import submission

POLL_S = 0.5
STALE_S = 600.0
"""Age of a turn whose holder cannot be asked after."""


@contextmanager
def turn(store: Store, edition: str, is_alive: Callable[[Owner], bool | None]) -> Iterator[None]:
    """Have the turn to submit phases of `edition`, once nobody else has it.

    Raises:
        UnwritableError: the store cannot be written.
    """
    path = submission.folder_of(store) / f"{edition}.turn.json"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    while not link_json(path, Owner.current().content()):
        if _is_over(path, is_alive):
            path.unlink(missing_ok=True)
        else:
            time.sleep(POLL_S)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _is_over(path: Path, is_alive: Callable[[Owner], bool | None]) -> bool:
    try:
        alive, age_s = is_alive(Owner.of(read_json(path))), time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return True
    return age_s > STALE_S if alive is None else not alive
