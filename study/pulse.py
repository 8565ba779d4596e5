"""A pulse: shows others that somebody is alive, also while what is done takes long."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from results.files import StoreError


@contextmanager
def pulse(beat: Callable[[], None], every_s: float) -> Iterator[None]:
    """Call `beat` every `every_s` seconds meanwhile; that the store refuses it is said, and ends nothing."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(every_s):
            try:
                beat()
            except StoreError as refusal:
                sys.stderr.write(f"no heartbeat: {refusal}\n")

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
