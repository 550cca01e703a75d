"""Events as plain tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.errors import ConfigurationError, PrivacyError
from mithridate.privacy.events import Gaussian, PoissonSampled, Repeated, plain, restored

gaussians = st.builds(Gaussian, st.floats(1e-3, 1e9))
sampled = st.builds(PoissonSampled, st.floats(1e-9, 1), gaussians)
events = gaussians | sampled | st.builds(Repeated, gaussians | sampled, st.integers(0, 10**9))
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["gaussian", "noise-multiplier", "repeated", "event", "count", "probability"]), inner
        )
    ),
    max_leaves=8,
)


@given(event=events)
def test_an_event_comes_back_from_its_table(event):
    assert restored(plain(event)) == event


@given(table=json_like)
def test_whatever_else_is_read_is_an_event_or_refused(table):
    try:
        event = restored(table)
    except (PrivacyError, ConfigurationError):
        return
    assert plain(event) == table


@pytest.mark.parametrize("number", [0, -1.0, float("nan"), float("inf"), True, "2", None])
def test_noise_that_is_no_number_of_use_is_refused(number):
    with pytest.raises((ConfigurationError, PrivacyError)):
        Gaussian(number)


def test_a_whole_noise_multiplier_is_the_same_event_as_the_float():
    assert plain(Gaussian(2)) == {"gaussian": {"noise-multiplier": 2.0}}


@pytest.mark.parametrize(
    "table",
    [
        {},
        [],
        "gaussian",
        {"gaussian": {}},
        {"gaussian": {"noise-multiplier": 2.0, "more": 1}},
        {"gaussian": {"noise-multiplier": 2.0}, "more": 1},
        {"laplace": {"noise-multiplier": 2.0}},
        {"repeated": {"count": 2, "event": {"repeated": {"count": 2, "event": plain(Gaussian(1.0))}}}},
        {"poisson-sampled": {"probability": 0.1, "event": plain(PoissonSampled(0.1, Gaussian(1.0)))}},
        {"repeated": {"count": 2, "event": 3}},
    ],
)
def test_what_nobody_writes_is_refused(table):
    with pytest.raises(PrivacyError):
        restored(table)


def test_events_are_nested_only_where_the_accountant_can_follow():
    with pytest.raises(PrivacyError, match="repeated Repeated"):
        Repeated(Repeated(Gaussian(1.0), 2), 2)  # type: ignore[arg-type]  # the wrong type is the test
    with pytest.raises(PrivacyError, match="Poisson sample of PoissonSampled"):
        PoissonSampled(0.5, PoissonSampled(0.5, Gaussian(1.0)))  # type: ignore[arg-type]  # the wrong type is the test


def test_what_is_no_event_has_no_table():
    with pytest.raises(PrivacyError, match="no account for str"):
        plain("gaussian")  # type: ignore[arg-type]  # the wrong type is the test
