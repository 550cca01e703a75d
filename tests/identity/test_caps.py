"""No organisation is more than its share, and no more clients are refused than that takes."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.identity.caps import surplus

sizes = st.lists(st.integers(1, 5), min_size=1, max_size=4)
shares = st.sampled_from([0.2, 0.25, 0.3, 1 / 3, 0.34, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0])


def federation(counts):
    return {f"{o}-{i}": f"o{o}" for o, count in enumerate(counts) for i in range(count)}


def kept(counts, share, **more):
    home = federation(counts)
    beyond = surplus(home, share, **more)
    return [sum(1 for who, o in home.items() if o == f"o{i}" and who not in beyond) for i in range(len(counts))]


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        # one organisation with 10 of 14 keys and a cap of 0.4: c = 2 of 2 + 2 + 2 = 6 is 0.33; c = 3 of 7 would be 0.43
        ([10, 2, 2], 0.4, [2, 2, 2]),
        ([10, 2, 2], 0.5, [4, 2, 2]),
        ([10, 2, 2], 1.0, [10, 2, 2]),
        ([3, 3], 0.34, [0, 0]),  # two organisations cannot each be 34 % at most
        ([1, 1, 1], 1 / 3, [1, 1, 1]),
        ([29, 71], 0.71, [29, 71]),
        ([], 0.5, []),
    ],
)
def test_the_numbers_worked_out_by_hand(counts, share, expected):
    assert kept(counts, share) == expected


@given(sizes, shares)
def test_the_share_is_kept(counts, share):
    stay = kept(counts, share)
    assert not any(stay) or max(stay) <= share * sum(stay) + 1e-9


@given(sizes, shares)
def test_no_choice_keeps_more(counts, share):
    fair = [
        sum(each) for each in product(*(range(count + 1) for count in counts)) if max(each) <= share * sum(each) + 1e-9
    ]
    assert sum(kept(counts, share)) == max(fair)


@given(sizes, shares, st.integers(0, 9), st.randoms(use_true_random=False))
def test_the_order_of_arrival_decides_nothing(counts, share, round, random):
    home = list(federation(counts).items())
    random.shuffle(home)
    assert surplus(dict(home), share, round) == surplus(federation(counts), share, round)


def test_in_the_long_run_nobody_is_starved():
    home = federation([6, 1, 1])
    stays = [who for round in range(60) for who in home if who not in surplus(home, 0.5, round)]
    assert min(stays.count(who) for who in home) > 5


@given(shares, st.integers(2, 30))
def test_more_keys_never_mean_more_say(share, keys):
    # Sybils: two honest organisations of three; whatever number of keys the third has, its part is bounded
    stay = kept([3, 3, keys], share)
    assert stay[2] <= share * sum(stay) + 1e-9 or not any(stay)
