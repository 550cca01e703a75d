"""The Gram pass where rounding would show: common offsets, far rows, clusters of colluders."""

from __future__ import annotations

import os
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given

from mithridate.core.errors import NotFinite
from mithridate.core.kernels import engine, geometry
from tests.core.kernels.rows import digest, mapped, matrices
from tests.core.kernels.switch import KERNELS, running


def true_distances(rows):
    wide = rows.astype(np.float64)
    return ((wide[:, None] - wide[None]) ** 2).sum(axis=-1)


def honest(n=12, d=3000, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def close(found, exact, rtol):
    return np.allclose(found, exact, rtol=rtol, atol=0)


@pytest.mark.parametrize("kernels", KERNELS)
@given(matrices())
def test_products_are_those_of_float64(kernels, rows):
    wide = rows.astype(np.float64)
    size = np.sqrt((wide**2).sum(axis=1))
    with running(kernels):
        seen = geometry(rows)
    # Seen from a far row, the products of two near ones carry that row's rounding.
    assert (np.abs(seen.products - wide @ wide.T) <= 1e-5 * size.max() ** 2 + 1e-30).all()
    assert (np.diagonal(seen.squared_distances) == 0).all()
    assert (seen.gram == seen.gram.T).all()


@pytest.mark.parametrize("kernels", KERNELS)
def test_an_offset_that_all_rows_share_costs_no_accuracy(kernels):
    # Multiples of 2^-10 below 2^13: the offset is added without rounding, so the distances are the same numbers.
    rows = (np.round(honest() * 64) / 1024).astype(np.float32)
    moved = rows + np.float32(4096)
    assert np.array_equal(moved - np.float32(4096), rows)
    with running(kernels):
        assert close(geometry(moved).squared_distances, true_distances(rows), 1e-5)


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("place", [0, 5, 11])
def test_one_row_at_1e12_does_not_blur_the_others(kernels, place):
    rows = honest()
    rows[place] = 1e12
    near = np.delete(np.arange(12), place)
    with running(kernels):
        found = geometry(rows).squared_distances
    assert close(found[np.ix_(near, near)], true_distances(rows)[np.ix_(near, near)], 1e-4)


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("first", [0, 6])
def test_f_rows_at_1e9_do_not_blur_the_others(kernels, first):
    rows = honest()
    rows[first : first + 5] *= 1e9
    near = np.delete(np.arange(12), slice(first, first + 5))
    with running(kernels):
        found = geometry(rows).squared_distances
    assert close(found, true_distances(rows), 1e-4)
    assert close(found[np.ix_(near, near)], true_distances(rows[near]), 1e-4)


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("place", [0, 3])
def test_a_row_that_is_not_finite_is_refused_by_number(kernels, bad, place):
    rows = honest(5, 700)
    rows[place, 699] = bad
    with running(kernels), pytest.raises(NotFinite, match=f"row {place} holds"):
        geometry(rows)


@pytest.mark.parametrize("kernels", KERNELS)
def test_rows_at_the_edge_of_float32_are_refused_or_right(kernels):
    rows = honest(4, 5000)
    rows[1] = 9e17
    with running(kernels), suppress(NotFinite):
        assert close(geometry(rows).squared_distances, true_distances(rows), 1e-3)


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (2, 129), (3, 4097), (5, 127), (50, 300)])
def test_sizes_around_a_tile(kernels, shape):
    rows = honest(*shape)
    with running(kernels):
        assert np.allclose(geometry(rows).squared_distances, true_distances(rows), rtol=1e-5)


@pytest.mark.parametrize("kernels", KERNELS)
def test_a_memory_map_gives_the_same_bits_and_stays_as_it_was(kernels, tmp_path):
    rows = honest(6, 1700)
    on_disk = mapped(rows, tmp_path)
    before = digest(on_disk)
    with running(kernels):
        assert geometry(on_disk).gram.tobytes() == geometry(rows).gram.tobytes()
    assert digest(on_disk) == before


@pytest.mark.parametrize("shape", [(13, 5000), (9, 127), (8, 1)])
def test_block_by_block_is_bit_for_bit_the_whole(shape, monkeypatch):
    compiled = pytest.importorskip("mithridate.core.kernels.compiled_sums")
    rows = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    chosen = np.arange(shape[0])[::-1].copy()
    whole = compiled.centred_products(rows, chosen, 3)
    monkeypatch.setattr(compiled, "_WHOLE_ROWS", 4)
    monkeypatch.setattr(compiled, "_BLOCK_ROWS", 5)
    assert np.array_equal(compiled.centred_products(rows, chosen, 3), whole)
    assert np.array_equal(whole, whole.T)


@pytest.mark.parametrize("n", [1, 5, 33, 70, 130])
def test_the_bits_do_not_depend_on_the_number_of_threads(monkeypatch, n):
    sums = pytest.importorskip("mithridate.core.kernels.compiled_sums")
    monkeypatch.setattr(sums, "_WORTH_THREADS", 0)
    rows, found = honest(n, 5000, seed=n), []
    for threads in (1, 2, 3, 7):
        monkeypatch.setattr(sums, "threads", lambda threads=threads: threads)
        with running("compiled"):
            found.append(geometry(rows).gram.tobytes())
    assert len(set(found)) == 1


@pytest.mark.parametrize(("said", "most"), [("1", 1), ("2", 2), ("0", 1), ("many", 10**6), ("", 10**6)])
def test_as_many_threads_as_cores_or_fewer_where_the_operator_says_so(monkeypatch, said, most):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert 1 <= engine.threads() <= most
    if most > 2:
        assert engine.threads() == len(os.sched_getaffinity(0))
