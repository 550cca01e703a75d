"""Bytes of strangers: views of what has arrived, or a refusal, and nothing in between."""

from __future__ import annotations

import tracemalloc
from io import BytesIO

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mithridate.flower.arrays import Unreadable, array_of, arrays_of, read, record_bytes, record_of

NUMPY = "numpy.ndarray"
VALUES = hnp.arrays(
    st.one_of(hnp.floating_dtypes(), hnp.integer_dtypes(), hnp.boolean_dtypes(), hnp.complex_number_dtypes()),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)


def npy(values: np.ndarray, **how: object) -> bytes:
    stream = BytesIO()
    np.save(stream, values, **how)
    return stream.getvalue()


@given(VALUES)
def test_an_array_is_read_as_numpy_reads_it(values):
    found = read(Array(values))
    assert found.dtype == values.dtype
    assert found.shape == values.shape
    assert found.tobytes() == values.tobytes()
    assert not found.flags.writeable


@given(VALUES)
def test_an_array_is_written_as_numpy_writes_it(values):
    assert array_of(values) == Array(values)


def test_fortran_order_is_read_in_its_order():
    values = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert np.array_equal(read(Array("float64", (2, 3), NUMPY, npy(values))), values)


def test_what_the_record_declares_beside_the_bytes_does_not_count():
    assert read(Array("int8", (99,), NUMPY, npy(np.ones(2)))).tolist() == [1.0, 1.0]


def test_a_broken_header_is_refused_every_time_it_comes():
    data = npy(np.ones(2)).replace(b"(2,)", b"[2] ")
    for _ in range(2):
        with pytest.raises(Unreadable, match="no array"):
            read(Array("float64", (2,), NUMPY, data))


def test_equal_headers_before_other_values_are_read_alike():
    assert [read(Array(np.full(3, value))).tolist() for value in (1.0, 2.0)] == [[1.0] * 3, [2.0] * 3]


def test_a_header_that_claims_a_terabyte_costs_nothing():
    data = npy(np.ones(4, np.float32)).replace(b"(4,)", b"(4" + b"0" * 11 + b",)").replace(b" " * 11 + b"\n", b"\n")
    tracemalloc.start()
    with pytest.raises(Unreadable, match="claims 1600000000000 bytes of values and brings"):
        read(Array("float32", (4,), NUMPY, data))
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not begin"),
        (b"garbage", "does not begin"),
        (b"PK\x03\x04", "does not begin"),
        (b"\x93NUMPY", "version"),
        (b"\x93NUMPY\x03\x00" + b"\x00" * 8, "version 0300"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"{" * 70_000, "a header of 65535 bytes"),
        (b"\x93NUMPY\x01\x00\x04\x00(((\n", "no array"),
        (npy(np.ones(3))[:-1], "claims 24 bytes of values and brings 23"),
        (npy(np.ones(3)) + b"x", "claims 24 bytes of values and brings 25"),
        (npy(np.array(["a"])), "not numbers"),
        (npy(np.array([{}], object), allow_pickle=True), "not numbers"),
        (npy(np.array([(1, 2)], "i4,i4")), "not numbers"),
        (npy(np.array(["2020"], "datetime64[Y]")), "not numbers"),
    ],
)
def test_bytes_that_are_no_array_are_refused(data, why):
    with pytest.raises(Unreadable, match=why):
        read(Array("float32", (1,), NUMPY, data))


def test_another_serialisation_is_refused_unread():
    with pytest.raises(Unreadable, match="serialised as pickle"):
        read(Array("float32", (1,), "pickle", b"cos\nsystem\n"))


@given(st.binary(max_size=200), st.integers(0, 127))
def test_no_bytes_raise_anything_else(noise, place):
    data = npy(np.ones((2, 2), np.float32))
    for tried in (noise, data[:place] + noise + data[place + len(noise) :], b"\x93NUMPY\x01\x00" + noise):
        try:
            found = read(Array("float32", (2, 2), NUMPY, tried))
        except Unreadable:
            continue
        assert found.nbytes <= len(tried)


def test_records_keep_names_and_order():
    arrays = {"b": np.ones(2, np.float32), "a": np.array(3)}
    record = record_of(arrays)
    assert list(record) == ["b", "a"]
    assert record_bytes({"arrays": record}) == sum(len(array.data) for array in record.values())
    assert list(arrays_of(record)) == ["b", "a"]


def test_the_broken_array_of_a_record_is_named():
    record = ArrayRecord({"w": Array(np.ones(1)), "v\n": Array("float32", (1,), NUMPY, b"x")})
    with pytest.raises(Unreadable, match="'v\N{REPLACEMENT CHARACTER}': no array"):
        arrays_of(record)
