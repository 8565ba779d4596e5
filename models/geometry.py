"""Sizes of clips, patch grids and blocks: what follows from the settings before any tensor exists."""

from typing import NamedTuple

Triple = tuple[int, int, int]


class Skeleton(NamedTuple):
    """The joints of one frame.

    Attributes:
        axes: coordinates of a joint.
        edges: pairs of joints that a bone links.
        mirror: for each joint, the one on the other side of the body (itself in the middle); empty if nobody knows.
    """

    joints: int
    axes: int
    edges: tuple[tuple[int, int], ...]
    mirror: tuple[int, ...] = ()


class ClipShape(NamedTuple):
    """The clip a network is built for: its frames, its rows and columns in pixels, and the skeleton it comes with."""

    frames: int
    size: int
    skeleton: Skeleton | None = None


class Grid(NamedTuple):
    """Patches along each axis."""

    frames: int
    rows: int
    columns: int

    @property
    def patches(self) -> int:
        """Count all patches."""
        return self.frames * self.rows * self.columns


def convolved_grid(grid: Grid, kernel: Triple, stride: Triple, padding: Triple) -> Grid:
    """Give the grid after a convolution."""
    sizes = zip(grid, kernel, stride, padding, strict=True)
    return Grid(*((size + 2 * pad - width) // step + 1 for size, width, step, pad in sizes))


def pooled_grid(grid: Grid, kernel: Triple, stride: Triple) -> Grid:
    """Give the grid after a pooling that is padded by half its kernel."""
    return convolved_grid(grid, kernel, stride, half(kernel))


def half(kernel: Triple) -> Triple:
    """Give the padding that centres a kernel."""
    frames, rows, columns = kernel
    return frames // 2, rows // 2, columns // 2
