"""One at a time plans or submits an edition: the next one finds its plan, and in the queue what it submitted.

A file that is linked into place, and so on network file systems too, names who has the turn; its time of change says
that the holder lives. A turn is passed over once its holder's process is gone on this machine, or once nobody has
touched the file for long. Phases submitted twice would still end in one result each: only time would be lost. Of two
plans made at once the second would forget what the first asked for, and a search would pick two rounds at once.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from results.attempt import Store
from results.files import link_json, read_json, rename, writing
from results.owner import Owner, alive_here
from study.executor import submission
from study.pulse import pulse

POLL_S = 0.5
TOUCH_S = 10.0
STALE_S = 60.0
"""Age of a turn whose holder, on another machine, has not touched it; the clocks must agree better than this."""

Turn = dict[str, Any]
"""What the file holds: the owner, and a token that no other turn has."""


@contextmanager
def turn(store: Store, edition: str, say: Callable[[str], None]) -> Iterator[None]:
    """Have the turn to plan or submit phases of `edition`, once nobody else has it.

    Args:
        say: told once, if there is a wait.

    Raises:
        UnwritableError: the store cannot be written.
    """
    own = Owner.current().content() | {"token": secrets.token_hex(8)}
    path = submission.folder_of(store) / f"{edition}.turn.json"
    aside = store.root / f"{edition}.turn.{own['token']}.tmp"  # `study clean` knows what is called so
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    is_told = False
    while (holder := _read(path)) or not link_json(path, own, aside):
        if holder and _is_over(path, holder):
            with writing(path):
                _take_away(path, holder, aside)
        elif holder:
            if not is_told:
                say(f"waits for {holder['host']} {holder['pid']}, which plans {edition} ({path})")
            is_told = True
            time.sleep(POLL_S)
    try:
        with pulse(lambda: _touch(path, own), TOUCH_S):
            yield
    finally:
        with writing(path):
            _take_away(path, own, aside)


def _read(path: Path) -> Turn | None:
    try:
        content: Turn = read_json(path)
    except FileNotFoundError:
        return None
    return content


def _is_over(path: Path, holder: Turn) -> bool:
    alive = alive_here(Owner.of(holder))
    try:
        return time.time() - path.stat().st_mtime > STALE_S if alive is None else not alive
    except FileNotFoundError:
        return False  # it has just ended


def _touch(path: Path, own: Turn) -> None:
    if _read(path) == own:
        with writing(path), suppress(FileNotFoundError):
            os.utime(path)


def _take_away(path: Path, holder: Turn, aside: Path) -> None:
    """Remove the turn of `holder`; one that has come in its place meanwhile is put back."""
    if _read(path) != holder:
        return
    with suppress(FileNotFoundError):
        rename(path, aside)
        if _read(aside) != holder:
            with suppress(FileExistsError):
                os.link(aside, path)
        aside.unlink()
