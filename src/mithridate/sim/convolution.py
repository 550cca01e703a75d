"""Convolution, ReLU and pooling by two as one compiled pass, and back. The batch is the innermost axis: a vector is 16 samples.

Images are (channels, height, width, batch), flat, with a batch of whole vectors. With the batch innermost the window of a
kernel is a list of offsets, the same at every place, so that nothing is unfolded into columns. Shapes are
(batch, channels in, height, width, channels out, kernel, padding), height and width without the padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mithridate.core.kernels.vectors import jit
from mithridate.sim.lanes import (
    LANES,
    add_outer_4x5,
    add_outer_6x4,
    largest_of_four,
    multiply_4x4,
    multiply_6x4,
    one_of_four,
)
from mithridate.sim.windows import bordered, laid, packed, tile_rows, window

__all__ = ["TILE", "backward", "bordered", "forward", "laid", "room"]

TILE = 4 * LANES
"""Numbers of a row that a register tile covers; a row has no fewer."""


@jit()
def _tile(
    weights: Any,
    rows: Any,
    block: Any,
    span: Any,
    x: Any,
    base: Any,
    offsets: Any,
    out: Any,
    at: Any,
    step: Any,
    fresh: Any,
) -> None:
    """A register tile of one block of channels, with the taps `span` of the window only."""
    first, last = span
    begin, place = (block * len(offsets) + first) * rows, at + block * rows * step
    if rows == 6:
        multiply_6x4(weights, begin, x, base, offsets[first:last], out, place, step, fresh)
    else:
        multiply_4x4(weights, begin, x, base, offsets[first:last], out, place, step, fresh)


@jit()
def forward(shape: Any, flat: Any, x: Any, out: Any, which: Any) -> None:
    """`out` = max over 2 x 2 of ReLU(convolution of x), `which` of the four it is; 4 where ReLU stopped it.

    Args:
        flat: The weights (channels out, channels in, kernel, kernel) and the biases.
        x: As `laid` gives it.
        out: (channels out, height, width, batch) after the pooling; `which` likewise, int32.
    """
    n, inner, height, width, outer, kernel, pad = shape
    high, wide = height + 2 * pad - kernel + 1, width + 2 * pad - kernel + 1
    row, length, rows = (width + 2 * pad) * n, wide * n, tile_rows(outer)
    weights = packed(flat, shape, rows, False)
    offsets = window(kernel, inner, (height + 2 * pad) * row, row, n)
    bias = flat[outer * inner * kernel * kernel :]
    strip = np.empty((outer + rows - 1) // rows * rows * 2 * length, np.float32)
    each = high // 2 * (wide // 2) * n
    for pair in range(high // 2):
        for r in range(2):
            base, at = (2 * pair + r) * row, r * length
            for block in range((outer + rows - 1) // rows):
                for start in range(0, length, TILE):
                    v = min(start, length - TILE)  # the last tile overlaps the one before: the same numbers once more
                    span = (0, len(offsets))
                    _tile(weights, rows, block, span, x, base + v, offsets, strip, at + v, 2 * length, True)
        for c in range(outer):
            at, out_at = 2 * c * length, c * each + pair * (wide // 2) * n
            for _ in range(wide // 2):
                for lane in range(0, n, LANES):
                    four = (at + lane, at + n + lane, at + length + lane, at + length + n + lane)
                    largest_of_four(strip, four, bias[c], out, which, out_at + lane)
                at, out_at = at + 2 * n, out_at + n


def room(shape: tuple[int, ...]) -> int:
    """Numbers that `given` needs: the input, its channels rounded up to whole tiles."""
    batch, inner, height, width, *_ = shape
    return (inner + 11) // 12 * 12 * height * width * batch


@jit()
def backward(shape: Any, flat: Any, x: Any, error: Any, which: Any, gradient: Any, given: Any) -> None:
    """The gradient of weights and biases, and, where `given` has room, that of the input without its border.

    Args:
        flat, x, which: As in `forward`.
        error: The gradient of what `forward` gave.
        gradient: As `flat`, overwritten.
        given: `room` numbers, (channels in, height, width, batch) and then waste; overwritten; empty if nobody asks.
    """
    n, inner, height, width, outer, kernel, pad = shape
    high, wide = height + 2 * pad - kernel + 1, width + 2 * pad - kernel + 1
    border = (TILE // n - 1 if TILE % n == 0 else (TILE + n - 2) // n) if len(given) else 0
    size = outer * inner * kernel * kernel
    full = np.empty(outer * high * (wide + 2 * border) * n, np.float32)
    _spread(error, which, (outer, high, wide, border, n), full, gradient[size:])
    row = (width + 2 * pad) * n
    offsets = window(kernel, inner, (height + 2 * pad) * row, row, n)
    _weights(full, (outer, high, wide, border, n), x, row, offsets, shape, gradient)
    if len(given):
        _inward(full, (outer, high, wide, border, n), flat, shape, given)


@jit()
def _inward(full: Any, form: Any, flat: Any, shape: Any, given: Any) -> None:
    """The gradient of the input: a convolution of the errors with the weights turned, less the taps that meet no error."""
    outer, high, wide, border, n = form
    _, inner, height, width, _, kernel, pad = shape
    row, rows, step, beyond = (wide + 2 * border) * n, tile_rows(inner), height * width * n, kernel - 1 - pad
    weights = packed(flat, shape, rows, True)
    offsets = window(kernel, outer, high * row, row, n)
    for h in range(height):
        for block in range((inner + rows - 1) // rows):
            for start in range(0, width * n, TILE):
                v = min(start, width * n - TILE)
                first, last = max(0, beyond - (v + TILE - 1) // n), min(kernel, wide + beyond - v // n)
                base, at, fresh = (h - beyond) * row + (border - beyond) * n + v, h * width * n + v, True
                for k in range(max(0, beyond - h), min(kernel, high + beyond - h)):
                    span = ((k * kernel + first) * outer, (k * kernel + max(first, last)) * outer)
                    _tile(weights, rows, block, span, full, base, offsets, given, at, step, fresh)
                    fresh = False
                if fresh:
                    _tile(weights, rows, block, (0, 0), full, base, offsets, given, at, step, fresh)


@jit()
def _spread(error: Any, which: Any, shape: Any, full: Any, bias: Any) -> None:
    """Each error goes back to the one of four that it came from, into rows with a border; their sums to the biases."""
    outer, high, wide, border, n = shape
    length, sums, at = (wide + 2 * border) * n, np.empty(LANES, np.float32), 0
    if border or high % 2 or wide % 2:
        full[:] = 0
    for c in range(outer):
        sums[:] = 0
        for row in range(0, high - 1, 2):
            upper = (c * high + row) * length + border * n
            for _ in range(wide // 2):
                for lane in range(0, n, LANES):
                    place = upper + lane
                    four = (place, place + n, place + length, place + length + n)
                    one_of_four(error, which, at + lane, full, four, sums)
                upper, at = upper + 2 * n, at + n
        total = 0.0
        for lane in range(LANES):
            total += sums[lane]
        bias[c] = total


@jit()
def _weights(full: Any, form: Any, x: Any, row: Any, offsets: Any, shape: Any, gradient: Any) -> None:
    """The gradient of the weights: vectors of products over all places, added up at the end."""
    outer, high, wide, border, n = form
    rows = tile_rows(outer)
    taps = 4 if rows == 6 else 5
    groups, blocks = (len(offsets) + taps - 1) // taps, (outer + rows - 1) // rows
    sums = np.zeros(blocks * groups * rows * taps * LANES, np.float32)
    step, last, far = high * (wide + 2 * border) * n, outer - 1, len(offsets) - 1
    count = wide * n // LANES
    for h in range(high):
        start, base, at = (h * (wide + 2 * border) + border) * n, h * row, 0
        for block in range(blocks):
            c = block * rows
            g0, g1 = start + c * step, start + min(c + 1, last) * step
            g2, g3 = start + min(c + 2, last) * step, start + min(c + 3, last) * step
            g4, g5 = start + min(c + 4, last) * step, start + min(c + 5, last) * step
            for group in range(groups):
                t = group * taps
                x0, x1 = base + offsets[t], base + offsets[min(t + 1, far)]
                x2, x3 = base + offsets[min(t + 2, far)], base + offsets[min(t + 3, far)]
                if rows == 6:
                    add_outer_6x4(full, (g0, g1, g2, g3, g4, g5), x, (x0, x1, x2, x3), count, sums, at)
                else:
                    x4 = base + offsets[min(t + 4, far)]
                    add_outer_4x5(full, (g0, g1, g2, g3), x, (x0, x1, x2, x3, x4), count, sums, at)
                at += rows * taps * LANES
    _, inner, _, _, _, kernel, _ = shape
    for c in range(outer):
        for tap in range(len(offsets)):
            cell = ((c // rows * groups + tap // taps) * rows + c % rows) * taps + tap % taps
            total = 0.0
            for lane in range(LANES):
                total += sums[cell * LANES + lane]
            k, j, i = tap // (inner * kernel), tap // inner % kernel, tap % inner
            gradient[((c * inner + i) * kernel + k) * kernel + j] = total
