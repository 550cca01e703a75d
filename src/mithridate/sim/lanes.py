"""Register tiles of the convolution kernels: sums of products of whole vectors, held in registers until they are done.

Imports numba; only `sim.convolution` imports this. Its compiled form stays on disk until that file changes: after a change
here, `make clean`.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as untyped
from numba.extending import intrinsic

__all__ = ["LANES", "add_outer_4x5", "add_outer_6x4", "largest_of_four", "multiply_4x4", "multiply_6x4", "one_of_four"]

LANES = 16
"""Numbers in a vector. A machine with shorter registers takes several for one."""

cgutils: Any = untyped
_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_PLACES = ir.VectorType(ir.IntType(32), LANES)
_INDEX = ir.IntType(64)


def _data(context: Any, builder: Any, array: Any, kind: Any) -> Any:
    return context.make_array(kind)(context, builder, array).data


def _vector(builder: Any, data: Any, at: Any, kind: Any) -> Any:
    """Where the vector begins whose first number stands at `at`."""
    return builder.bitcast(builder.gep(data, [at]), kind.as_pointer())


def _load(builder: Any, data: Any, at: Any, kind: Any = _VECTOR) -> Any:
    value = builder.load(_vector(builder, data, at, kind))
    value.align = 4
    return value


def _store(builder: Any, value: Any, data: Any, at: Any) -> None:
    builder.store(value, _vector(builder, data, at, value.type)).align = 4


def _fused(builder: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    return cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32")


def _broadcast(builder: Any, number: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), zeros)


def _index(number: int) -> Any:
    return ir.Constant(_INDEX, number)


def _multiply(rows: int, vectors: int) -> Any:
    """out[at + r step + v] = sum over t of weights[first + t rows + r] x[base + offsets[t] + v], for rows x vectors vectors.

    Added to what is there, unless `fresh`.
    """

    def multiply(
        _typing: Any,
        weights: Any,
        _first: Any,
        x: Any,
        _base: Any,
        offsets: Any,
        out: Any,
        _at: Any,
        _step: Any,
        _fresh: Any,
    ) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            given, x_data, places, out_data = (
                _data(context, builder, args[i], signature.args[i]) for i in (0, 2, 4, 5)
            )
            taps = cgutils.unpack_tuple(
                builder, context.make_array(signature.args[4])(context, builder, args[4]).shape, 1
            )[0]
            zero, first_row = ir.Constant(_VECTOR, [0.0] * LANES), args[6]
            cells = [
                builder.add(first_row, builder.add(builder.mul(args[7], _index(r)), _index(v * LANES)))
                for r in range(rows)
                for v in range(vectors)
            ]
            fresh = cgutils.as_bool_bit(builder, args[8])
            sums = [
                cgutils.alloca_once_value(builder, builder.select(fresh, zero, _load(builder, out_data, cell)))
                for cell in cells
            ]
            fused = _fused(builder)
            with cgutils.for_range(builder, taps) as loop:
                start = builder.add(args[3], builder.load(builder.gep(places, [loop.index])))
                seen = [_load(builder, x_data, builder.add(start, _index(v * LANES))) for v in range(vectors)]
                weight = builder.gep(given, [builder.add(args[1], builder.mul(loop.index, _index(rows)))])
                for r in range(rows):
                    each = _broadcast(builder, builder.load(builder.gep(weight, [_index(r)])))
                    for v in range(vectors):
                        cell = sums[r * vectors + v]
                        builder.store(builder.call(fused, [each, seen[v], builder.load(cell)]), cell)
            for value, cell in zip(sums, cells, strict=True):
                _store(builder, builder.load(value), out_data, cell)
            return context.get_dummy_value()

        kinds = (weights, types.intp, x, types.intp, offsets, out, types.intp, types.intp, types.boolean)
        return types.void(*kinds), emit

    return intrinsic(multiply)


def _add_outer(rows: int, taps: int) -> Any:
    """sums[at + (r taps + t) LANES] += sum over `count` vectors of g[g_at[r]] x[x_at[t]], lane by lane."""

    def add_outer(_typing: Any, g: Any, g_at: Any, x: Any, x_at: Any, _count: Any, sums: Any, _at: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            g_data, x_data, sums_data = (_data(context, builder, args[i], signature.args[i]) for i in (0, 2, 5))
            g_places, x_places = (
                cgutils.unpack_tuple(builder, args[1], rows),
                cgutils.unpack_tuple(builder, args[3], taps),
            )
            cells = [builder.add(args[6], _index(c * LANES)) for c in range(rows * taps)]
            found = [cgutils.alloca_once_value(builder, _load(builder, sums_data, cell)) for cell in cells]
            fused = _fused(builder)
            with cgutils.for_range(builder, args[4]) as loop:
                shift = builder.mul(loop.index, _index(LANES))
                ours = [_load(builder, g_data, builder.add(place, shift)) for place in g_places]
                theirs = [_load(builder, x_data, builder.add(place, shift)) for place in x_places]
                for c, cell in enumerate(found):
                    product = builder.call(fused, [ours[c // taps], theirs[c % taps], builder.load(cell)])
                    builder.store(product, cell)
            for value, cell in zip(found, cells, strict=True):
                _store(builder, builder.load(value), sums_data, cell)
            return context.get_dummy_value()

        return types.void(g, g_at, x, x_at, types.intp, sums, types.intp), emit

    return intrinsic(add_outer)


def _largest_of_four(_typing: Any, strip: Any, four: Any, _bias: Any, out: Any, which: Any, _at: Any) -> Any:
    """The largest of four vectors plus the bias, where it is above zero, and which it is; the first of equal ones.

    What is no number wins over any number; zero and place 4 where none is above zero.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        strip_data, out_data, which_data = (_data(context, builder, args[i], signature.args[i]) for i in (0, 3, 4))
        less = _broadcast(builder, args[2])
        values = [
            builder.fadd(_load(builder, strip_data, place), less) for place in cgutils.unpack_tuple(builder, args[1], 4)
        ]
        best, found = values[0], ir.Constant(_PLACES, [0] * LANES)
        for number, value in enumerate(values[1:], 1):
            better = builder.or_(builder.fcmp_ordered(">", value, best), builder.fcmp_unordered("uno", value, value))
            best = builder.select(better, value, best)
            found = builder.select(better, ir.Constant(_PLACES, [number] * LANES), found)
        zero = ir.Constant(_VECTOR, [0.0] * LANES)
        stopped = builder.fcmp_ordered("<=", best, zero)
        _store(builder, builder.select(stopped, zero, best), out_data, args[5])
        _store(builder, builder.select(stopped, ir.Constant(_PLACES, [4] * LANES), found), which_data, args[5])
        return context.get_dummy_value()

    return types.void(strip, four, types.float32, out, which, types.intp), emit


