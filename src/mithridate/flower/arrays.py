"""Between Flower's records and numpy: bytes of strangers are looked at where they lie and never believed about their size.

Flower's own `Array.numpy()` copies through `numpy.load`, which allocates what a header claims. Here the header is read first
and must account for every byte, and the values are a view of the bytes that have arrived.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord
from numpy.lib import format as npy

from mithridate.core.errors import MithridateError
from mithridate.flower.private import NUMPY

__all__ = ["Unreadable", "array_of", "arrays_of", "read", "record_bytes", "record_of"]

_MOST_HEADER_BYTES = 4096
_MOST_HEADERS = 1024
_NUMERIC = re.compile(r"[<>|=]?[biufc][0-9]{1,2}")
_WIDTHS = {b"\x01\x00": 2, b"\x02\x00": 4}


class Unreadable(MithridateError):
    """Bytes that are not the array they say they are."""


def read(array: Any) -> np.ndarray:
    """The values of one `Array`, as a read-only view of its bytes.

    Nothing is allocated by claim, pickled objects are never loaded, and the dtype and shape that the record declares beside
    the bytes do not count: the header inside them does, and it must account for every byte.

    Raises:
        Unreadable: another serialisation, a broken or overlong header, a type that is not numeric, bytes missing or left over.

    >>> read(Array(np.array([1., 2.])))
    array([1., 2.])
    >>> read(Array("float32", (2,), "numpy.ndarray", b"garbage"))
    Traceback (most recent call last):
        ...
    mithridate.flower.arrays.Unreadable: no array: it does not begin as numpy.save begins
    """
    if not isinstance(array, Array):
        raise Unreadable(f"a {type(array).__name__}, not an array")
    if array.stype != NUMPY:
        raise Unreadable(f"serialised as {_short(array.stype)}, not as {NUMPY}")
    shape, fortran, dtype, start = _header(array.data)
    expected, there = math.prod(shape) * dtype.itemsize, len(array.data) - start
    if expected != there:
        raise Unreadable(f"claims {expected} bytes of values and brings {there}")
    values = np.frombuffer(array.data, dtype, math.prod(shape), start)
    return values.reshape(shape, order="F" if fortran else "C")


def _header(data: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, order, type and where the values begin.

    numpy's own reader would run old headers through a Python tokenizer, which strangers' bytes can make fail in ways of its own.
    """
    if not isinstance(data, bytes):
        raise Unreadable(f"its data are {type(data).__name__}, not bytes")
    if not data.startswith(npy.MAGIC_PREFIX):
        raise Unreadable("no array: it does not begin as numpy.save begins")
    version = data[6:8]
    if version not in _WIDTHS:
        raise Unreadable(f"version {version.hex()} of numpy.save, known are 0100 and 0200")
    text = 8 + _WIDTHS[version]
    length = int.from_bytes(data[8:text], "little")
    if length > _MOST_HEADER_BYTES:
        raise Unreadable(f"a header of {length} bytes")
    return *_described(data[text : text + length]), text + length


@lru_cache(maxsize=_MOST_HEADERS)
def _described(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """What a header says. All clients of a round send the same few headers, so each is read once; refused ones are not kept."""
    try:
        found = ast.literal_eval(header.decode("latin-1").strip())
        shape, fortran, dtype = found["shape"], found["fortran_order"], np.dtype(_text(found["descr"]))
    except (ValueError, TypeError, KeyError, SyntaxError, OverflowError, RecursionError, MemoryError) as error:
        raise Unreadable(f"no array: {_short(error)}") from error
    if (
        type(shape) is not tuple
        or len(shape) > 32
        or not all(type(size) is int and 0 <= size < 2**48 for size in shape)
    ):
        raise Unreadable(f"no array: the shape {_short(shape)}")
    return shape, fortran is True, dtype


def _text(value: Any) -> str:
    if not isinstance(value, str) or not _NUMERIC.fullmatch(value):
        raise TypeError(f"values of type {_short(value)}, not numbers")
    return value


def arrays_of(record: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """All arrays of a record, in its order; errors as `read`, with the name of the array."""
    found = {}
    for name, array in record.items():
        try:
            found[name] = read(array)
        except Unreadable as error:
            raise Unreadable(f"{_short(name)!r}: {error}") from None
    return found


def array_of(values: np.ndarray) -> Array:
    """An `Array` of values, with one copy instead of Flower's two; its bytes are those of `numpy.save`.

    >>> array_of(np.arange(3)).data == Array(np.arange(3)).data
    True
    """
    if not values.flags.c_contiguous:  # `ascontiguousarray` makes a scalar a vector
        values = np.ascontiguousarray(values)
    stream = BytesIO()
    npy.write_array_header_1_0(stream, npy.header_data_from_array_1_0(values))
    data = b"".join((stream.getvalue(), values.reshape(-1).view(np.uint8).data if values.size else b""))
    return Array(str(values.dtype), tuple(values.shape), NUMPY, data)


def record_of(arrays: Mapping[str, np.ndarray]) -> ArrayRecord:
    """A record of named arrays, in their order."""
    record = ArrayRecord()
    for name, values in arrays.items():
        record[name] = array_of(values)
    return record


def record_bytes(records: Mapping[str, Any]) -> int:
    """How many bytes the arrays of some records take, as they have arrived."""
    return sum(
        len(array.data) if isinstance(array.data, bytes) else 0
        for record in records.values()
        for array in record.values()
    )


def _short(text: object) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text)[:120])
