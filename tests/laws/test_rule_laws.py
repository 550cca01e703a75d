"""What every rule owes its users, drawn at random over the whole catalogue."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from mithridate.core.digest import digest
from mithridate.core.errors import UnmetPrecondition
from mithridate.guard.catalog import RULES
from mithridate.rules import CenteredClip, DivideAndConquer, Median, SignMajority
from mithridate.testing import cohort
from tests.laws.catalogue import (  # noqa: F401 - the test in the list must be collected here
    PROMISES,
    F,
    N,
    identity,
    test_every_rule_and_stage_of_the_catalogue_is_under_the_laws,
)
from tests.laws.venue import supplied

every = pytest.mark.parametrize("promise", PROMISES, ids=identity)


def those(law: str):
    return pytest.mark.parametrize("promise", [p for p in PROMISES if getattr(p, law)], ids=identity)


@st.composite
def honest(draw, n: int = N):
    """Rows of mixed scales, with duplicates and equal coordinates now and then."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    d = draw(st.integers(1, 20))
    rows = rng.standard_normal((n, d)) * 10.0 ** draw(st.integers(-3, 3))
    kind = draw(st.sampled_from(["plain", "rounded", "duplicates"]))
    if kind == "rounded":
        rows = np.round(rows / np.abs(rows).max() * 3)
    if kind == "duplicates":
        rows[rng.permutation(n)[: n // 3]] = rows[0]
    return rows.astype(np.float32)


def decided(promise, value):
    """What the rule says; rows that it may refuse and does are passed over."""
    try:
        return promise.value(value)
    except UnmetPrecondition:
        if not promise.refuses:
            raise
        reject()


@every
@given(rows=honest(), seed=st.integers(0, 99))
def test_row_order_is_irrelevant(promise, rows, seed):
    order = np.random.default_rng(seed).permutation(N)
    whole = supplied(rows)
    mixed = supplied(rows[order], clients=tuple(whole.clients[i] for i in order))
    first, second = decided(promise, whole), decided(promise, mixed)
    size = np.abs(rows).max()
    if np.abs(first.delta - second.delta).max() <= 1e-4 * size:
        return
    # Rows whose exact scores are equal may be told apart by rounding; then both choices must be equally good.
    assert first.scores is not None, "a rule that ranks nothing has no excuse"
    one, two = np.sort(first.scores[first.share > 0]), np.sort(second.scores[second.share > 0])
    assert np.allclose(one, two, rtol=1e-4, atol=1e-5 * size**2)


@every
@given(row=st.lists(st.integers(-4_000_000, 4_000_000).map(lambda i: i / 4), min_size=1, max_size=9))
def test_agreement_is_returned(promise, row):
    rows = np.tile(np.array(row, np.float32), (N, 1))
    found = decided(promise, supplied(rows)).delta
    if isinstance(promise.value, CenteredClip):
        length = np.linalg.norm(rows[0].astype(float))
        expected = rows[0] * min(1.0, 3.0 / max(length, 1e-30))
    elif isinstance(promise.value, SignMajority):
        expected = np.sign(rows[0]) * np.linalg.norm(rows[0].astype(float)) / np.sqrt(len(row))
    else:
        expected = rows[0]
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(rows).max())


@those("moves")
@given(rows=honest(), shift=st.integers(-64, 64))
def test_a_common_offset_is_a_common_offset(promise, rows, shift):
    scale = float(2.0 ** np.ceil(np.log2(np.abs(rows).max() + 1e-30)))
    coarse = np.round(rows / scale * 1024) / 1024 * scale  # so that the sum with the offset is exact
    plain, moved = decided(promise, supplied(coarse)), decided(promise, supplied(coarse + np.float32(shift * scale)))
    if plain.share is not None and not np.allclose(plain.share, moved.share, atol=1e-4):
        if plain.scores is not None:  # equal scores, settled by contents that the offset changes
            one, two = np.sort(plain.scores[plain.share > 0]), np.sort(moved.scores[moved.share > 0])
            assert np.allclose(one, two, rtol=1e-3, atol=1e-4 * scale**2)
        return
    assert np.allclose(moved.delta, plain.delta + np.float32(shift * scale), atol=1e-4 * scale * (1 + abs(shift)) / 8)


@those("scales")
@given(rows=honest(), power=st.integers(-12, 12))
def test_scale_goes_through(promise, rows, power):
    factor = np.float32(2.0**power)  # a power of two changes no rounding
    plain, scaled = decided(promise, supplied(rows)).delta, decided(promise, supplied(rows * factor)).delta
    if np.allclose(scaled, plain * factor, rtol=1e-4, atol=1e-5 * np.abs(rows).max() * factor):
        return
    one, two = decided(promise, supplied(rows)), decided(promise, supplied(rows * factor))
    assert one.scores is not None
    assert np.allclose(
        np.sort(one.scores[one.share > 0]) * float(factor) ** 2,
        np.sort(two.scores[two.share > 0]),
        rtol=1e-4,
    )


@those("inside")
@given(rows=honest())
def test_the_result_lies_within_the_rows(promise, rows):
    found = decided(promise, supplied(rows)).delta
    slack = 1e-5 * np.abs(rows).max()
    assert (found >= rows.min(axis=0) - slack).all() and (found <= rows.max(axis=0) + slack).all()


@those("robust")
@given(rows=honest(), seed=st.integers(0, 2**32), power=st.floats(0, 12))
def test_f_rows_at_any_distance_cannot_drag_it(promise, rows, seed, power):
    rng = np.random.default_rng(seed)
    liars = rng.permutation(N)[:F]
    apart = rng.random() < 0.5 and not isinstance(promise.value, DivideAndConquer)  # see the test of its weakness
    direction = rng.standard_normal((F, rows.shape[1]) if apart else rows.shape[1])
    attacked = rows.copy()
    attacked[liars] += (10.0**power * np.abs(rows).max() * direction).astype(np.float32)
    kept = np.delete(rows, liars, axis=0).astype(float)
    found = decided(promise, supplied(attacked)).delta.astype(float)
    if isinstance(promise.value, CenteredClip):
        assert np.linalg.norm(found) <= 3 * promise.value.radius * (1 + 1e-4)  # iterations x radius, whatever comes in
        return
    centre = kept.mean(axis=0)
    spread = np.sqrt(((kept - centre) ** 2).sum(axis=1)).max()
    if isinstance(promise.value, SignMajority):
        longest = np.linalg.norm(kept, axis=1).max()
        assert np.linalg.norm(found) <= longest * (1 + 1e-4) + 1e-6
        return
    assert np.linalg.norm(found - centre) <= 10 * spread + 1e-4 * np.abs(kept).max()


@those("kappa")
@given(rows=honest(), seed=st.integers(0, 2**32), power=st.floats(-1, 6))
def test_the_proven_kappa_bound_holds_for_every_set_of_honest_rows(promise, rows, seed, power):
    rng = np.random.default_rng(seed)
    liars = rng.permutation(N)[:F]
    attacked = rows.astype(float)
    attacked[liars] = attacked.mean(axis=0) + 10.0**power * np.abs(rows).max() * rng.standard_normal(rows.shape[1])
    attacked = attacked.astype(np.float32)
    found = decided(promise, supplied(attacked)).delta.astype(float)
    kept = np.delete(attacked, liars, axis=0).astype(float)
    centre = kept.mean(axis=0)
    variance = ((kept - centre) ** 2).sum(axis=1).mean()
    assert ((found - centre) ** 2).sum() <= promise.kappa * variance * (1 + 1e-3) + 1e-9 * (kept**2).max()


@every
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("whole_row", [True, False])
def test_a_row_that_slipped_in_is_refused(promise, bad, whole_row):
    rows = np.random.default_rng(0).standard_normal((N, 7)).astype(np.float32)
    rows[3, slice(None) if whole_row else 2] = bad
    with pytest.raises(UnmetPrecondition):
        promise.value(supplied(rows))


@every
@given(rows=honest(), seed=st.integers(0, 99))
def test_rows_of_weight_zero_sway_nothing(promise, rows, seed):
    rng = np.random.default_rng(seed)
    absent = rng.permutation(N + 3)[:3]
    present = np.setdiff1d(np.arange(N + 3), absent)
    everyone = np.full((N + 3, rows.shape[1]), np.nan, np.float32)  # not even NaN in an absent row
    everyone[present] = rows
    weights = np.ones(N + 3)
    weights[absent] = 0
    whole = supplied(everyone, weights=weights)
    alone = supplied(rows, clients=tuple(whole.clients[i] for i in present))
    found = decided(promise, whole)
    assert np.array_equal(found.delta, decided(promise, alone).delta)
    assert found.share is None or not found.share[absent].any()


@every
@given(rows=honest())
def test_shares_sum_to_one_and_give_the_delta(promise, rows):
    found = decided(promise, supplied(rows))
    if found.share is None:
        return
    if promise.whole:
        assert found.share.sum() == pytest.approx(1)
    assert (found.share >= 0).all()
    assert np.allclose(found.delta, found.share @ rows.astype(float), rtol=1e-5, atol=1e-6 * np.abs(rows).max())


@every
@settings(max_examples=10)
@given(rows=honest())
def test_inputs_stay_as_they_were_and_the_answer_is_the_same_again(promise, rows):
    before = digest(rows)
    first, second = decided(promise, supplied(rows)), decided(promise, supplied(rows))
    assert digest(rows) == before
    assert digest(first.delta) == digest(second.delta)


@every
def test_the_memory_of_the_rows_is_free_as_soon_as_nobody_looks_at_them(promise, uncollected):
    whole = supplied(np.random.default_rng(0).standard_normal((N + 1, 60)), weights=[0, *[1] * N])
    rows = weakref.ref(whole.updates.base)
    answer = promise.value(whole)
    del whole
    assert rows() is None
    assert answer.delta.shape == (60,)


@every
def test_too_few_rows_are_refused(promise):
    if getattr(promise.value, "f", None) or getattr(promise.value, "threshold", None):
        with pytest.raises(UnmetPrecondition, match="needs n >="):
            promise.value(supplied(np.ones((1, 3))))


@every
def test_nobody_is_refused(promise):
    with pytest.raises(UnmetPrecondition, match="no update"):
        promise.value(supplied(np.ones((2, 3)), weights=[0, 0]))


def test_f_zero_is_the_mean_where_promised():
    rows = np.random.default_rng(1).standard_normal((9, 5)).astype(np.float32)
    classical = ("trimmed-mean", "mean-around-median", "multi-krum", "min-diameter", "divide-and-conquer")
    for name in (*classical, "nearest-to-reference", "comparative-elimination"):
        assert np.allclose(RULES[name](f=0)(supplied(rows)).delta, rows.mean(axis=0), atol=1e-6), name


def test_one_row_is_its_own_median():
    assert Median()(cohort([[3.0, -1.0]])).delta.tolist() == [3.0, -1.0]
