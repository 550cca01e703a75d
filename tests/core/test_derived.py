"""Chosen, mixed and shifted rows answer like a cohort that holds them."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.cohort import Cohort
from mithridate.core.errors import ConfigurationError
from mithridate.testing import cohort

N, D = 6, 40


def derived(kind: str, seed: int):
    """A derived cohort and the rows that it stands for, in float64."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((N, D)).astype(np.float32)
    exact = rows.astype(np.float64)
    kept, mixing, offset = rng.permutation(N)[:4], rng.random((N, N)), rng.standard_normal(D).astype(np.float32)
    value = cohort(rows, probes={"losses": np.arange(6.0)})
    return {
        "chosen": lambda: (value.rows(kept), exact[kept]),
        "chosen again": lambda: (value.rows(kept).rows([2, 0]), exact[kept][[2, 0]]),
        "mixed": lambda: (value.mixed(mixing), mixing @ exact),
        "mixed then chosen": lambda: (value.mixed(mixing).rows(kept), (mixing @ exact)[kept]),
        "chosen then mixed": lambda: (value.rows(kept).mixed(mixing[:4, :4]), mixing[:4, :4] @ exact[kept]),
        "scaled": lambda: (value.mixed(np.diag(mixing[0])), mixing[0][:, None] * exact),
        "shifted": lambda: (value.shifted(offset), exact + offset),
        "chosen then shifted": lambda: (value.rows(kept).shifted(offset), exact[kept] + offset),
        "shifted then chosen": lambda: (value.shifted(offset).rows(kept), (exact + offset)[kept]),
        "shifted then mixed": lambda: (value.shifted(offset).mixed(mixing), mixing @ (exact + offset)),
    }[kind]()


KINDS = (
    "chosen", "chosen again", "mixed", "mixed then chosen", "chosen then mixed", "scaled", "shifted",
    "chosen then shifted", "shifted then chosen", "shifted then mixed",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32))
def test_every_answer_is_that_of_the_rows(kind, seed):
    found, exact = derived(kind, seed)
    share, vector = np.linspace(-1, 1, len(exact)), np.linspace(0, 1, D).astype(np.float32)
    assert np.allclose(found.combine(share), share @ exact, atol=1e-4)
    assert np.allclose(found.project(vector), exact @ vector, atol=1e-4)
    assert np.allclose(found.columns(np.array([1, 5])), exact[:, [1, 5]], atol=1e-4)
    assert np.allclose(found.norms, np.linalg.norm(exact, axis=1), atol=1e-4)
    apart = ((exact[:, None] - exact[None]) ** 2).sum(axis=2)
    assert np.allclose(found.squared_distances, apart, atol=1e-3)
    assert np.allclose(found.geometry.products, exact @ exact.T, atol=1e-2)
    assert np.allclose(found.updates, exact, atol=1e-4)
    assert found.n == len(exact) == len(found.clients)


@pytest.mark.parametrize("kind", KINDS)
def test_other_weights_keep_what_is_known(kind):
    found, exact = derived(kind, 3)
    geometry, _ = found.geometry, found.present
    weights = np.ones(found.n)
    weights[0] = 0
    again = found.with_weights(weights).with_previous(np.ones(D, np.float32))
    assert again.geometry is geometry
    assert again.previous.sum() == D
    assert again.present.n == found.n - 1
    assert np.allclose(again.present.updates, exact[1:], atol=1e-4)
    assert again.present is again.present
    other = again.with_weights(np.roll(weights, 1))
    assert np.allclose(other.present.updates, np.delete(exact, 1, axis=0), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_cohort_keeps_does_not_hold_it(kind):
    gc.disable()
    try:
        found, _ = derived(kind, 3)
        weights = np.ones(found.n)
        weights[0] = 0
        found = found.with_weights(weights)
        kept, held = found.present, weakref.ref(found)
        assert kept.combine(np.ones(kept.n)).shape == (D,)
        del found
        assert held() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("copies", [0, 1, 3])
def test_equal_last_rows_are_formed_once_and_copied(copies):
    rows = np.random.default_rng(0).standard_normal((4, D)).astype(np.float32)
    mixing = np.vstack([np.eye(4), *[np.full((1, 4), 0.25)] * (copies + 1)])
    value = cohort(rows).mixed(
        mixing, clients=tuple((f"m{i}",) for i in range(len(mixing))), weights=np.ones(len(mixing))
    )
    lent = np.full((len(mixing) + 1, D), 7.0, np.float32)
    assert np.allclose(value.formed(lent).updates, mixing @ rows, atol=1e-6)
    assert np.array_equal(value.formed(lent).updates[-1], value.formed(lent).updates[4])


def test_rows_made_of_nothing_are_zero_in_lent_memory_too():
    value = cohort(np.ones((2, D))).mixed(np.zeros((2, 2)))
    assert not value.formed(np.full((2, D), 7.0, np.float32)).updates.any()


def test_chosen_rows_are_not_copied_until_they_are_read():
    value = cohort(np.ones((N, D)))
    some = value.rows([0, 2])
    some.combine(np.ones(2))
    assert "updates" not in some.__dict__


def test_geometry_of_chosen_rows_ignores_what_others_hold():
    rows = np.ones((3, 4), np.float32)
    rows[1] = np.nan
    assert cohort(rows).rows([0, 2]).squared_distances.sum() == 0


def test_probes_stay_with_chosen_rows_and_end_with_mixed_ones():
    value = cohort(np.ones((3, 2)), probes={"losses": [1.0, 2.0, 3.0]})
    assert value.rows([2, 0]).probes["losses"].tolist() == [3.0, 1.0]
    assert value.mixed(np.eye(3)).probes == value.shifted(np.ones(2)).probes == {}


@pytest.mark.parametrize("kind", KINDS)
def test_replacing_a_field_gives_a_plain_cohort_of_the_same_rows(kind):
    found, exact = derived(kind, 5)
    again = replace(found, model=np.ones(D, np.float32))
    assert type(again) is Cohort
    assert again.model.sum() == D
    assert np.allclose(again.updates, exact, atol=1e-4)


def test_a_matrix_of_another_size_is_refused():
    with pytest.raises(ConfigurationError):
        cohort(np.ones((3, 2))).mixed(np.eye(2))
