"""How images, windows and weights lie for the convolution kernels: the batch innermost, weights in the order they are read.

Imports numba; only `sim.convolution` imports this. Its compiled form there stays on disk until that file changes: after a
change here, `make clean`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mithridate.core.kernels.vectors import jit

__all__ = ["bordered", "laid", "packed", "tile_rows", "window"]


@jit()
def laid(images: Any, shape: Any, out: Any) -> None:
    """Images (samples, features) with the batch innermost, inside a border of zeros."""
    n, channels, height, width, _, _, pad = shape
    at = 0
    for c in range(channels):
        for row in range(-pad, height + pad):
            for column in range(-pad, width + pad):
                if 0 <= row < height and 0 <= column < width:
                    feature = (c * height + row) * width + column
                    for i in range(n):
                        out[at + i] = images[i, feature]
                else:
                    out[at : at + n] = 0
                at += n


@jit()
def bordered(images: Any, shape: Any, out: Any) -> None:
    """Images with the batch innermost already, inside a border of zeros."""
    n, channels, height, width, _, _, pad = shape
    at, long = 0, width * n
    for c in range(channels):
        for row in range(-pad, height + pad):
            wide = (width + 2 * pad) * n
            out[at : at + wide] = 0
            if 0 <= row < height:
                place = (c * height + row) * long
                out[at + pad * n : at + pad * n + long] = images[place : place + long]
            at += wide


@jit()
def window(kernel: Any, channels: Any, plane: Any, row: Any, n: Any) -> Any:
    """Where the window's numbers lie, by rows of the kernel, then columns, then channels."""
    found, at = np.empty(kernel * channels * kernel, np.int64), 0
    for k in range(kernel):
        for j in range(kernel):
            for c in range(channels):
                found[at] = k * row + c * plane + j * n
                at += 1
    return found


@jit()
def tile_rows(channels: Any) -> Any:
    """Channels in a register tile: what leaves the fewest rows empty."""
    return 6 if (channels + 5) // 6 * 6 <= (channels + 3) // 4 * 4 else 4


@jit()
def packed(flat: Any, shape: Any, rows: Any, back: Any) -> Any:
    """The weights as the tiles read them, (blocks, taps, rows); turned by half a turn, inputs for outputs, on the way back."""
    _, inner, _, _, outer, kernel, _ = shape
    into, source = (inner, outer) if back else (outer, inner)
    taps = kernel * source * kernel
    found = np.zeros((into + rows - 1) // rows * taps * rows, np.float32)
    for o in range(into):
        at = o // rows * taps * rows + o % rows
        for k in range(kernel):
            for j in range(kernel):
                for c in range(source):
                    if back:
                        place = ((c * inner + o) * kernel + kernel - 1 - k) * kernel + kernel - 1 - j
                    else:
                        place = ((o * inner + c) * kernel + k) * kernel + j
                    found[at] = flat[place]
                    at += rows
    return found
