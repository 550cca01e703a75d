"""Memory of one round that serves the next: the system clears fresh memory page by page, which costs as much as filling it."""

from __future__ import annotations

import weakref

import numpy as np

__all__ = ["SpareRows"]

_MOST_BYTES = 1 << 30


class SpareRows:
    """Memory for the updates of a round, used again as soon as nobody looks at those of the last round any more.

    The memory is handed out behind one array, which every view of it, and of its views, keeps alive: once that array is gone,
    nobody looks. At most 1 GiB is kept from round to round.

    >>> spare = SpareRows()
    >>> first = spare.rows(2, 3)
    >>> kept = first[0]
    >>> del first
    >>> np.shares_memory(spare.rows(2, 3), kept)
    False
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._memory: memoryview | None = None
        self._handed_out: weakref.ref[np.ndarray] | None = None

    def rows(self, n: int, d: int) -> np.ndarray:
        """(n, d) float32, whatever stands in it."""
        if n * d == 0:
            return np.empty((n, d), np.float32)
        in_use = self._handed_out is not None and self._handed_out() is not None
        memory = self._memory
        if memory is None or in_use or memory.nbytes != 4 * n * d:
            memory = np.empty(n * d, np.float32).data
        self._memory = memory if memory.nbytes <= self._most_bytes else None
        # Over a buffer that is no array, so that views refer to this array and not past it.
        whole = np.frombuffer(memory, np.float32)
        self._handed_out = weakref.ref(whole)
        return whole.reshape(n, d)
