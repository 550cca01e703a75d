"""Weighted sums and inner products, compiled: the same as in `plain`, faster.

Weighted sums have the same bits, inner products are rounded differently.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import float32, float64, intp, types, uint32

from mithridate.core.kernels import plain
from mithridate.core.kernels.engine import threads
from mithridate.core.kernels.vectors import GRAM_LANES, MAGNITUDE_BITS, WIDE, add_products, jit, largest_bits

__all__ = ["centred_products", "weighted_sums"]

_SHARE_LANES = 2048
_GRAM_TILES = 8
_WHOLE_ROWS, _BLOCK_ROWS, _LEAST_ROWS = 320, 192, 32
_WORTH_THREADS = 1 << 27
_CENTRE = -1
_STRIP = types.Array(float32, 2, "C", readonly=True)
_FLOATS = types.Array(float64, 1, "C", readonly=True)
_PLACES = types.Array(intp, 1, "C", readonly=True)
_PART = types.Array(float64, 2, "A")


def weighted_sums(weights: np.ndarray, used: np.ndarray, strip: np.ndarray, largest: float, out: np.ndarray) -> bool:
    """See `plain.weighted_sums`. For many sums at once the library's matrix product is as fast as the core allows."""
    if len(weights) == 1:
        return bool(_weighted_sum(weights[0], used, strip, largest_bits(largest), out[0]))
    return plain.weighted_sums(weights, used, strip, largest, out)


def centred_products(strip: np.ndarray, rows: np.ndarray, centre: int) -> np.ndarray:
    """See `plain.centred_products`.

    Many rows are taken block by block, so that the sums of two blocks stay in the cache, and so that several threads have
    something to do. The bits do not depend on how the rows are cut: every product is summed by itself, in the order of columns.
    """
    everyone = np.append(rows, _CENTRE).astype(np.intp, copy=False)
    k = len(everyone)
    found = np.zeros((k, k))
    workers = threads() if k * k * strip.shape[1] >= _WORTH_THREADS else 1
    step = _block_rows(k, workers)

    def block(left: int, right: int) -> None:
        ours, theirs = slice(left, left + step), slice(right, right + step)
        _centred_products(strip, everyone[ours], everyone[theirs], centre, right == left, found[ours, theirs])
        found[theirs, ours] = found[ours, theirs].T if right > left else _mirrored(found[ours, ours])

    # Those off the diagonal are twice as much work: they go first, so that none is left for the end.
    pairs = sorted(((i, j) for i in range(0, k, step) for j in range(i, k, step)), key=lambda pair: pair[0] == pair[1])
    if workers == 1 or len(pairs) == 1:
        for pair in pairs:
            block(*pair)
        return found
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda pair: block(*pair), pairs))
    return found


def _block_rows(k: int, workers: int) -> int:
    """Rows of a block: all of few rows for one thread, else few enough that every thread has a share."""
    whole = k if k <= _WHOLE_ROWS else _BLOCK_ROWS
    return whole if workers == 1 else min(whole, max(_LEAST_ROWS, -(-k // (4 * workers)) * 4))


def _mirrored(upper: np.ndarray) -> np.ndarray:
    """The symmetric matrix with this upper triangle."""
    return np.asarray(np.triu(upper) + np.triu(upper, 1).T)


@jit(types.boolean(_FLOATS, _PLACES, _STRIP, uint32, float32[::1]))
def _weighted_sum(weights: Any, used: Any, strip: Any, largest: Any, out: Any) -> Any:
    d, bits = strip.shape[1], strip.view(np.uint32)
    total, worst = np.empty(_SHARE_LANES), np.uint32(0)
    for start in range(0, d, _SHARE_LANES):
        width = min(_SHARE_LANES, d - start)
        total[:] = 0
        at = 0
        while at + 4 <= len(
            used
        ):  # four rows per pass keep the sums in registers; they are added in the order of the rows
            p, q, r, s = weights[at], weights[at + 1], weights[at + 2], weights[at + 3]
            a, b = strip[used[at], start : start + width], strip[used[at + 1], start : start + width]
            c, e = strip[used[at + 2], start : start + width], strip[used[at + 3], start : start + width]
            for k in range(width):
                total[k] = (
                    ((total[k] + p * np.float64(a[k])) + q * np.float64(b[k])) + r * np.float64(c[k])
                ) + s * np.float64(e[k])
            at += 4
        for rest in range(at, len(used)):
            weight, row = weights[rest], strip[used[rest], start : start + width]
            for k in range(width):
                total[k] += weight * np.float64(row[k])
        for rest in range(len(used)):
            raw = bits[used[rest], start : start + width]
            for k in range(width):
                worst = max(worst, np.uint32(raw[k] & MAGNITUDE_BITS))
        if worst > largest:
            return False
        for k in range(width):
            out[start + k] = total[k]
    return True


@jit()
def _fill(strip: Any, rows: Any, centre: Any, start: Any, width: Any, tile: Any) -> None:
    """The chosen rows minus the centre, or the centre itself, as rows of the tile."""
    origin = strip[centre, start : start + width]
    for r in range(len(rows)):
        into = tile[r * GRAM_LANES :][:width]
        if rows[r] == _CENTRE:
            for k in range(width):
                into[k] = origin[k]
        else:
            source = strip[rows[r], start : start + width]
            for k in range(width):
                into[k] = source[k] - origin[k]


@jit()
def _collect(sums: Any, upper: Any, found: Any) -> None:
    """Add the vectors of float32 sums up into the matrix, or its upper triangle, and clear them."""
    at = 0
    for i in range(0, found.shape[0], 4):
        for j in range(i if upper else 0, found.shape[1], 4):
            for cell in range(16):
                part = 0.0
                for lane in range(WIDE):
                    part += np.float64(sums[at + lane])
                    sums[at + lane] = 0
                at += WIDE
                row, column = i + cell // 4, j + cell % 4
                if row < found.shape[0] and column < found.shape[1] and (row <= column or not upper):
                    found[row, column] += part


@jit(types.void(_STRIP, _PLACES, _PLACES, intp, types.boolean, _PART))
def _centred_products(strip: Any, rows: Any, others: Any, centre: Any, upper: Any, found: Any) -> None:
    """Products of some rows with others; where both are the same, of its upper triangle only."""
    d, lanes = strip.shape[1], np.uint64(GRAM_LANES)
    fours, more = (len(rows) + 3) // 4, (len(others) + 3) // 4
    beside = 0 if upper else 4 * fours
    tile = np.zeros((4 * fours + 4 * more) * GRAM_LANES, np.float32)
    sums = np.zeros(fours * more * 16 * WIDE, np.float32)
    for start in range(0, d, GRAM_LANES):
        width = min(GRAM_LANES, d - start)
        if width < GRAM_LANES:
            tile[:] = 0
        _fill(strip, rows, centre, start, width, tile)
        if not upper:
            _fill(strip, others, centre, start, width, tile[beside * GRAM_LANES :])
        at = np.uint64(0)
        for i in range(fours):
            a = np.uint64(4 * i) * lanes
            ours = (a, a + lanes, a + 2 * lanes, a + 3 * lanes)
            for j in range(i if upper else 0, more):
                b = np.uint64(beside + 4 * j) * lanes
                theirs = (b, b + lanes, b + 2 * lanes, b + 3 * lanes)
                add_products(tile, ours, theirs, sums, at)
                at += np.uint64(16 * WIDE)
        if start // GRAM_LANES % _GRAM_TILES == _GRAM_TILES - 1:
            _collect(sums, upper, found)
    _collect(sums, upper, found)
