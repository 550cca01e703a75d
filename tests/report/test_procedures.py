"""Procedures are read as the journal tells them, and a journal that contradicts itself is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.errors import StoreError
from mithridate.report.procedures import alarm, sifted, smoothed, voted
from mithridate.sim.sanitation import Swept, told


def test_what_the_engine_tells_is_what_is_read():
    said = told([Swept("c0", 10, 2, 3, 1), Swept("c1", 4, 0, 4, 0, "holds NaN")])
    first, second = sifted({"sanitised": said})
    assert (first.client, first.clean, first.lost, first.caught, first.refused) == ("c0", 8, 2, 1, None)
    assert (second.lost, second.refused) == (4, "holds NaN")


@given(
    st.integers(0, 50).flatmap(
        lambda n: st.tuples(st.just(n), st.integers(0, n)).flatmap(
            lambda pair: st.tuples(
                st.just(pair[0]), st.just(pair[1]), st.integers(0, pair[0] - pair[1]), st.integers(0, pair[1])
            )
        )
    )
)
def test_counts_that_can_be_true_are_read(counts):
    samples, poisoned, lost, caught = counts
    (found,) = sifted({"sanitised": {"clients": {"c0": [samples, poisoned, lost + caught, caught]}}})
    assert (found.samples, found.poisoned, found.lost, found.caught) == counts


@pytest.mark.parametrize(
    "counts", [[1, 2, 3], [1, 2, 0, 0], [4, 1, 2, 2], [4, 4, 3, 2], [4, 0, 5, 0], [4.0, 0, 0, 0], "4"]
)
def test_counts_that_cannot_be_true_are_refused(counts):
    with pytest.raises(StoreError):
        sifted({"sanitised": {"clients": {"c0": counts}}})


@pytest.mark.parametrize("back", [4, -2, True, "3", 1.0])
def test_a_rollback_to_a_round_that_is_not_over_is_refused(back):
    with pytest.raises(StoreError, match="before its own"):
        alarm({"round": 4, "rollback": {"value": 1.0, "best": 0.5, "back_to": back}})


def test_a_value_beyond_every_number_is_kept_as_such():
    found = alarm({"round": 0, "rollback": {"value": None, "best": 0.5, "back_to": -1}})
    assert (found.value, found.best, found.back_to) == (None, 0.5, -1)


def test_equal_points_of_a_certificate_are_one_and_radii_rise():
    found = smoothed(
        {"smoothed": {"votes": 9, "accuracy": 0.5, "asr": None, "certified": [[0.2, 0.1], [0.1, 0.4], [0.2, 0.1]]}}
    )
    assert found.certified == ((0.1, 0.4), (0.2, 0.1))


@pytest.mark.parametrize(
    "said",
    [
        {"votes": -1},
        {"votes": 3, "accuracy": 1.5},
        {"votes": 3, "certified": [[0.1]]},
        {"votes": 3, "certified": [[0.1, "high"]]},
        {"votes": 3, "certified": [[1e301, 0.5]]},
        ["x"],
    ],
)
def test_a_vote_that_cannot_be_true_is_refused(said):
    with pytest.raises(StoreError):
        smoothed({"smoothed": said})


def test_a_run_without_procedures_tells_none():
    assert (sifted({}), alarm({"round": 0}), smoothed({}), voted({})) == ((), None, None, None)


@pytest.mark.parametrize(
    "said",
    [
        {"accuracies": [], "certified": []},
        {"accuracies": [0.5], "certified": [1.5]},
        {"accuracies": [0.5, None], "certified": []},
        {"accuracies": [0.5], "certified": [0.5, None]},
        {"accuracies": [0.5]},
        3,
    ],
)
def test_an_ensemble_that_cannot_be_true_is_refused(said):
    with pytest.raises(StoreError):
        voted({"accuracy": 0.5, "ensemble": said})
