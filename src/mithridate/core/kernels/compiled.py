"""The column kernels of `plain`, compiled: the same functions, the same bits.

Imported only when first needed, because it imports numba. Compiled once per machine and kept on disk.

A tile of columns is copied to where the core is fastest and a sorting network runs over it, many columns at a time: the values
of one pattern stay in vector registers from its first comparator to its last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32, int64, intp, types, uint32

from mithridate.core.kernels.blocks import LARGEST
from mithridate.core.kernels.compiled_sums import centred_products, weighted_sums
from mithridate.core.kernels.vectors import (
    MAGNITUDE_BITS,
    WIDE,
    both,
    high,
    jit,
    largest_bits,
    low,
    merge4,
    merge8,
    sort4,
    sort8,
)

__all__ = ["centred_products", "column_signs", "mean_around_median", "trimmed_mean", "weighted_sums"]

_LARGEST_BITS = largest_bits(LARGEST)
_STEP = np.uint64(WIDE)
_VOTE_LANES = 2048


def trimmed_mean(strip: np.ndarray, program: np.ndarray, trim: int, out: np.ndarray) -> bool:
    """See `plain.trimmed_mean`."""
    return bool(_trimmed_mean(strip.view(np.uint32), np.arange(len(strip)), program, trim, out))


def mean_around_median(strip: np.ndarray, rows: np.ndarray, program: np.ndarray, keep: int, out: np.ndarray) -> bool:
    """See `plain.mean_around_median`."""
    return bool(_mean_around_median(strip.view(np.uint32), rows, program, keep, out))


def column_signs(strip: np.ndarray, out: np.ndarray) -> bool:
    """See `plain.column_signs`."""
    return bool(_column_signs(strip, out))


@jit()
def _take(strip: Any, rows: Any, start: Any, width: Any, tile: Any, lanes: Any) -> Any:
    """Copy columns of the rows into the tile; the largest magnitude as bits, in which order NaN > Inf > every number."""
    worst = np.uint32(0)
    for r in range(len(rows)):
        row, source = tile[r * lanes : r * lanes + width], strip[rows[r], start : start + width]
        for k in range(width):
            bits = source[k]
            row[k] = bits
            worst = max(worst, np.uint32(bits & MAGNITUDE_BITS))
    return worst


@jit()
def _run(program: Any, tile: Any, lanes: Any) -> None:
    """Run the comparators over all columns of the tile."""
    zero = np.uint64(0)
    for line in range(program.shape[0]):
        kind, rows = program[line, 0], program[line]
        a, b, c, d = (
            np.uint64(rows[1]) * lanes,
            np.uint64(rows[2]) * lanes,
            np.uint64(rows[3]) * lanes,
            np.uint64(rows[4]) * lanes,
        )
        if kind == 0:
            for k in range(zero, lanes, _STEP):
                both(tile, (a + k, b + k))
        elif kind == 1:
            for k in range(zero, lanes, _STEP):
                low(tile, (a + k, b + k))
        elif kind == 2:
            for k in range(zero, lanes, _STEP):
                high(tile, (a + k, b + k))
        elif kind == 3:
            for k in range(zero, lanes, _STEP):
                merge4(tile, (a + k, b + k, c + k, d + k))
        elif kind == 4:
            for k in range(zero, lanes, _STEP):
                sort4(tile, (a + k, b + k, c + k, d + k))
        else:
            e, f, g, h = (
                np.uint64(rows[5]) * lanes,
                np.uint64(rows[6]) * lanes,
                np.uint64(rows[7]) * lanes,
                np.uint64(rows[8]) * lanes,
            )
            if kind == 5:
                for k in range(zero, lanes, _STEP):
                    merge8(tile, (a + k, b + k, c + k, d + k, e + k, f + k, g + k, h + k))
            else:
                for k in range(zero, lanes, _STEP):
                    sort8(tile, (a + k, b + k, c + k, d + k, e + k, f + k, g + k, h + k))


@jit()
def _add(total: Any, tile: Any, first: Any, last: Any, lanes: Any) -> None:
    """Add rows first..last of the tile, one after the other; several per pass, so that sums stay in registers."""
    row = first
    while row + 4 <= last:
        a, b = tile[row * lanes :][:lanes], tile[(row + 1) * lanes :][:lanes]
        c, d = tile[(row + 2) * lanes :][:lanes], tile[(row + 3) * lanes :][:lanes]
        for k in range(lanes):
            total[k] = (((total[k] + np.float64(a[k])) + np.float64(b[k])) + np.float64(c[k])) + np.float64(d[k])
        row += 4
    while row < last:
        values = tile[row * lanes :][:lanes]
        for k in range(lanes):
            total[k] += np.float64(values[k])
        row += 1


@jit()
def _lanes(n: Any) -> Any:
    """Columns of a tile: it should lie in the second-level cache, and a row's part be worth going there."""
    return 256 if n <= 32 else max(64, min(512, 65536 // n // 64 * 64))


_STRIP = types.Array(float32, 2, "C", readonly=True)
_STRIP_BITS = types.Array(uint32, 2, "C", readonly=True)
_ROWS = types.Array(intp, 1, "C", readonly=True)
_PROGRAM = types.Array(int64, 2, "C", readonly=True)
_OUT = float32[::1]


@jit(types.boolean(_STRIP_BITS, _ROWS, _PROGRAM, intp, _OUT))
def _trimmed_mean(strip: Any, rows: Any, program: Any, trim: Any, out: Any) -> Any:
    n, d = len(rows), strip.shape[1]
    lanes = _lanes(n)
    bits = np.zeros(n * lanes, np.uint32)
    tile, total = bits.view(np.float32), np.empty(lanes)
    for start in range(0, d, lanes):
        width = min(lanes, d - start)
        if _take(strip, rows, start, width, bits, lanes) > _LARGEST_BITS:
            return False
        _run(program, tile, np.uint64(lanes))
        total[:] = 0
        _add(total, tile, trim, n - trim, lanes)
        for k in range(width):
            out[start + k] = total[k] / (n - 2 * trim)
    return True


@jit()
def _slide(tile: Any, n: Any, keep: Any, lanes: Any) -> None:
    """Bring the `keep` values nearest the median of every sorted column into the first rows."""
    twice, value = np.empty(lanes), np.empty(lanes, np.float32)
    low, high = tile[(n - 1) // 2 * lanes :][:lanes], tile[n // 2 * lanes :][:lanes]
    for k in range(lanes):
        twice[k] = np.float64(low[k]) + np.float64(high[k])
    for first in range(min(keep, n - keep)):
        kept = tile[first * lanes :][:lanes]
        for k in range(lanes):
            value[k] = kept[k]  # elsewhere: a loop that reads what it writes is not vectorised
        for row in range(first, n - keep, keep):
            below, above = tile[row * lanes :][:lanes], tile[(row + keep) * lanes :][:lanes]
            for k in range(lanes):
                old, new = value[k], above[k]  # loaded whatever the outcome: no branch
                value[k] = new if np.float64(below[k]) + np.float64(new) < twice[k] else old
        for k in range(lanes):
            kept[k] = value[k]


@jit(types.boolean(_STRIP_BITS, _ROWS, _PROGRAM, intp, _OUT))
def _mean_around_median(strip: Any, rows: Any, program: Any, keep: Any, out: Any) -> Any:
    n, d = len(rows), strip.shape[1]
    lanes = _lanes(n)
    bits = np.zeros(n * lanes, np.uint32)
    tile, total = bits.view(np.float32), np.empty(lanes)
    for start in range(0, d, lanes):
        width = min(lanes, d - start)
        if _take(strip, rows, start, width, bits, lanes) > _LARGEST_BITS:
            return False
        _run(program, tile, np.uint64(lanes))
        total[:] = 0
        _slide(tile, n, keep, lanes)
        _add(total, tile, 0, keep, lanes)
        for k in range(width):
            out[start + k] = total[k] / keep
    return True


@jit(types.boolean(_STRIP, _OUT))
def _column_signs(strip: Any, out: Any) -> Any:
    n, d = strip.shape
    lanes, worst = _VOTE_LANES, np.uint32(0)
    bits = strip.view(np.uint32)
    votes = np.empty(lanes, np.int32)
    for start in range(0, d, lanes):
        width = min(lanes, d - start)
        votes[:] = 0
        for r in range(n):
            row, raw = strip[r, start : start + width], bits[r, start : start + width]
            for k in range(width):
                worst = max(worst, np.uint32(raw[k] & MAGNITUDE_BITS))
                votes[k] += np.int32(np.int32(row[k] > 0) - np.int32(row[k] < 0))
        if worst > _LARGEST_BITS:
            return False
        for k in range(width):
            out[start + k] = votes[k]
    return True
