"""Which phase may run next: parents first, in the order of the plan; what fails blocks its children.

A phase that runs alone begins when no other is at work, and none begins beside it.
"""

from collections.abc import Collection, Iterator, Mapping

from study.phase import Phase


class Schedule:
    """The phases of a plan on their way from due to done.

    Args:
        phases: by key, parents before children.
        done: keys with a published result.
        failed: keys that are not tried again.
    """

    def __init__(self, phases: Mapping[str, Phase], done: Collection[str], failed: Collection[str] = ()) -> None:
        self._phases = phases
        self.done = set(done)
        self.running: set[str] = set()
        self.failed = set(failed) - self.done
        self.pruned: set[str] = set()
        self._left = {key: phase for key, phase in phases.items() if key not in self.done}

    @property
    def blocked(self) -> set[str]:
        """Keys that cannot run, since a parent, or a parent's parent, failed."""
        blocked: set[str] = set()
        for key, phase in self._left.items() if self.failed else ():
            if any(parent in self.failed or parent in blocked for parent in phase.parents.values()):
                blocked.add(key)
        return blocked

    @property
    def due(self) -> list[str]:
        """Keys that are left to run, in order: neither done, pruned, running, failed nor blocked."""
        return list(self._due())

    @property
    def is_over(self) -> bool:
        """Tell whether nothing runs and nothing is due."""
        return not self.running and next(self._due(), None) is None

    def _due(self) -> Iterator[str]:
        """Go through what is due, no further than is asked: with thousands of phases, most are."""
        blocked = self.blocked
        for key in self._left:
            if key not in self.running and key not in self.failed and key not in blocked:
                yield key

    def ready(self) -> Phase | None:
        """Give the next phase whose parents are all done, or None if there is none now."""
        at_work = [self._phases[key] for key in self.running]
        if any(phase.is_alone for phase in at_work):
            return None
        for key in self._due():
            if at_work and self._phases[key].is_alone:
                continue
            if all(parent in self.done for parent in self._phases[key].parents.values()):
                return self._phases[key]
        return None

    def start(self, key: str) -> None:
        """Note that `key` runs."""
        self.running.add(key)

    def finish(self, key: str, state: str) -> None:
        """Note how `key` ended: ``done``, ``pruned``, ``failed``, or ``due`` again."""
        self.running.discard(key)
        if state == "done":
            self.done.add(key)
            self._left.pop(key, None)
        elif state == "pruned":
            self.pruned.add(key)
            self._left.pop(key, None)
        elif state == "failed":
            self.failed.add(key)
        elif state != "due":
            raise ValueError(f"state must be done, pruned, failed or due, but got {state=}.")
