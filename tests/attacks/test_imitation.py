"""The rehearsed federation: a round worked out by hand, the same for every lie but for the lie, and what it cannot play."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mithridate.attacks import Samples, View
from mithridate.attacks.imitation import Imitation, harm
from mithridate.core.errors import UnmetPrecondition
from mithridate.core.randomness import stream
from mithridate.guard.guard import Guard
from mithridate.rules import FlTrust, Krum, Mean, Median
from mithridate.screens import LossRejection
from mithridate.stages import WorkerMomentum
from tests.attacks.toy import Linear

ONE = Samples(np.ones((1, 1, 1, 1), np.float32), np.array([0]))
"""One sample, so that every shard and every batch consists of it: at w = 0 its gradient is (-1/2, 1/2, -1/2, 1/2)."""
STEP = np.array([0.5, -0.5, 0.5, -0.5], np.float32)


def view_of(guard=None, model=None, samples=(ONE,), seed=0, **fields) -> View:
    network = Linear(samples[0].x.shape[-1] * samples[0].x.shape[-2], 2)
    d = network.layers["bias"].stop
    model = np.zeros(d, np.float32) if model is None else model
    rng = stream(seed, 0, "attack")
    return View.of(
        np.zeros((len(samples), d)), access=network, samples=samples, guard=guard, rng=rng, model=model, **fields
    )


def imitated(guard, counts=((1, 2),), horizon=1, kind="loss", **fields) -> Imitation:
    view = view_of(guard, **fields)
    return Imitation(view, view.access, counts, horizon, kind)


def lying(lie):
    return lambda model, share, rng: np.asarray(lie, np.float32)


def different(seed=0):
    rng = np.random.default_rng(seed)
    sizes = (8, 0, 5)
    return tuple(Samples(rng.random((k, 1, 2, 2), np.float32), rng.integers(2, size=k)) for k in sizes)


def test_one_round_by_hand():
    # One honest client moves by STEP and one liar does not: the mean is STEP / 2, its scores 1/2 and -1/2.
    assert imitated(Guard(Mean())).gain(lying(np.zeros(4))) == pytest.approx(math.log1p(math.exp(-1)) - math.log(2))
    # A lie of -3 STEP makes it -STEP, whose scores are -1 and 1.
    assert imitated(Guard(Mean())).gain(lying(-3 * STEP)) == pytest.approx(math.log1p(math.exp(2)) - math.log(2))
    # Both answers are the wrong class then: the error rises from 0 (of equals the first class) to 1.
    assert imitated(Guard(Mean()), kind="error").gain(lying(-3 * STEP)) == 1.0


def test_rises_add_up_over_the_horizon():
    stage = imitated(Guard(Mean()), horizon=2)
    # Liars who undo the honest half hold the model where it is, and the honest client then moves by STEP again.
    assert stage.gain(lying(-STEP)) == 0.0
    assert imitated(Guard(Mean()), horizon=2).gain(lying(np.zeros(4))) < imitated(Guard(Mean())).gain(
        lying(np.zeros(4))
    )


def test_the_guard_decides_what_becomes_of_the_lie():
    far = lying(np.full(4, 1e6))
    assert imitated(Guard(Krum(f=1)), counts=((1, 7),)).gain(far) == pytest.approx(
        math.log1p(math.exp(-2)) - math.log(2)
    )
    assert (
        imitated(Guard(Median()), counts=((2, 5),)).gain(lying(-3 * STEP))
        < 0
        < imitated(Guard(Median()), counts=((3, 5),)).gain(lying(-3 * STEP))
    )


def test_a_lie_that_is_no_number_is_refused_and_the_model_stays():
    assert imitated(Guard(Mean())).gain(lying(np.full(4, np.nan))) == 0.0


def test_a_ruined_model_is_worth_no_more_than_a_million():
    assert imitated(Guard(Mean()), horizon=3).gain(lying(np.full(4, 3e38))) <= 1e6
    broken = np.full(4, np.inf, np.float32)
    assert harm(Linear(1, 2), broken, ONE, "loss") == harm(Linear(1, 2), broken, ONE, "error") == 1e6


def test_every_lie_meets_the_same_clients_and_batches():
    stage = imitated(Guard(Mean()), counts=((3, 6), (2, 6)), horizon=3, samples=different())
    first, other = stage.gain(lying(np.arange(10))), stage.gain(lying(-np.arange(10)))
    again = imitated(Guard(Mean()), counts=((3, 6), (2, 6)), horizon=3, samples=different())
    assert again.gain(lying(-np.arange(10))) == other != first == stage.gain(lying(np.arange(10)))


def test_an_imitated_client_has_the_classes_of_a_liar_in_another_order():
    x = np.random.default_rng(0).random((9, 1, 2, 2), np.float32)
    liars = (
        Samples(x[:5], np.array([0, 0, 0, 0, 1])),
        Samples(x[:0], np.zeros(0, int)),
        Samples(x[5:], np.array([2, 2, 0, 1])),
    )
    stage = imitated(Guard(Mean()), counts=((3, 43),), samples=liars)
    found = {tuple(np.bincount(shard.y, minlength=3)) for shard in stage.shards}
    assert len(stage.shards) == 40 and {tuple(sorted(one)) for one in found} == {(0, 1, 4), (1, 1, 2)}
    assert len(found) == 6 + 3
    known = {(image.tobytes(), label) for liar in liars for image, label in zip(liar.x, liar.y, strict=True)}
    assert {(i.tobytes(), y) for shard in stage.shards for i, y in zip(shard.x, shard.y, strict=True)} <= known


@pytest.mark.parametrize("guard", [Guard(FlTrust()), Guard(Median(), (WorkerMomentum(beta=0.5),))], ids=repr)
def test_guards_that_ask_for_a_reference_or_remember_are_played(guard):
    assert math.isfinite(imitated(guard, counts=((1, 4),), horizon=3).gain(lying(-STEP)))


def test_without_honest_clients_the_liars_play_alone():
    assert imitated(Guard(Mean()), counts=((2, 2),)).gain(lying(-STEP)) > 0


def test_it_needs_a_guard_that_it_can_play():
    with pytest.raises(UnmetPrecondition, match="defence"):
        imitated(None)
    with pytest.raises(UnmetPrecondition, match="losses"):
        imitated(Guard(Mean(), (LossRejection(f=1),)))
