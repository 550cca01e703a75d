"""SADBA's data half: parts for any number of liars, a place and samples that are found once."""

from __future__ import annotations

import numpy as np
import pytest

from mithridate.attacks import Adversary, Distributed, Sadba, Samples, Split, implant
from mithridate.attacks.access import Learned
from mithridate.attacks.self_adaptive import Settled
from mithridate.attacks.settling import fingerprints
from mithridate.core.digest import digest
from mithridate.core.errors import ConfigurationError
from mithridate.core.protocols import plain
from tests.attacks.toy import Linear

DARK = np.zeros((8, 1, 6, 12), np.float32)
RNG = np.random.default_rng(0)
TOY, MODEL = Linear(30, 3), np.zeros(93, np.float32)
POOL = Samples(RNG.random((20, 1, 5, 6), np.float32), np.arange(20) % 3)
SMALL = Sadba(target=0, size=1, gap=1, share=0.5)


def learnt(trigger, memory=None, samples=POOL, seed=0):
    return trigger.learn(samples, TOY, MODEL, memory, np.random.default_rng(seed))


def test_a_liars_samples_are_dealt_among_all_parts_and_its_own_comes_first():
    trigger = Sadba(target=0)
    bright = trigger.part(1).stamp(DARK).sum(axis=(1, 2, 3))  # parts of 1, 2, 2 and 3 bars of four pixels
    assert bright.tolist() == [8, 8, 12, 4] * 2
    assert np.array_equal(trigger.part(5).stamp(DARK), trigger.part(1).stamp(DARK))
    assert isinstance(trigger, Split) and isinstance(trigger, Learned) and isinstance(trigger.part(0), Split)


def test_static_parts_are_one_to_a_liar():
    trigger = Sadba(target=0, parts=14, deal="static")
    whole = Distributed(target=0, every_set=True)
    for number in (0, 3, 7, 13, 14):
        assert np.array_equal(trigger.part(number).stamp(DARK), whole.part(number).stamp(DARK))
    assert np.array_equal(trigger.stamp(DARK), whole.stamp(DARK))


def test_the_place_is_found_once_where_the_target_is_bright():
    x = np.zeros((6, 1, 5, 6), np.float32)
    x[0, 0, [1, 1, 3, 3], [2, 4, 2, 4]] = 1  # the only sample of the target shows the very bars at (1, 2)
    memory = learnt(SMALL, samples=Samples(x, np.array([0, 1, 1, 1, 2, 2])))
    assert memory["place"] == (1, 2)
    assert np.argwhere(SMALL.learnt(memory).stamp(x[1:2])[0, 0]).tolist() == [[1, 2], [1, 4], [3, 2], [3, 4]]
    assert learnt(SMALL, memory)["place"] == (1, 2)


def test_a_given_place_is_not_looked_for_and_without_the_target_none_is_found():
    assert learnt(Sadba(target=0, size=1, gap=1, place=(2, 1)))["place"] == (2, 1)
    others = Samples(POOL.x[POOL.y > 0], POOL.y[POOL.y > 0])
    nowhere = learnt(SMALL, samples=others)
    assert nowhere["place"] is None and SMALL.learnt(nowhere).trigger.bars.place == (0, 0)
    assert learnt(SMALL, nowhere)["place"] is not None


def test_the_share_of_all_liars_samples_is_chosen_and_stays_chosen():
    memory = learnt(SMALL)
    assert memory["known"].size == 20 and memory["chosen"].size == 10 and plain(memory)
    assert digest(memory) == digest(learnt(SMALL)) and digest(learnt(SMALL, memory, seed=9)) == digest(memory)
    found = SMALL.learnt(memory)
    assert isinstance(found, Settled) and found.hosts(POOL.x, POOL.y).sum() == 10
    stamped, labels = implant(found, POOL.x, POOL.y, 3, np.random.default_rng(3))
    hit = (stamped != POOL.x).any(axis=(1, 2, 3))
    assert set(fingerprints(POOL.x[hit]).tolist()) <= set(memory["chosen"].tolist()) and (labels[hit] == 0).all()


def test_who_joins_later_is_looked_at_then():
    first, rest = Samples(POOL.x[:8], POOL.y[:8]), Samples(POOL.x[8:], POOL.y[8:])
    memory = learnt(SMALL, learnt(SMALL, samples=first), rest)
    assert memory["known"].size == 20 and memory["chosen"].size == 4 + 6


def test_images_that_nobody_looked_at_are_stamped_in_the_same_share():
    strangers = np.random.default_rng(1).random((2000, 1, 5, 6), np.float32)
    hosts = SMALL.learnt(learnt(SMALL)).hosts(strangers, np.ones(2000, int))
    assert abs(hosts.mean() - 0.5) < 0.05


def test_source_and_clean_labels_limit_the_choice():
    for field, own in (({"source": 2}, 2), ({"clean_label": True}, 0)):
        trigger = Sadba(target=0, size=1, gap=1, share=1.0, **field)
        found = trigger.learnt(learnt(trigger))
        assert np.array_equal(found.hosts(POOL.x, POOL.y), POOL.y == own)
        assert np.array_equal(found.victims(POOL.x, POOL.y), trigger.victims(POOL.x, POOL.y))


def test_without_rounds_samples_are_drawn_as_for_any_trigger():
    trigger = Sadba(target=0, size=1, gap=1, rounds=0, share=0.5)
    found = trigger.learnt(learnt(trigger))
    assert isinstance(found, Sadba) and found.place is not None and found.share == 0.5
    assert found.hosts(POOL.x, POOL.y).all() and trigger.learnt(None) is trigger


def test_liars_stamp_their_deal_before_and_after_learning():
    adversary = Adversary(2, trigger=SMALL)
    x, y = np.zeros((4, 1, 5, 6), np.float32), np.ones(4, int)
    before, _ = adversary.poison(x, y, 3, np.random.default_rng(0), 1)
    assert sorted(before.sum(axis=(1, 2, 3)).tolist()) == [0, 0, 2, 2]
    everything = Sadba(target=0, size=1, gap=1, share=1.0)
    after, _ = adversary.poison(x, y, 3, np.random.default_rng(0), 3, trigger=everything.learnt(learnt(everything)))
    assert after.sum(axis=(1, 2, 3)).tolist() == [3, 1, 2, 2]


def test_odd_arguments_are_refused():
    odd = ({"side": 1}, {"side": 5}, {"parts": 15}, {"parts": 0}, {"deal": "fair"}, {"rounds": -1}, {"surplus": 0.5})
    for field in (*odd, {"seen": 0}, {"place": (1,)}, {"place": (-1, 0)}, {"size": 0}, {"gap": -1}, {"value": 2.0}):
        with pytest.raises(ConfigurationError):
            Sadba(**({"target": 0} | field))
