"""Vector instructions for the compiled kernels: what the compiler would not find by itself.

Imports numba; only the compiled kernels import this. Their compiled form stays on disk until their own file changes: after a
change here, `make clean`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils as untyped
from numba.extending import intrinsic

from mithridate.core.kernels.networks import PATTERNS

__all__ = [
    "GRAM_LANES",
    "MAGNITUDE_BITS",
    "WIDE",
    "add_products",
    "both",
    "high",
    "jit",
    "largest_bits",
    "low",
    "merge4",
    "merge8",
    "sort4",
    "sort8",
]

WIDE = 16
"""Columns in a vector. A machine with shorter registers takes several for one."""

GRAM_LANES = 512
"""Columns of a tile of the Gram kernel."""

MAGNITUDE_BITS = np.uint32(0x7FFFFFFF)
"""As bits, magnitudes are ordered: numbers, then infinity, then what is not a number."""

cgutils: Any = untyped
_VECTOR = ir.VectorType(ir.FloatType(), WIDE)
_INDEX = ir.IntType(64)


def largest_bits(largest: float) -> np.uint32:
    """The bits of the largest float32 that is not above `largest`."""
    bound = np.float32(largest) if largest <= np.finfo(np.float32).max else np.finfo(np.float32).max
    return np.uint32((bound if float(bound) <= largest else np.nextafter(bound, np.float32(0))).view(np.uint32))


def jit(*signature: Any) -> Callable[[Any], Any]:
    """Compile, and keep the result where there is a folder to keep it in."""
    compile_: Any = njit  # its types leave signatures out

    def compiled(function: Any) -> Any:
        try:
            return compile_(*signature, nogil=True, cache=True)(function)
        except RuntimeError:  # no folder can be written to
            return compile_(*signature, nogil=True)(function)

    return compiled


def _vectors(context: Any, builder: Any, array: Any, kind: Any, offsets: Any, rows: int) -> list[Any]:
    """Pointers to the vectors at the given offsets of a float32 array."""
    data = context.make_array(kind)(context, builder, array).data
    places = cgutils.unpack_tuple(builder, offsets, rows)
    return [builder.bitcast(builder.gep(data, [place]), _VECTOR.as_pointer()) for place in places]


def _load(builder: Any, pointer: Any) -> Any:
    value = builder.load(pointer)
    value.align = 4
    return value


def _pattern(name: str) -> Any:
    """One pattern on one vector of columns: (tile, offsets of its rows) -> None."""
    pairs = PATTERNS[name]
    rows = 1 + max(max(pair) for pair in pairs)
    written = {"low": [0], "high": [1]}.get(name, range(rows))

    def exchange(_typing: Any, tile: Any, offsets: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            places = _vectors(context, builder, args[0], signature.args[0], args[1], rows)
            values = [_load(builder, place) for place in places]
            for a, b in pairs:
                less = builder.fcmp_ordered("<", values[a], values[b])
                low, high = values[a], values[b]
                values[a], values[b] = builder.select(less, low, high), builder.select(less, high, low)
            for row in written:
                builder.store(values[row], places[row]).align = 4
            return context.get_dummy_value()

        return types.void(tile, offsets), emit

    return intrinsic(exchange)


both, low, high, merge4, sort4, merge8, sort8 = (_pattern(name) for name in PATTERNS)


def _add_products(_typing: Any, tile: Any, four: Any, others: Any, sums: Any, at: Any) -> Any:
    """Add to 4 x 4 vectors of `sums` the products of `GRAM_LANES` columns of 4 rows with those of 4 others."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        left = _vectors(context, builder, args[0], signature.args[0], args[1], 4)
        right = _vectors(context, builder, args[0], signature.args[0], args[2], 4)
        data = context.make_array(signature.args[3])(context, builder, args[3]).data
        start = builder.bitcast(builder.gep(data, [args[4]]), _VECTOR.as_pointer())
        places = [builder.gep(start, [ir.Constant(_INDEX, cell)]) for cell in range(16)]
        found = [_load(builder, place) for place in places]
        fused = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), f"llvm.fma.v{WIDE}f32"
        )
        for part in range(GRAM_LANES // WIDE):
            step = [ir.Constant(_INDEX, part)]
            ours = [_load(builder, builder.gep(row, step)) for row in left]
            theirs = [_load(builder, builder.gep(row, step)) for row in right]
            found = [builder.call(fused, [ours[c // 4], theirs[c % 4], found[c]]) for c in range(16)]
        for value, place in zip(found, places, strict=True):
            builder.store(value, place).align = 4
        return context.get_dummy_value()

    return types.void(tile, four, others, sums, at), emit


add_products: Any = intrinsic(_add_products)
