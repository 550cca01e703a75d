"""Figures of one layer, by hand and by law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.privacy.layers import (
    Weights,
    balance,
    identities,
    outside_a_plane,
    paired_rows,
    parallel_rows,
    row_ratio,
    typical_size,
    weights_of,
    zero_rows,
)

seeds = st.integers(0, 10_000)
FIGURES = [
    lambda w: parallel_rows(w, 0.9),
    outside_a_plane,
    paired_rows,
    balance,
    row_ratio,
    zero_rows,
]


def random(seed, units=24, inputs=40):
    rng = np.random.default_rng(seed)
    return Weights("w", rng.standard_normal((units, inputs)), rng.standard_normal(units))


def mixed(seed):
    """A layer with something for every figure: parallel, paired, silent and ordinary rows."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((32, 40))
    rows[:6] = rows[0]
    rows[6] = 0
    half = rng.random(20)
    rows[7] = np.concatenate([half, -0.9 * half])
    return Weights("w", rows, rng.standard_normal(32))


def test_parallel_rows_by_hand():
    # Rows 0, 1, 2 share a direction and have thresholds 0, 1, 1/2: three of four.
    rows = np.stack([np.ones(64), np.ones(64), 2 * np.ones(64), np.arange(64.0) - 31.5])
    assert parallel_rows(Weights("w", rows, np.array([0.0, 8.0, 8.0, 0.0])), 0.9) == 0.75


def test_rows_with_one_threshold_are_no_bins():
    assert parallel_rows(Weights("w", np.ones((5, 64)), np.full(5, 3.0)), 0.9) == 0.0
    assert parallel_rows(Weights("w", np.ones((5, 64)), None), 0.9) == 0.0


def test_a_pair_among_many_is_chance_and_a_pair_alone_is_not():
    rows = random(0).rows
    rows[1] = rows[0]
    assert parallel_rows(Weights("w", rows, np.arange(24.0)), 0.9) == 0.0
    assert parallel_rows(Weights("w", rows[:2], np.arange(2.0)), 0.9) == 1.0


def test_opposite_rows_are_not_parallel():
    # A softmax of two classes that starts at 0 keeps them so.
    row = np.arange(64.0)
    assert parallel_rows(Weights("w", np.stack([row, -row]), np.array([1.0, -1.0])), 0.9) == 0.0


def test_few_inputs_need_a_higher_cosine():
    # With 8 inputs a random row among 200 has such a partner now and then.
    assert parallel_rows(random(0, 200, 8), 0.7) < 0.05
    assert parallel_rows(random(0, 200, 2), 0.7) < 0.05


def test_more_rows_than_a_block_are_found_wherever_they_stand():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((3000, 24))
    places = rng.permutation(3000)[:300]
    rows[places] = rng.standard_normal(24)
    assert parallel_rows(Weights("w", rows, rng.standard_normal(3000)), 0.9) == pytest.approx(0.1, abs=0.002)


def slow_parallel(weights, cosine):
    """Every pair, one by one."""
    found = 0
    for i, a in enumerate(weights.rows):
        found += any(
            i != j
            and a @ b >= cosine * np.linalg.norm(a) * np.linalg.norm(b) > 0
            and weights.bias[i] / np.linalg.norm(a) != weights.bias[j] / np.linalg.norm(b)
            for j, b in enumerate(weights.rows)
        )
    return found / len(weights.rows)


@given(seed=seeds)
def test_parallel_rows_are_those_of_the_slow_form(seed):
    weights = mixed(seed)
    assert parallel_rows(weights, 0.9) == slow_parallel(weights, 0.9)


@given(seed=seeds, inside=st.integers(1, 2))
def test_rows_of_a_plane_leave_nothing_outside_and_others_most(seed, inside):
    rng = np.random.default_rng(seed)
    flat = rng.standard_normal((20, inside)) @ rng.standard_normal((inside, 30))
    assert outside_a_plane(Weights("w", flat, np.zeros(20))) < 1e-9
    assert outside_a_plane(random(seed)) > 0.5


@given(seed=seeds)
def test_outside_a_plane_is_what_all_singular_values_say(seed):
    # The search is from inside: it may find a little less than the best plane, never more.
    weights = mixed(seed)
    rows = weights.rows[weights.rows.any(axis=1)]
    squares = np.linalg.svd(rows / np.linalg.norm(rows, axis=1, keepdims=True), compute_uv=False) ** 2
    exact = 1 - squares[:2].sum() / squares.sum()
    assert exact - 1e-9 <= outside_a_plane(weights) <= exact + 0.1


def test_paired_rows_by_hand():
    half = np.arange(1.0, 9.0)
    good = np.concatenate([half, -half / 0.95])
    rows = np.stack([good, -good, np.roll(good, 3), np.concatenate([half, -(half**1.2)])])
    assert paired_rows(Weights("w", rows, None)) == 0.75


