"""Memory is used again, and never under the eyes of somebody who still reads it."""

from __future__ import annotations

import numpy as np

from mithridate.flower.spare import SpareRows


def test_memory_that_nobody_reads_any_more_is_used_again():
    spare = SpareRows()
    first = spare.rows(4, 5)
    first[:] = 7
    place = first.ctypes.data
    del first
    again = spare.rows(4, 5)
    assert again.ctypes.data == place and again.shape == (4, 5)


def test_a_view_of_a_view_holds_the_memory():
    spare = SpareRows()
    first = spare.rows(4, 5)
    first[:] = 7
    seen = first[1:3][:, ::2].T
    seen.flags.writeable = False
    del first
    spare.rows(4, 5)[:] = 1
    assert (seen == 7).all()


def test_what_another_library_sees_is_held_too():
    spare = SpareRows()
    seen = memoryview(spare.rows(2, 3))
    spare.rows(2, 3)[:] = 1
    held = np.asarray(seen).copy()
    spare.rows(2, 3)[:] = 2
    assert np.array_equal(np.asarray(seen), held)


def test_rounds_of_another_size_get_fresh_memory():
    spare = SpareRows()
    assert spare.rows(2, 3).shape == (2, 3)
    assert spare.rows(5, 2).shape == (5, 2)
    assert spare.rows(3, 2).dtype == np.float32
    assert spare.rows(3, 0).shape == (3, 0)


def test_large_memory_is_given_back():
    kept, large = SpareRows(most_bytes=20), SpareRows(most_bytes=16)
    places = []
    for spare in (kept, large):
        first = spare.rows(1, 5)
        held = np.frombuffer(first.base.base, np.float32) if spare is large else None  # so that its place stays taken
        places.append(first.ctypes.data)
        del first
        places.append(spare.rows(1, 5).ctypes.data)
        del held
    assert places[0] == places[1]
    assert places[2] != places[3]
