"""The centred Gram matrix against the slow truth in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.errors import NotFinite
from mithridate.core.kernels import gram
from mithridate.core.kernels.gram import geometry
from mithridate.rules import MultiKrum
from mithridate.testing import cohort


def true_distances(rows):
    wide = rows.astype(np.float64)
    return ((wide[:, None] - wide[None]) ** 2).sum(-1)


def test_a_triangle_by_hand():
    seen = geometry(np.array([[0, 0], [3, 4], [3, 0]], np.float32))
    assert seen.squared_distances.tolist() == [[0, 25, 9], [25, 0, 16], [9, 16, 0]]
    assert seen.products.tolist() == [[0, 0, 0], [0, 25, 9], [0, 9, 9]]
    assert seen.norms.tolist() == [0, 5, 3]


@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 700), st.integers(-3, 6))
def test_distances_survive_a_common_offset_and_a_far_row(seed, n, d, power):
    rng = np.random.default_rng(seed)
    rows = (rng.standard_normal((n, d)) + rng.choice([0, 1, 100])).astype(np.float32)
    rows[0] *= np.float32(10.0**power)
    exact = true_distances(rows)
    assert np.allclose(geometry(rows).squared_distances, exact, rtol=2e-3, atol=1e-4 * d)


def test_distances_among_near_colluders_far_away_are_not_rounding():
    rng = np.random.default_rng(0)
    honest = rng.standard_normal((5, 400)).astype(np.float32)
    far = (1000 + 0.01 * rng.standard_normal((3, 400))).astype(np.float32)
    rows = np.vstack([honest, far])
    assert np.allclose(geometry(rows).squared_distances, true_distances(rows), rtol=1e-3)


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_the_geometry_of_mixed_rows_needs_no_rows(seed, n, k, whole):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, 30)).astype(np.float32)
    mixing = rng.random((k, n))
    if whole:
        mixing /= mixing.sum(axis=1, keepdims=True)
    mixed = geometry(rows).mixed(mixing)
    exact = mixing @ rows.astype(np.float64)
    assert np.allclose(mixed.products, exact @ exact.T, rtol=1e-4, atol=1e-4)
    assert np.allclose(mixed.squared_distances, true_distances(exact), rtol=1e-4, atol=1e-3)


def test_a_few_rows_at_a_time_are_the_same_bits(monkeypatch):
    rows = np.random.default_rng(0).standard_normal((23, 300)).astype(np.float32)
    rows[5] = rows[4] + np.float32(1e-4)
    rows[4:8] += 1000
    whole = geometry(rows)
    scores = MultiKrum(f=4).share(cohort(rows))[1]
    monkeypatch.setattr(gram, "_PORTION_FLOATS", 50)
    assert [part.stop - part.start for part in gram.portions(23)] == [2] * 11 + [1]
    parts = geometry(rows)
    assert np.array_equal(parts.gram, whole.gram)
    assert np.array_equal(parts.squared_distances, whole.squared_distances)
    assert np.array_equal(MultiKrum(f=4).share(cohort(rows))[1], scores)


def test_no_rows_have_an_empty_geometry():
    assert geometry(np.zeros((0, 3), np.float32)).gram.shape == (0, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_a_row_that_is_not_finite_is_refused(bad):
    rows = np.ones((4, 3), np.float32)
    rows[2, 1] = bad
    with pytest.raises(NotFinite):
        geometry(rows)
