"""SADBA's training half: who lags takes longer steps, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mithridate.attacks import CatchUp, Patch, Samples, View
from mithridate.core.errors import ConfigurationError
from tests.attacks.toy import Linear

ONE = Samples(np.ones((1, 1, 1, 1), np.float32), np.array([1]))
DOT = Patch(target=0, size=1, share=1.0)


def view(liars=1, **fields):
    return View.of(np.zeros((liars, 4)), access=Linear(1, 2), samples=(ONE,) * liars, trigger=DOT, **fields)


def test_the_first_step_and_its_loss_by_hand():
    # The stamped sample pulls towards class 0 by 1/2 per entry; nobody has trained, so the rate .1 is doubled; boost 4/1.
    attack = CatchUp(rate=0.1, steps=1, faster=2.0)
    rows, memory = attack.craft(view(n_total=4, memory=attack.init()))
    assert np.allclose(rows, [[0.4, -0.4, 0.4, -0.4]], atol=1e-6)
    # The model before the boost scores .2 and -.2.
    assert memory == {"liar-0": pytest.approx(math.log(1 + math.exp(-0.4)), rel=1e-6)}


def test_who_lags_behind_the_mean_takes_longer_steps_and_equals_do_not():
    attack = CatchUp(rate=0.1, steps=1, faster=3.0, boost=1.0)
    rows, memory = attack.craft(view(liars=2, memory={"liar-0": 1.0, "liar-1": 3.0}))
    assert np.allclose(rows[1], 3 * rows[0]) and np.allclose(rows[0], [0.05, -0.05, 0.05, -0.05])
    assert memory["liar-1"] < memory["liar-0"]
    alike, _ = attack.craft(view(liars=2, memory={"liar-0": 1.0, "liar-1": 1.0}))
    assert np.allclose(alike[1], rows[0])


def test_a_newcomer_hurries_and_those_away_are_remembered():
    attack = CatchUp(rate=0.1, steps=1, faster=3.0, boost=1.0)
    rows, memory = attack.craft(view(memory={"elsewhere": 5.0}))
    assert np.allclose(rows[0], [0.15, -0.15, 0.15, -0.15])
    assert memory["elsewhere"] == 5.0 and set(memory) == {"elsewhere", "liar-0"}


def test_more_steps_are_an_alternative_to_longer_ones():
    once, _ = CatchUp(rate=0.1, steps=1, faster=1.0, boost=1.0).craft(view())
    twice, _ = CatchUp(rate=0.1, steps=1, faster=1.0, longer=2, boost=1.0).craft(view())
    assert 1.5 * once[0, 0] < twice[0, 0] < 2 * once[0, 0]


def test_the_boost_is_what_makes_the_mean_their_model():
    plain, _ = CatchUp(steps=2, boost=1.0).craft(view(liars=2, n_total=10))
    boosted, _ = CatchUp(steps=2).craft(view(liars=2, n_total=10))
    assert np.allclose(boosted, 5 * plain)


def test_odd_arguments_are_refused():
    odd = ({"rate": 0.0}, {"steps": 0}, {"faster": 0.5}, {"longer": 0}, {"boost": 0.0}, {"batch": 0})
    for field in odd:
        with pytest.raises(ConfigurationError):
            CatchUp(**field)