def _one_of_four(_typing: Any, error: Any, which: Any, _at: Any, full: Any, four: Any, sums: Any) -> Any:
    """Write a vector of errors to that one of four places which `which` says, zeros to the others; add it to the sums."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        given, chosen, into, total = (_data(context, builder, args[i], signature.args[i]) for i in (0, 1, 3, 5))
        errors, places = _load(builder, given, args[2]), _load(builder, chosen, args[2], _PLACES)
        added, zero = _load(builder, total, _index(0)), ir.Constant(_VECTOR, [0.0] * LANES)
        for number, place in enumerate(cgutils.unpack_tuple(builder, args[4], 4)):
            here = builder.icmp_signed("==", places, ir.Constant(_PLACES, [number] * LANES))
            part = builder.select(here, errors, zero)
            added = builder.fadd(added, part)
            _store(builder, part, into, place)
        _store(builder, added, total, _index(0))
        return context.get_dummy_value()

    return types.void(error, which, types.intp, full, four, sums), emit


largest_of_four: Any = intrinsic(_largest_of_four)
one_of_four: Any = intrinsic(_one_of_four)
multiply_6x4: Any = _multiply(6, 4)
multiply_4x4: Any = _multiply(4, 4)
add_outer_6x4: Any = _add_outer(6, 4)
add_outer_4x5: Any = _add_outer(4, 5)
