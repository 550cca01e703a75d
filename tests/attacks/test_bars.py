"""Bars that can lie anywhere, and their sets."""

from __future__ import annotations

import numpy as np
import pytest

from mithridate.attacks import Distributed
from mithridate.attacks.bars import Bars, evenly
from mithridate.core.errors import ConfigurationError

DARK = np.zeros((1, 1, 8, 14), np.float32)


def test_four_bars_in_the_corner_are_those_of_the_distributed_trigger():
    for some in ((0,), (1, 2), (0, 1, 2, 3)):
        assert np.array_equal(Bars(2, 4, 2, 1.0).stamp(DARK, some), Distributed(target=0, bars=some).stamp(DARK))


def test_nine_bars_lie_where_the_place_and_the_gap_put_them():
    seen = Bars(3, 1, 1, 0.5, (2, 3)).stamp(DARK)[0, 0]
    assert np.argwhere(seen).tolist() == [[r, c] for r in (2, 4, 6) for c in (3, 5, 7)]
    assert Bars(3, 1, 1, 0.5).box == (5, 5) and Bars(3, 1, 1, 0.5).room(8, 14) == (4, 10)
    assert (seen[seen > 0] == 0.5).all()


def test_no_bar_is_a_copy():
    stamped = Bars(2, 4, 2, 1.0).stamp(DARK, ())
    assert np.array_equal(stamped, DARK) and not np.shares_memory(stamped, DARK)


def test_as_many_sets_as_there_are_are_all_of_them():
    sets = evenly(4, 14)
    assert len(set(sets)) == 14 and [len(some) for some in sets] == [1] * 4 + [2] * 6 + [3] * 4
    assert sets == tuple(Distributed(target=0, every_set=True).part(k).bars for k in range(14))


def test_fewer_sets_are_spread_from_small_to_large():
    sets = evenly(9, 20)
    assert len(set(sets)) == 20 and sets[0] == (0,) and sets[-1] == tuple(range(1, 9))
    assert [len(some) for some in sets] == sorted(len(some) for some in sets)
    # Of 510 sets the k-th of 20 is number 509 k // 19: 26 is past the 9 single bars and within the 36 pairs.
    assert sets[1] == (2, 5)
    assert evenly(4, 1) == ((0,),)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigurationError, match="4 x 10 pixels"):
        Bars(2, 4, 2, 1.0).stamp(DARK[..., :9])
    with pytest.raises(ConfigurationError, match="last place is \\(4, 4\\)"):
        Bars(2, 4, 2, 1.0, (0, 5)).stamp(DARK)
    for count in (0, 15):
        with pytest.raises(ConfigurationError, match="1 to 14 sets"):
            evenly(4, count)
