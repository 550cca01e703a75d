"""What clients say about themselves: a minority of liars moves no number far and adds or removes no name."""

from __future__ import annotations

import math

import numpy as np
import pytest
from flwr.app import MetricRecord
from hypothesis import given
from hypothesis import strategies as st

from mithridate.flower.metrics import Claims, agreed, claims_of, weighted_median
from mithridate.guard.policy import Metrics

NUMBERS = st.floats(-1e6, 1e6)


def test_the_weighted_median_of_a_hand_computed_case():
    # weights 1, 2, 4 in order of value: half of 7 is 3.5, reached at the third
    assert weighted_median(np.array([30.0, 10.0, 20.0]), np.array([4.0, 1.0, 2.0])) == 30.0


@given(st.lists(st.tuples(NUMBERS, st.floats(0.1, 10)), min_size=1, max_size=9))
def test_half_of_the_weight_lies_on_either_side(pairs):
    values, weights = np.array(pairs).T
    middle, whole = weighted_median(values, weights), weights.sum()
    assert weights[values < middle].sum() <= whole / 2 + 1e-9
    assert weights[values > middle].sum() <= whole / 2 + 1e-9


@given(st.lists(NUMBERS, min_size=3, max_size=9), st.floats(allow_nan=False, allow_infinity=False))
def test_a_minority_cannot_leave_the_range_of_the_honest(honest, lie):
    liars = (len(honest) - 1) // 2
    claims = [Claims({"loss": value}) for value in honest] + [Claims({"loss": lie})] * liars
    found = agreed(claims, [1.0] * len(claims), Metrics())
    assert min(honest) <= found["loss"] <= max(honest)


def test_the_mean_is_the_weighted_mean():
    claims = [Claims({"loss": 1.0}), Claims({"loss": 4.0})]
    assert agreed(claims, [1.0, 2.0], Metrics(aggregate="mean")) == {"loss": 3.0}


def test_a_name_needs_more_than_half():
    claims = [Claims({"loss": 1.0, "mine": 2.0}), Claims({"loss": 1.0})]
    assert agreed(claims, [1, 1], Metrics()) == {"loss": 1.0}


def test_allowed_names_are_the_only_ones():
    claims = [Claims({"loss": 1.0, "accuracy": 0.5})] * 3
    assert agreed(claims, [1, 1, 1], Metrics(allow=("accuracy", "f1"))) == {"accuracy": 0.5}


def test_the_number_of_examples_is_no_metric():
    assert agreed([Claims({"num-examples": 3.0})], [1], Metrics()) == {}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [1.0, 2.0], 10**400])
def test_odd_values_are_turned_away_by_name(value):
    found = claims_of({"metrics": {"loss": value, "fine": 1}})
    assert found == Claims({"fine": 1.0}, ("loss",))


def test_a_flood_of_names_is_bounded():
    found = claims_of({"metrics": MetricRecord({f"m{i}": 1.0 for i in range(5000)} | {"x" * 10_000: 1.0, "a\nb": 1.0})})
    assert len(found.numbers) == 256
    assert len(found.odd) == 256


def test_claims_without_weight_count_alike():
    assert agreed([Claims({"loss": 1.0}), Claims({"loss": 2.0})], [0.0, 0.0], Metrics(aggregate="mean")) == {
        "loss": 1.5
    }
