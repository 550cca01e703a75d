"""The search for a policy: it finds what there is to find, and never forgets the best that it tried."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mithridate.attacks.policy_search import acted, learnt

SIZES = {"generations": 4, "population": 6}


def test_an_action_is_the_tanh_of_a_weighted_state():
    # 0.5 x 1 + 0.25 x 2 = 1 and -1 x 1 + 0.5 x 2 = 0.
    found = acted(np.array([[0.5, 0.25], [-1.0, 0.5]]), np.array([1.0, 2.0]))
    assert found.tolist() == [pytest.approx(math.tanh(1.0)), 0.0]


@given(seed=st.integers(0, 500), target=st.floats(-1, 1))
@settings(max_examples=20)
def test_it_comes_close_to_the_best_policy_of_a_smooth_reward(seed, target):
    def earned(weights):
        return -float(((weights - target) ** 2).sum())

    found = learnt(earned, np.zeros((2, 2)), np.random.default_rng(seed), generations=12, population=30)
    assert found.after == earned(found.weights) > -0.3 and found.before == pytest.approx(-4 * target**2)


@given(seed=st.integers(0, 500))
@settings(max_examples=20)
def test_what_is_learnt_never_earns_less_than_the_first_policy(seed):
    def earned(weights):
        return float(np.sin(weights * 37.0).sum())

    start = np.random.default_rng(seed).standard_normal((1, 3))
    found = learnt(earned, start, np.random.default_rng(seed), **SIZES)
    assert found.after >= found.before == earned(start) and found.after == earned(found.weights)


def test_where_nothing_is_better_the_first_policy_stays():
    start = np.array([[1.0, -2.0]])
    found = learnt(lambda weights: 0.0, start, np.random.default_rng(0), **SIZES)
    assert np.array_equal(found.weights, start) and found.before == found.after == 0.0
    assert not np.shares_memory(found.weights, start)


def test_it_tries_one_policy_and_then_a_population_per_generation_and_the_same_again_from_the_same_stream():
    def tried(seed):
        seen = []
        learnt(
            lambda w: seen.append(w.copy()) or float(w.sum()), np.zeros((1, 2)), np.random.default_rng(seed), **SIZES
        )
        return np.concatenate(seen)

    assert len(tried(0)) == 1 + 4 * 6
    assert np.array_equal(tried(0), tried(0)) and not np.array_equal(tried(0), tried(1))
