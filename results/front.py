"""The Pareto front of two objectives."""

from collections.abc import Mapping


def front(objectives: Mapping[str, tuple[float, float]]) -> list[str]:
    """Name the arms that no other one beats: as good in both objectives and better in one; more is better."""

    def is_beaten(own: tuple[float, float]) -> bool:
        return any(one[0] >= own[0] and one[1] >= own[1] and one != own for one in objectives.values())

    return [arm for arm, own in objectives.items() if not is_beaten(own)]
