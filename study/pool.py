"""The same work for every number of a range, here or in several processes."""

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import parent_process
from typing import TYPE_CHECKING, Any, TypeVar

from models.errors import UserError

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

Result = TypeVar("Result")

CHUNK = 4  # numbers that a process takes at once: few, so that Ctrl-C is answered soon


class ProcessDied(UserError):
    """A process that works for this one vanished."""

    exit_code = 1


_work: list[Callable[[int], Any]] = []


def each(work: Callable[[int], Result], count: int, workers: int, progress: Callable[[int, int], None]) -> list[Result]:
    """Call `work` with 0 to `count` - 1 and give the results in this order.

    With several workers, `work` is pickled once and sent to each, which starts afresh (nothing is forked: a parent that
    has threads, as torch does, may not be). They end with the call, however it ends, and with the parent, however it
    dies.

    Args:
        progress: called with the numbers that are done, and all.

    Raises:
        ProcessDied: one of them was killed.
    """
    chunks = [range(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK)]
    workers = min(workers, len(chunks))
    done: dict[int, list[Result]] = {}
    progress(0, count)
    if workers <= 1:
        for index in range(count):
            done[index] = [work(index)]
            progress(index + 1, count)
    else:
        _spread(work, chunks, workers, lambda first, results: done.update({first: results}), progress)
    return [result for _, results in sorted(done.items()) for result in results]


def _spread(
    work: Callable[[int], Result],
    chunks: list[range],
    workers: int,
    keep: Callable[[int, list[Result]], None],
    progress: Callable[[int, int], None],
) -> None:
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    # Not handed to them as they start: what exceeds a pipe holds the next one up until this one has imported and read.
    told = context.Queue()
    for sent in [pickle.dumps(work)] * workers:
        told.put(sent)
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(told,))
    finished = 0
    try:
        futures = {pool.submit(_run, chunk): chunk for chunk in chunks}
        for future in as_completed(futures):
            chunk = futures[future]
            keep(chunk.start, future.result())
            finished += len(chunk)
            progress(finished, chunks[-1].stop)
    except BrokenProcessPool as error:
        raise ProcessDied(
            "a process that decodes clips died: killed, out of memory, or started by a script that calls study.run "
            'outside `if __name__ == "__main__":`. What was decoded is thrown away. Mend that and run again.'
        ) from error
    except BaseException:
        # Nothing they have begun will be used, and it may take long.
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        told.close()
        told.cancel_join_thread()


def _start(told: "Queue[bytes]") -> None:
    # Ctrl-C reaches every process of the terminal; the parent answers it for all.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _work[:] = [pickle.loads(told.get())]


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(chunk: range) -> list[Any]:
    return [_work[0](index) for index in chunk]
