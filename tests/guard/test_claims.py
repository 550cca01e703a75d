"""What a reply may claim, each claim by itself; `test_admission` sees them together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.errors import ConfigurationError
from mithridate.core.layout import Layout
from mithridate.guard.claims import Limits, Refused, believed, clamped, identified, keyed, shaped, spoken, timely

LAYOUT = Layout.of({"w": np.zeros((2, 3), np.float32), "b": np.zeros(3, np.float32)})


def test_limits_that_cannot_work_are_unbuildable():
    for wrong in (
        {"max_abs": 0},
        {"max_abs": float("nan")},
        {"max_examples": 0},
        {"weight_ratio": 0.5},
        {"key_order": "x"},
    ):
        with pytest.raises(ConfigurationError):
            Limits(**wrong)


def test_a_claim_of_examples_is_believed_up_to_the_limit():
    limits = Limits(max_examples=50)
    assert [believed(claim, limits) for claim in (0, 50, 7.5, np.int64(3))] == [0.0, 50.0, 7.5, 3.0]
    with pytest.raises(Refused, match="more than 50"):
        believed(51, limits)


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=30))
def test_clamped_claims_keep_their_order_and_never_grow(claims):
    before = np.array(claims, float)
    after = clamped(before, Limits())
    assert (after <= before).all() and (np.diff(after[np.argsort(before)]) >= 0).all()
    assert ((after == 0) == (before == 0)).all()


def test_a_client_is_looked_up_among_those_who_were_asked():
    asked = frozenset({"ann"})
    assert identified("ann", asked, Limits()) == "ann"
    assert identified("bob", None, Limits()) == "bob"
    with pytest.raises(Refused) as refused:
        identified("bob", asked, Limits())
    assert refused.value.reason == "unknown-client"


def test_only_this_rounds_answer_is_timely_and_none_is_no_claim():
    timely(None, 4)
    timely(4, 4)
    for claimed, reason in ((3, "stale"), (5, "from-the-future"), ("4", "bad-round")):
        with pytest.raises(Refused) as refused:
            timely(claimed, 4)
        assert refused.value.reason == reason


def test_many_keys_are_refused_before_one_of_them_is_read():
    unread = dict.fromkeys(range(21))  # numbers: the first key that was read would be a bad one
    with pytest.raises(Refused) as refused:
        keyed(unread, LAYOUT, Limits())
    assert refused.value.reason == "extra-key"


def test_a_subclass_of_an_array_is_none():
    with pytest.raises(Refused) as refused:
        shaped(np.ma.array(np.zeros((2, 3), np.float32)), LAYOUT.entries[0])
    assert refused.value.reason == "not-an-array"


@given(st.one_of(st.text(), st.none(), st.binary(), st.integers()))
def test_what_is_spoken_is_printable_short_and_never_empty(name):
    found = spoken(name, Limits(max_name=40))
    assert found and found.isprintable() and len(found) <= 40
