"""What every stage owes its users."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.digest import digest
from mithridate.core.errors import UnmetPrecondition
from mithridate.core.protocols import plain
from mithridate.rules import Mean
from mithridate.stages import Buckets, Clip, NearestNeighbourMixing, WorkerMomentum
from mithridate.testing import cohort
from tests.laws.catalogue import STAGE_VALUES, N, identity
from tests.laws.test_rule_laws import honest
from tests.laws.venue import supplied

every = pytest.mark.parametrize("stage", STAGE_VALUES, ids=identity)


@every
@given(rows=honest())
def test_no_client_is_invented_or_lost(stage, rows):
    before = supplied(rows)
    after, _ = stage.apply(before, stage.init())
    assert sorted(c for row in after.clients for c in row) == sorted(c for row in before.clients for c in row)


@every
@given(rows=honest())
def test_the_memory_is_plain_and_the_same_again(stage, rows):
    memories = []
    for _ in range(2):
        memory = stage.init()
        for round in range(3):
            _, memory = stage.apply(supplied(rows, round=round), memory)
        assert plain(memory)
        memories.append(digest(memory))
    assert memories[0] == memories[1]


@every
def test_the_memory_of_the_rows_is_free_as_soon_as_nobody_looks_at_them(stage, uncollected):
    whole = supplied(np.random.default_rng(0).standard_normal((N, 60)))
    rows = weakref.ref(whole.updates.base)
    seen, memory = stage.apply(whole, stage.init())
    rule = Mean()
    answer = rule(seen)
    del whole, seen
    assert rows() is None
    assert answer.delta.shape == (60,) and plain(memory)


@every
@given(rows=honest())
def test_what_it_says_of_the_geometry_is_true_of_the_rows(stage, rows):
    after, _ = stage.apply(supplied(rows), stage.init())
    formed = supplied(after.updates, clients=after.clients, weights=after.weights)
    # Everything below the rounding of the *input* rows is noise: mixing may cancel most of a row.
    noise = 1e-6 * float((rows.astype(float) ** 2).sum(axis=1).max())
    assert np.allclose(after.squared_distances, formed.squared_distances, rtol=1e-4, atol=noise)
    assert np.allclose(after.norms**2, formed.norms**2, rtol=1e-4, atol=noise)


@every
def test_a_row_that_slipped_in_is_refused_here_or_by_the_next(stage):
    from mithridate.guard.guard import Guard
    from mithridate.rules import Mean, Median, WeightedMean

    rows = np.ones((N, 4), np.float32)
    rows[2, 1] = np.nan
    for rule in (WeightedMean(),) if stage.weighs else (Mean(), Median()):
        guard = Guard(rule, (stage,))
        decision, _ = guard.apply(supplied(rows), guard.init())
        assert decision.refused and not decision.delta.any()


def test_clip_shortens_and_says_whom():
    after = Clip(to=5.0)(cohort([[3.0, 4.0], [30.0, 40.0]]))
    assert after.updates.tolist() == [[3.0, 4.0], [3.0, 4.0]]
    (mark,) = after.marks
    assert (mark.client, mark.score, mark.threshold, mark.dropped) == ("c1", 50.0, 5.0, False)


def test_arc_clips_the_longest_to_the_next():
    # n = 5, f = 1: floor(2 (1/5) 4) = 1 row is clipped to the fourth norm.
    after = Clip(to="arc", f=1)(cohort([[1.0], [2.0], [3.0], [4.0], [50.0]]))
    assert after.updates.ravel().tolist() == [1.0, 2.0, 3.0, 4.0, 4.0]


def test_a_zero_row_is_not_divided_by():
    assert Clip(to="median")(cohort([[0.0], [0.0], [7.0]])).updates.ravel().tolist() == [0.0, 0.0, 0.0]


@given(rows=honest(), seed=st.integers(0, 1000))
def test_buckets_keep_every_row_exactly_once(rows, seed):
    stage = Buckets(3)
    after = stage(cohort(rows, seed=seed))
    mixing = after.mixing
    assert ((mixing > 0).sum(axis=0) == 1).all()
    assert np.allclose(
        after.weights @ after.updates.astype(float),
        rows.astype(float).sum(axis=0),
        rtol=1e-4,
        atol=1e-4 * np.abs(rows).max(),
    )


def test_buckets_follow_the_seed_and_not_the_order_of_rows():
    rows = np.arange(9, dtype=np.float32)[:, None]
    whole = cohort(rows, seed=5)
    order = np.random.default_rng(0).permutation(9)
    shuffled = cohort(rows[order], clients=tuple(whole.clients[i] for i in order), seed=5)
    assert Buckets(2)(whole).clients == Buckets(2)(shuffled).clients
    assert Buckets(2)(whole).clients != Buckets(2)(cohort(rows, seed=6)).clients


def test_mixing_needs_a_majority():
    with pytest.raises(UnmetPrecondition, match="2 f"):
        NearestNeighbourMixing(2)(cohort(np.ones((4, 1))))


def test_heavy_ball_adds_up():
    stage = WorkerMomentum(beta=0.5, form="heavy-ball")
    _, memory = stage.apply(cohort([[2.0]]), stage.init())
    after, _ = stage.apply(cohort([[4.0]], round=1), memory)
    assert after.updates.tolist() == [[5.0]]


def test_momentum_of_an_absent_client_is_kept():
    stage = WorkerMomentum(beta=0.5)
    _, memory = stage.apply(cohort([[2.0], [8.0]]), stage.init())
    _, memory = stage.apply(cohort([[4.0]], clients=(("c1",),)), memory)
    assert memory["c0"].tolist() == [2.0]
    assert memory["c1"].tolist() == [6.0]
