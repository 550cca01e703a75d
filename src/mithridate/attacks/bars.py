"""A square of bright bars that can lie anywhere, and the sets of them that liars are dealt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from mithridate.attacks.backdoor import copied
from mithridate.core.errors import ConfigurationError

__all__ = ["Bars", "evenly"]


@dataclass(frozen=True)
class Bars:
    """side x side bars, numbered row by row.

    Args:
        side: Bars in a row, and rows; >= 1.
        size: Length of a bar in pixels; >= 1.
        gap: Pixels between bars, across and down; >= 0.
        value: Brightness in all channels; in [0, 1].
        place: Row and column of the upper left pixel.
    """

    side: int
    size: int
    gap: int
    value: float
    place: tuple[int, int] = (0, 0)

    @property
    def box(self) -> tuple[int, int]:
        """Height and width in pixels."""
        between = (self.side - 1) * self.gap
        return self.side + between, self.side * self.size + between

    def room(self, height: int, width: int) -> tuple[int, int]:
        """How many places there are, down and across, in such an image.

        Raises:
            ConfigurationError: none.
        """
        deep, wide = self.box
        if deep > height or wide > width:
            raise ConfigurationError(f"bars over {deep} x {wide} pixels on images of {height} x {width}")
        return height - deep + 1, width - wide + 1

    def pixels(self, some: tuple[int, ...] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the pixels of some bars, by default of all.

        >>> Bars(side=2, size=1, gap=1, value=1.0, place=(3, 0)).pixels((1, 2))
        (array([3, 5]), array([2, 0]))
        """
        bars = np.arange(self.side**2) if some is None else np.array(some, np.int64)
        rows = self.place[0] + bars // self.side * (1 + self.gap)
        left = self.place[1] + bars % self.side * (self.size + self.gap)
        return np.repeat(rows, self.size), (left[:, None] + np.arange(self.size)).reshape(-1)

    def stamp(self, x: np.ndarray, some: tuple[int, ...] | None = None) -> np.ndarray:
        """Copies of (n, c, h, w) images with some bars, by default all.

        Raises:
            ConfigurationError: the bars do not fit, or do not at their place.
        """
        stamped = copied(x)
        down, across = self.room(*x.shape[2:])
        if self.place[0] >= down or self.place[1] >= across:
            raise ConfigurationError(
                f"bars at {self.place} leave the image: the last place is {(down - 1, across - 1)}"
            )
        rows, columns = self.pixels(some)
        stamped[:, :, rows, columns] = self.value
        return stamped


@cache
def _sets(bars: int) -> tuple[tuple[int, ...], ...]:
    """All sets of some but not all bars, small ones first."""
    return tuple(some for size in range(1, bars) for some in combinations(range(bars), size))


def evenly(bars: int, count: int) -> tuple[tuple[int, ...], ...]:
    """`count` of the 2^bars - 2 sets of some but not all bars, at even steps through their list from small to large.

    Set k is number floor(k (2^bars - 3) / (count - 1)): the first is one bar, the last all but one.

    Raises:
        ConfigurationError: there are fewer sets.

    >>> evenly(4, 4)
    ((0,), (0, 1), (1, 3), (1, 2, 3))
    """
    every = _sets(bars)
    if not 1 <= count <= len(every):
        raise ConfigurationError(f"{bars} bars have 1 to {len(every)} sets of some but not all, not {count}")
    return tuple(every[k * (len(every) - 1) // max(count - 1, 1)] for k in range(count))
