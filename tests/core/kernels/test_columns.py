"""Column kernels, compiled and plain, against three lines of numpy in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.errors import NotFinite
from mithridate.core.kernels import column_mean_around_median, column_median, column_signs, column_trimmed_mean
from tests.core.kernels.rows import digest, mapped, matrices
from tests.core.kernels.switch import KERNELS, running

ALL = (
    column_median,
    column_signs,
    lambda rows: column_trimmed_mean(rows, (len(rows) - 1) // 4),
    lambda rows: column_mean_around_median(rows, len(rows) - (len(rows) - 1) // 4),
)


def true_median(rows):
    return np.median(rows.astype(np.float64), axis=0)


def true_trimmed_mean(rows, trim):
    return np.sort(rows.astype(np.float64), axis=0)[trim : len(rows) - trim].mean(axis=0)


def true_mean_around_median(rows, keep):
    """Of two equally near values, the lower."""
    ordered = np.sort(rows.astype(np.float64), axis=0)
    nearest = np.argsort(np.abs(ordered - true_median(rows)), axis=0, kind="stable")[:keep]
    return np.take_along_axis(ordered, nearest, axis=0).mean(axis=0)


def same(found, exact, rows):
    """Equal up to one rounding to float32 and the float64 rounding of the largest values that were summed."""
    peak = np.abs(rows).max(axis=0).astype(np.float64)
    room = 1e-7 * np.abs(exact) + 1e-14 * peak + 1e-38
    return found.dtype == np.float32 and bool((np.abs(found - exact) <= room).all())


@pytest.mark.parametrize("kernels", KERNELS)
@given(matrices())
def test_the_median_is_numpys(kernels, rows):
    with running(kernels):
        assert same(column_median(rows), true_median(rows), rows)


@pytest.mark.parametrize("kernels", KERNELS)
@given(matrices(), st.data())
def test_the_trimmed_mean_is_the_mean_of_what_sorting_leaves(kernels, rows, data):
    trim = data.draw(st.integers(0, (len(rows) - 1) // 2))
    with running(kernels):
        assert same(column_trimmed_mean(rows, trim), true_trimmed_mean(rows, trim), rows)


@pytest.mark.parametrize("kernels", KERNELS)
@given(matrices(st.integers(1, 14)), st.data())
def test_the_mean_around_the_median_is_that_of_the_nearest_values(kernels, rows, data):
    keep = data.draw(st.integers(1, len(rows)))
    with running(kernels):
        assert same(column_mean_around_median(rows, keep), true_mean_around_median(rows, keep), rows)


@pytest.mark.parametrize("kernels", KERNELS)
def test_of_equal_low_values_the_nearer_high_one_replaces_one(kernels):
    rows = np.array([[0], [0], [2], [3], [3]], np.float32).repeat(5, axis=1)  # distances 2, 2, 0, 1, 1
    with running(kernels):
        assert column_mean_around_median(rows, 4).tolist() == [2.0] * 5
        assert column_mean_around_median(rows, 3, np.array([4, 2, 3])).tolist() == [np.float32(8 / 3)] * 5


@pytest.mark.parametrize("kernels", KERNELS)
@given(matrices())
def test_signs_are_summed_exactly(kernels, rows):
    with running(kernels):
        assert np.array_equal(column_signs(rows), np.sign(rows).sum(axis=0))


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 129])
def test_any_number_of_rows_is_sorted_right(kernels, n):
    # Zeros and ones decide: a network that sorts them sorts everything.
    rng = np.random.default_rng(n)
    rows = (rng.random((n, 700)) < rng.random(700)).astype(np.float32)
    with running(kernels):
        assert np.array_equal(column_median(rows), true_median(rows))
        for trim in {0, n // 5, (n - 1) // 2}:
            assert same(column_trimmed_mean(rows, trim), true_trimmed_mean(rows, trim), rows)


@pytest.mark.parametrize("kernels", KERNELS)
def test_huge_trimmed_values_leave_no_trace(kernels):
    rows = np.random.default_rng(0).standard_normal((11, 300)).astype(np.float32)
    honest = column_trimmed_mean(rows[:7], 0)
    with running(kernels):
        rows[7:9], rows[9:] = 1e17, -1e17
        assert same(column_trimmed_mean(rows, 2), honest.astype(np.float64), rows[:7])


@pytest.mark.parametrize("kernels", KERNELS)
def test_of_two_equally_near_windows_the_lower_is_taken(kernels):
    with running(kernels):
        assert column_mean_around_median(np.array([[0.0], [1.0], [2.0]], np.float32), 2).tolist() == [0.5]


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("kernel", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -1e30])
@pytest.mark.parametrize("column", [0, 511, 699])
def test_what_is_no_finite_number_of_sane_size_is_refused_by_row(kernels, kernel, bad, column):
    rows = np.ones((6, 700), np.float32)
    rows[4, column] = bad
    with running(kernels), pytest.raises(NotFinite, match="row 4 holds"):
        kernel(rows)


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("kernel", ALL)
@pytest.mark.parametrize("trouble", ["read-only", "columns first", "part", "map"])
def test_any_memory_layout_gives_the_same_bits_and_stays_as_it_was(kernels, kernel, trouble, tmp_path):
    rows = np.random.default_rng(1).standard_normal((9, 1300)).astype(np.float32)
    wide = np.hstack([rows, rows])
    given = {
        "read-only": rows.copy(),
        "columns first": np.asfortranarray(rows),
        "part": wide[:, :1300],
        "map": mapped(rows, tmp_path),
    }[trouble]
    given.flags.writeable = False
    before = digest(given)
    with running(kernels):
        assert kernel(given).tobytes() == kernel(rows).tobytes()
    assert digest(given) == before


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("kernel", ALL)
def test_no_columns_give_no_values(kernels, kernel):
    with running(kernels):
        assert kernel(np.zeros((5, 0), np.float32)).shape == (0,)


@pytest.mark.parametrize("kernel", ALL)
@given(matrices())
def test_compiled_and_plain_give_the_same_bits(kernel, rows):
    with running("compiled"):
        fast = kernel(rows)
    with running("plain"):
        assert kernel(rows).tobytes() == fast.tobytes()
