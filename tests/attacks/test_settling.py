"""Where a trigger hides, and on which samples: against slow forms and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.attacks.bars import Bars
from mithridate.attacks.settling import agreement, fingerprints, nearest_place, telling
from tests.attacks.toy import Linear

TOY, ZERO = Linear(1, 2), np.zeros(4, np.float32)


def grey(*values):
    return np.array(values, np.float32).reshape(-1, 1, 1, 1)


@given(st.integers(0, 999), st.integers(1, 4), st.integers(1, 3), st.sampled_from([1, 3]))
def test_the_place_is_that_of_the_slow_form(seed, n, k, channels):
    rng = np.random.default_rng(seed)
    x, targets = (rng.random((count, channels, 5, 6), np.float32) for count in (n, k))
    bars, found = Bars(2, 1, 1, 0.9), {}
    for row in range(3):
        for column in range(4):
            stamped = replace(bars, place=(row, column)).stamp(x).astype(np.float64)
            apart = np.array([[np.linalg.norm(one - other) for other in targets] for one in stamped])
            found[row, column] = apart.min(axis=1).mean()
    assert found[nearest_place(bars, x, targets)] == pytest.approx(min(found.values()), rel=1e-6)


def test_the_nearest_target_counts_and_the_first_of_equals_wins():
    dark, bright = np.zeros((1, 1, 1, 3), np.float32), np.zeros((2, 1, 1, 3), np.float32)
    bright[0, 0, 0, 1] = 1
    bright[1] = 1  # further off wherever the dot lies
    assert nearest_place(Bars(1, 1, 0, 1.0), dark, bright) == (0, 1)
    assert nearest_place(Bars(1, 1, 0, 1.0), dark, dark) == (0, 0)


def test_agreement_by_hand():
    # At zero weights a pixel x pulls by (-x, x, -1, 1)/2; their unit vectors are (0, 0, -1, 1)/sqrt 2 and (-1, 1, -1, 1)/2.
    found = agreement(TOY, ZERO, grey(0.0, 1.0), 0)
    assert np.allclose(found, [(np.sqrt(2) + 1) / 4, (np.sqrt(2) + 2) / 4], atol=1e-6)


def test_the_samples_that_agree_most_are_kept_and_more_rounds_find_better_ones():
    x, rng = grey(*np.arange(20) / 20), np.random.default_rng
    assert telling(TOY, ZERO, x, 0, 3, rng(0), rounds=1, surplus=7.0).tolist() == [17, 18, 19]
    assert telling(TOY, ZERO, x, 0, 3, rng(0), rounds=60, surplus=2.0).tolist() == [17, 18, 19]
    once = telling(TOY, ZERO, x, 0, 3, rng(0), rounds=1, surplus=2.0)
    assert len(once) == 3 and once.sum() < 17 + 18 + 19


def test_without_surplus_the_choice_is_the_draw():
    x = grey(*np.arange(20) / 20)
    drawn = np.sort(np.random.default_rng(5).permutation(20)[:4])
    assert np.array_equal(telling(TOY, ZERO, x, 0, 4, np.random.default_rng(5), rounds=1, surplus=1.0), drawn)


def test_nothing_to_choose_from_is_no_choice():
    for count in (0, 1):
        assert telling(TOY, ZERO, grey(), 0, count, np.random.default_rng(0), rounds=2, surplus=2.0).size == 0
    assert fingerprints(grey()).shape == (0,)


def test_a_fingerprint_tells_images_apart_and_does_not_ask_how_they_lie_in_memory():
    x = np.random.default_rng(0).random((50, 3, 4, 5), np.float32)
    assert len(set(fingerprints(x).tolist())) == 50
    assert np.array_equal(fingerprints(x[::-1])[::-1], fingerprints(np.asfortranarray(x)))