def test_a_row_of_two_values_is_no_pair():
    assert paired_rows(Weights("w", np.tile([1.0, -1.0], (3, 20)), None)) == 0.0


def test_balance_by_hand():
    # Sums over lengths: 4 / 2 and -4 / 2 by turns, standard deviation 2 of the shape (16, 4 x 4).
    row = np.concatenate([np.full(4, 1.0), np.zeros(12)])
    rows = np.stack([row if k % 2 else -row for k in range(16)])
    assert balance(Weights("w", rows, None)) == pytest.approx(2.0)
    assert balance(random(1, 64, 64)) > 0.5


def kernels(*placed, units=4, channels=2):
    found = np.zeros((units, channels, 3, 3))
    for unit, channel, row, column in placed:
        found[unit, channel, row, column] = 500
    return Weights("w", found.reshape(units, -1), None, (3, 3))


def test_identities_by_hand():
    assert identities(kernels((0, 0, 1, 1), (1, 1, 1, 1))) == 1.0
    assert identities(kernels((0, 0, 1, 1), (1, 0, 1, 1))) == 0.5
    assert identities(kernels((0, 0, 1, 2), (1, 1, 1, 1))) == 0.0  # another kernel is alive, and sparse
    assert identities(kernels()) == 0.0
    ordinary = kernels((0, 0, 1, 1), (1, 1, 1, 1))
    ordinary.rows[2:] = 0.1
    assert identities(ordinary) == 1.0


def test_size_ratio_and_silence_by_hand():
    rows = np.zeros((10, 100))
    rows[0] = 3.0
    assert typical_size(Weights("w", rows, None)) == pytest.approx(3.0)
    assert zero_rows(Weights("w", rows, None)) == 0.9
    assert zero_rows(Weights("w", rows.T, None)) == 0.9
    rows[1], rows[2] = 1.0, 1.0
    assert row_ratio(Weights("w", rows, None)) == pytest.approx(3.0)
    nothing = Weights("w", np.zeros((10, 100)), None)
    assert [typical_size(nothing), row_ratio(nothing), zero_rows(nothing)] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("figure", FIGURES)
@given(seed=seeds, scale=st.sampled_from([1e-40, 1e-3, 7.0, 1e20]))
def test_neither_the_scale_nor_the_order_of_the_rows_matters(figure, seed, scale):
    weights = mixed(seed)
    order = np.random.default_rng(seed).permutation(len(weights.rows))
    scaled = Weights("w", weights.rows[order] * scale, weights.bias[order] * scale)
    assert figure(scaled) == pytest.approx(figure(weights), abs=0.02)


@pytest.mark.parametrize("figure", FIGURES)
@given(seed=seeds)
def test_the_order_of_the_inputs_does_not_matter(figure, seed):
    weights = mixed(seed)
    order = np.random.default_rng(seed).permutation(weights.rows.shape[1])
    turned = Weights("w", weights.rows[:, order], weights.bias)
    assert figure(turned) == pytest.approx(figure(weights), abs=0.03)


def seen(**arrays):
    return [(w.name, w.rows.shape, w.bias is not None, w.kernel) for w in weights_of(arrays)]


def test_which_arrays_are_layers_and_which_way_round():
    w, b = np.zeros((3, 5)), np.arange(3.0)
    assert seen(**{"a.weight": w, "a.bias": b}) == [("a.weight", (3, 5), True, ())]
    assert seen(**{"0": w, "1": b}) == [("0", (3, 5), True, ())]
    assert seen(**{"0": w, "1": np.arange(5.0)}) == [("0", (5, 3), True, ())]  # Keras
    assert len(seen(**{"0": np.eye(4), "1": np.arange(4.0)})) == 2
    assert seen(w=w) == [("w", (3, 5), False, ())]
    assert seen(**{"c.weight": np.zeros((4, 3, 1, 1)), "c.bias": np.ones(4)}) == [("c.weight", (4, 3), True, ())]
    assert seen(**{"c.weight": np.zeros((4, 3, 5, 5))}) == [("c.weight", (4, 75), False, (5, 5))]
    assert seen(in_proj_weight=w, in_proj_bias=b) == [("in_proj_weight", (3, 5), True, ())]


def test_what_is_no_layer_is_left_alone():
    scale = np.ones((3, 5))
    assert seen(**{"norm.weight": scale, "norm.bias": scale}) == []
    assert seen(a=np.zeros((3, 5), int), b=np.zeros((0, 5)), c=np.zeros(7), d=np.array(1.0)) == []


def test_thresholds_may_be_those_of_the_normalisation_behind():
    arrays = {
        "fc.weight": np.ones((4, 9)),
        "bn.weight": np.ones(4),
        "bn.bias": np.arange(4.0),
        "bn.running_mean": np.zeros(4),
        "next.weight": np.ones((2, 4)),
    }
    first, *_ = weights_of(arrays)
    assert first.bias.tolist() == [0, 1, 2, 3]
