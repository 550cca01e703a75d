"""A trigger in parts: where the bars lie, and who stamps which."""

from __future__ import annotations

import numpy as np
import pytest

from mithridate.attacks import Adversary, Distributed, Patch
from mithridate.core.errors import ConfigurationError

DARK = np.zeros((1, 1, 6, 12), np.float32)


def seen(trigger):
    return np.argwhere(trigger.stamp(DARK)[0, 0]).tolist()


def test_the_bars_lie_where_the_paper_puts_them_for_mnist():
    upper = [[0, c] for c in (0, 1, 2, 3, 6, 7, 8, 9)]
    assert seen(Distributed(target=0)) == upper + [[3, c] for _, c in upper]


def test_the_parts_make_up_the_whole():
    whole = Distributed(target=0, shift=1)
    parts = [whole.part(k).stamp(DARK) for k in range(4)]
    assert np.array_equal(np.maximum.reduce(parts), whole.stamp(DARK)) and sum(p.sum() for p in parts) == 16
    assert whole.part(4) == whole.part(0)


def test_every_set_of_one_to_three_bars_has_its_liar():
    whole = Distributed(target=0, every_set=True)
    sets = [whole.part(k).bars for k in range(14)]
    assert len(set(sets)) == 14 and {len(some) for some in sets} == {1, 2, 3}
    assert whole.part(14).bars == sets[0]


def test_liars_train_parts_and_others_the_whole():
    x, y, rng = np.zeros((4, 1, 6, 12), np.float32), np.ones(4, int), np.random.default_rng
    split = Adversary(2, trigger=Distributed(target=0, share=1.0))
    assert split.poison(x, y, 2, rng(0), number=1)[0][0].sum() == 4
    same = Adversary(2, trigger=Patch(target=0, share=1.0))
    assert np.array_equal(same.poison(x, y, 2, rng(0), number=1)[0], same.poison(x, y, 2, rng(0))[0])


def test_bars_that_do_not_fit_are_refused():
    with pytest.raises(ConfigurationError, match="4 x 10 pixels"):
        Distributed(target=0).stamp(DARK[..., :9])
    for bars in ((), (1, 0), (4,)):
        with pytest.raises(ConfigurationError, match="bars"):
            Distributed(target=0, bars=bars)
