"""Steering by hand, and its laws on vectors of any kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mithridate.attacks import ConstrainAndScale, Course, Neurotoxin, ProjectedDescent
from mithridate.core.errors import ConfigurationError

vectors = arrays(np.float32, 6, elements=st.floats(-8, 8, width=16))


def flat(*values):
    return np.array(values, np.float32)


def bent(steering, gradient, weights, course):
    found = gradient.copy()
    steering.bend(found, weights, course)
    return found


@given(vectors, vectors, st.floats(0.01, 20))
def test_a_projected_model_lies_in_the_ball_on_the_ray_to_where_it_was(start, weights, radius):
    held = weights.copy()
    ProjectedDescent(radius).hold(held, Course(start))
    away, left = (weights - start).astype(np.float64), (held - start).astype(np.float64)
    assert np.linalg.norm(left) <= radius * (1 + 1e-5) + 1e-5
    if np.linalg.norm(away) <= radius:
        assert np.array_equal(held, weights)
    else:
        assert np.allclose(left, away * radius / np.linalg.norm(away), atol=1e-4)


def test_neurotoxin_clears_what_moved_most():
    previous = flat(0.1, -9, 3, 0, -2)
    found = bent(Neurotoxin(top=0.4), flat(1, 2, 3, 4, 5), flat(0, 0, 0, 0, 0), Course(flat(0, 0, 0, 0, 0), previous))
    assert found.tolist() == [1, 0, 0, 4, 5]


@given(vectors, vectors, st.floats(0, 0.9))
def test_neurotoxin_clears_its_share_and_nothing_before_a_first_move(gradient, previous, top):
    gradient = np.where(gradient == 0, np.float32(1), gradient)
    course = Course(gradient, previous)
    found = bent(Neurotoxin(top), gradient, gradient, course)
    cleared = found == 0
    assert cleared.sum() == int(top * 6) and np.array_equal(found[~cleared], gradient[~cleared])
    if cleared.any() and not cleared.all():
        assert np.abs(previous[cleared]).min() >= np.abs(previous[~cleared]).max()
    assert np.array_equal(bent(Neurotoxin(top), gradient, gradient, Course(gradient)), gradient)


def test_the_anomaly_terms_by_hand():
    start, weights, gradient = flat(3, 0), flat(3, 4), flat(10, 20)
    norm = bent(ConstrainAndScale(alpha=0.75), gradient, weights, Course(start))
    assert norm.tolist() == [7.5, 15.25]  # 3/4 of the gradient, 1/4 of (0, 1)
    cosine = bent(ConstrainAndScale(alpha=0.5, anomaly="cosine"), gradient, weights, Course(start))
    # cos = 3/5; its anomaly's gradient is cos w/25 - w_t/15 = (.072 - .2, .096)
    assert np.allclose(cosine, [5 - 0.064, 10 + 0.048], atol=1e-6)


@pytest.mark.parametrize("anomaly", ["norm", "cosine"])
@given(weights=vectors, start=vectors)
def test_the_anomalys_gradient_is_that_of_finite_differences(anomaly, weights, start):
    def loss(at):
        if anomaly == "norm":
            return np.linalg.norm(at - start)
        return 1 - at @ start / (np.linalg.norm(at) * np.linalg.norm(start))

    exact = weights.astype(np.float64)
    if min(np.linalg.norm(exact), np.linalg.norm(start), np.linalg.norm(exact - start)) < 0.5:
        return  # bent too sharply for differences
    steering = ConstrainAndScale(alpha=0.0, anomaly=anomaly)
    found = bent(steering, np.zeros(6, np.float32), weights, Course(start))
    step = 1e-4 * np.eye(6)
    assert np.allclose(found, [(loss(exact + s) - loss(exact - s)) / 2e-4 for s in step], atol=2e-3)


def test_without_a_direction_the_anomaly_adds_nothing():
    still = flat(0, 0)
    for anomaly in ("norm", "cosine"):
        found = bent(ConstrainAndScale(alpha=0.5, anomaly=anomaly), flat(2, 2), still, Course(still))
        assert found.tolist() == [1, 1]


def test_odd_arguments_are_refused():
    for make in (
        lambda: ProjectedDescent(0),
        lambda: Neurotoxin(top=1.0),
        lambda: ConstrainAndScale(alpha=1.5),
        lambda: ConstrainAndScale(anomaly="loss"),
    ):
        with pytest.raises(ConfigurationError):
            make()
