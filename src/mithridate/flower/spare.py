"""Memory of one round that serves the next: the system clears fresh memory page by page, which costs as much as filling it."""

from __future__ import annotations

import sys

import numpy as np

__all__ = ["SpareRows"]

_MOST_BYTES = 1 << 30
_OURS_ALONE = 2  # the name it has here, and the argument of the count


class SpareRows:
    """Memory for the updates of a round, used again as long as nobody looks at those of the last round any more.

    Every view of an array counts as a reference to it, so that memory which somebody still reads is left to them. At most 1 GiB
    is kept from round to round.

    >>> spare = SpareRows()
    >>> first = spare.rows(2, 3)
    >>> kept = first[0]
    >>> del first
    >>> np.shares_memory(spare.rows(2, 3), kept)
    False
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._memory: np.ndarray | None = None

    def rows(self, n: int, d: int) -> np.ndarray:
        """(n, d) float32, whatever stands in it."""
        memory, self._memory = self._memory, None
        if memory is None or memory.size != n * d or sys.getrefcount(memory) > _OURS_ALONE:
            memory = np.empty(n * d, np.float32)
        if memory.nbytes <= self._most_bytes:
            self._memory = memory
        return memory.reshape(n, d)
