"""What releases cost, against closed forms and printed numbers."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.stats import norm

from mithridate.core.errors import ConfigurationError, PrivacyError, UnknownName
from mithridate.privacy import accountant
from mithridate.privacy.accountant import METHODS, epsilon, noise_multiplier_for, repetitions_left
from mithridate.privacy.events import Gaussian, PoissonSampled, Repeated

each = pytest.mark.parametrize("method", METHODS)


def delta_of_gaussian(mu, eps):
    """Balle and Wang 2018, theorem 8: Phi(mu/2 - eps/mu) - e^eps Phi(-mu/2 - eps/mu), to 50 digits."""
    with mpmath.workdps(50):
        mu, eps = mpmath.mpf(mu), mpmath.mpf(eps)
        return float(mpmath.ncdf(mu / 2 - eps / mu) - mpmath.exp(eps) * mpmath.ncdf(-mu / 2 - eps / mu))


def epsilon_of_gaussian(mu, delta):
    """Its inverse, by halving."""
    low, high = 0.0, mu**2 + 20 * mu + 1
    if delta_of_gaussian(mu, 0.0) <= delta:
        return 0.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if delta_of_gaussian(mu, middle) > delta else (low, middle)
    return high


@pytest.mark.parametrize("mu", [0.01, 0.1, 0.5, 1.0, 3.0, 10.0, 40.0])
@pytest.mark.parametrize("delta", [1e-3, 1e-5, 1e-9])
def test_one_gaussian_costs_what_the_closed_form_says(mu, delta):
    exact, found = epsilon_of_gaussian(mu, delta), epsilon([Gaussian(1 / mu)], delta)
    assert exact * (1 - 1e-6) <= found <= exact * 1.002 + 1e-4
    assert exact <= epsilon([Gaussian(1 / mu)], delta, "rdp")


@pytest.mark.parametrize("noise", [0.05, 0.5, 2.0, 10.0, 100.0])
def test_by_renyi_a_gaussian_costs_up_to_a_fifth_more(noise):
    assert 1.03 <= epsilon([Gaussian(noise)], 1e-5, "rdp") / epsilon_of_gaussian(1 / noise, 1e-5) <= 1.2


def test_one_gaussian_by_hand():
    # mu = 1, eps = 1: Phi(-1/2) - e Phi(-3/2) = 0.308538 - 2.718282 * 0.066807 = 0.126936
    assert delta_of_gaussian(1.0, 1.0) == pytest.approx(0.126936, abs=1e-6)
    assert epsilon([Gaussian(1.0)], 0.126936) == pytest.approx(1.0, abs=1e-4)


@settings(max_examples=15)
@given(noises=st.lists(st.floats(0.5, 50), min_size=1, max_size=5))
def test_gaussians_compose_like_the_root_of_the_sum_of_squares(noises):
    mu = math.sqrt(sum(z**-2 for z in noises))
    found = epsilon(map(Gaussian, noises), 1e-5)
    assert found == pytest.approx(epsilon_of_gaussian(mu, 1e-5), rel=1e-3, abs=1e-4)


@settings(max_examples=10)
@given(noise=st.floats(0.5, 50), more=st.floats(0.5, 50))
def test_more_releases_cost_more_and_their_order_nothing(noise, more):
    both = epsilon([Gaussian(noise), Gaussian(more)], 1e-5)
    assert both == epsilon([Gaussian(more), Gaussian(noise)], 1e-5)
    assert both >= max(epsilon([Gaussian(noise)], 1e-5), epsilon([Gaussian(more)], 1e-5)) - 1e-4


@each
def test_nothing_released_costs_nothing(method):
    assert epsilon([], 1e-5, method) == 0.0
    assert epsilon([Repeated(Gaussian(1.0), 0), Repeated(PoissonSampled(0.1, Gaussian(1.0)), 0)], 1e-5, method) == 0.0


@each
def test_repeating_is_writing_down_again_and_again(method):
    for event in (Gaussian(3.0), PoissonSampled(0.2, Gaussian(1.0))):
        assert epsilon([Repeated(event, 4)], 1e-5, method) == pytest.approx(
            epsilon([event] * 4, 1e-5, method), rel=1e-9
        )


def delta_of_sampled(q, z, eps):
    """One Poisson-sampled Gaussian: the worse of E_eps(P||Q) and E_eps(Q||P), P = (1-q) N(0, z²) + q N(1, z²), Q = N(0, z²)."""
    x = np.linspace(-12 * z, 1 + 12 * z, 2_000_001)
    p, other = (1 - q) * norm.pdf(x, 0, z) + q * norm.pdf(x, 1, z), norm.pdf(x, 0, z)
    return max(trapezoid(np.maximum(0, a - math.exp(eps) * b), x) for a, b in ((p, other), (other, p)))


@pytest.mark.parametrize(("q", "z", "eps"), [(0.1, 1.0, 0.3), (0.5, 2.0, 0.2)])
def test_one_sampled_gaussian_costs_what_integration_says(q, z, eps):
    delta = delta_of_sampled(q, z, eps)
    assert epsilon([PoissonSampled(q, Gaussian(z))], delta) == pytest.approx(eps, rel=2e-3)


@pytest.mark.parametrize(
    ("events", "printed"),
    [
        ([Repeated(Gaussian(14.1), 50)], 2.0),
        ([Repeated(Gaussian(28.2), 200)], 2.0),
        ([Repeated(Gaussian(8.49), 200)], 8.0),
        ([Repeated(PoissonSampled(0.1, Gaussian(3.01)), 200)], 2.0),
        ([Repeated(PoissonSampled(0.1, Gaussian(1.13)), 200)], 8.0),
        ([Repeated(PoissonSampled(0.01, Gaussian(1.15)), 2000)], 2.0),
    ],
)
def test_noise_tables_of_central_privacy_are_met(events, printed):
    assert epsilon(events, 1e-5) == pytest.approx(printed, rel=5e-3)


def test_the_moments_accountant_is_an_upper_bound():
    # Abadi et al., CCS 2016, arXiv:1607.00133, section 3.2: q = 0.01, sigma = 4, 10,000 steps, delta = 1e-5 give 1.26;
    # conversions since found are tighter.
    events = [Repeated(PoissonSampled(0.01, Gaussian(4.0)), 10_000)]
    pld, rdp = epsilon(events, 1e-5), epsilon(events, 1e-5, "rdp")
    assert 0.9 < pld < rdp < 1.26


def test_all_taking_part_is_no_sampling():
    assert epsilon([PoissonSampled(1.0, Gaussian(2.0))], 1e-5) == pytest.approx(
        epsilon([Gaussian(2.0)], 1e-5), rel=1e-3
    )


@each
@pytest.mark.parametrize("stranger", ["gaussian", None, 3, Gaussian, {"gaussian": {"noise-multiplier": 2.0}}])
def test_an_unknown_event_raises(method, stranger):
    with pytest.raises(PrivacyError, match="no account for"):
        epsilon([Gaussian(5.0), stranger], 1e-5, method)


def test_no_noise_worth_the_name_is_infinitely_dear():
    assert epsilon([Repeated(Gaussian(0.01), 10)], 1e-5) == math.inf


@pytest.mark.parametrize("delta", [0, 1, -1e-5, 2, float("nan"), "1e-5"])
def test_a_delta_that_is_no_probability_is_refused(delta):
    with pytest.raises(ConfigurationError, match="delta"):
        epsilon([Gaussian(1.0)], delta)


def test_an_unknown_method_is_refused_by_name():
    with pytest.raises(UnknownName, match="did you mean 'pld'"):
        epsilon([], 1e-5, "pdl")  # type: ignore[arg-type]  # the wrong name is the test


@each
def test_what_is_left_is_the_last_count_that_fits(method):
    spent, event = [Gaussian(6.0)], Gaussian(10.0)
    left = repetitions_left(spent, event, 2.0, 1e-5, method)
    assert left > 0
    assert epsilon([*spent, Repeated(event, left)], 1e-5, method) <= 2.0
    assert epsilon([*spent, Repeated(event, left + 1)], 1e-5, method) > 2.0


def test_nothing_is_left_of_a_budget_that_one_release_exceeds():
    assert repetitions_left([], Gaussian(0.5), 1.0, 1e-5) == 0


@each
@pytest.mark.parametrize("rounds", [1, 20])
def test_the_noise_that_is_asked_for_is_enough_and_hardly_more(method, rounds):
    noise = noise_multiplier_for(3.0, 1e-6, rounds, method)
    assert epsilon([Repeated(Gaussian(noise), rounds)], 1e-6, method) <= 3.0 + 1e-9
    assert epsilon([Repeated(Gaussian(0.995 * noise), rounds)], 1e-6, method) > 3.0


def test_without_dp_accounting_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dp_accounting", None)
    with pytest.raises(ConfigurationError, match=r"mithridate\[privacy\]"):
        epsilon([Gaussian(1.0)], 1e-5)


def test_importing_the_room_does_not_import_dp_accounting():
    import subprocess
    import sys

    code = "import sys, mithridate.privacy; print('dp_accounting' in sys.modules, 'scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own interpreter and code
    assert done.stdout.split() == ["False", "False"]
    assert accountant.__doc__
