"""One client's update behind its own noise."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import kstest, norm

from mithridate.core.errors import ConfigurationError
from mithridate.privacy.events import Gaussian
from mithridate.privacy.mechanism import ClippedGaussian, simulated_noise, system_noise

MODEL = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "steps": np.array(7), "b": np.ones(2, np.float16)}
any_float32 = hnp.arrays(np.float32, st.integers(1, 20), elements=st.floats(width=32))
sane_float32 = hnp.arrays(
    np.float32, st.integers(1, 20), elements=st.floats(-(2.0**60), 2.0**60, width=32, allow_nan=False)
)
clips = st.floats(1e-6, 1e6)
sigmas = st.floats(0.01, 1e4)


def silent(size):
    """No noise: what is left is what noise is added to."""
    return np.zeros(size)


@given(update=any_float32, clip=clips, sigma=sigmas)
def test_no_update_comes_out_longer_than_the_clip(update, clip, sigma):
    with np.errstate(over="ignore"):
        cut = ClippedGaussian(clip, sigma).perturb(update, silent).update
    assert math.fsum(float(x) ** 2 for x in cut) <= clip**2


@given(update=sane_float32, clip=clips, sigma=st.floats(0.01, 10))
def test_a_short_update_is_kept_and_a_long_one_keeps_its_direction(update, clip, sigma):
    mechanism = ClippedGaussian(clip, sigma)
    length = math.sqrt(math.fsum(float(x) ** 2 for x in update))
    expected = update.astype(float) * min(1.0, clip / length if length else 1.0)
    cut, norm_before = mechanism.perturb(update, silent)
    assert np.abs(cut - expected).max() <= mechanism.step * 1.01 + 1e-9 * clip
    assert norm_before == pytest.approx(length)


@given(one=any_float32, sigma=sigmas, data=st.data())
def test_two_updates_whatever_are_at_most_two_clips_apart(one, sigma, data):
    other = data.draw(hnp.arrays(np.float32, one.shape, elements=st.floats(width=32)))
    mechanism = ClippedGaussian(2.0, sigma)
    noise = np.random.default_rng(0).standard_normal(one.size)
    a, b = (mechanism.perturb(update, lambda size: noise).update for update in (one, other))
    assert np.linalg.norm(a - b) <= 2 * 2.0
    assert mechanism.event() == Gaussian(sigma / 2)


@given(update=sane_float32, sigma=sigmas, clip=clips, seed=st.integers(0, 1000))
def test_every_released_number_lies_on_the_same_lattice(update, sigma, clip, seed):
    mechanism = ClippedGaussian(clip, sigma)
    found = mechanism.perturb(update, simulated_noise(np.random.default_rng(seed))).update
    steps = found / mechanism.step
    assert math.frexp(mechanism.step)[0] == 0.5
    assert 2.0**24 <= mechanism.std / mechanism.step < 2.0**25
    assert np.array_equal(steps, np.rint(steps))
    assert np.abs(steps).max() < 2.0**53


def test_clipping_by_hand():
    # (30, 40) is 50 long: cut to 1 it is (0.6, 0.8); sigma C = 4, so the noise (0.5, -1) adds (2, -4).
    found = ClippedGaussian(1.0, 4.0).perturb(np.array([30.0, 40.0]), lambda size: np.array([0.5, -1.0])).update
    assert found == pytest.approx([2.6, -3.2], abs=1e-6)


@pytest.mark.parametrize(
    "update", [[np.nan, 1.0], [np.inf, 1.0], [-np.inf, np.inf], [2.0**500, 1.0], [1e308, 1e308]], ids=str
)
def test_what_is_no_number_counts_as_zero_and_gets_the_same_noise(update):
    mechanism = ClippedGaussian(1.0, 4.0)
    noise = np.array([0.25, -0.5])
    found = mechanism.perturb(np.array(update), lambda size: noise)
    nothing = mechanism.perturb(np.zeros(2), lambda size: noise)
    assert np.array_equal(found.update, nothing.update)
    assert math.isnan(found.secret_norm)


def test_a_zero_update_is_noise_alone_and_as_strong_as_ever():
    found, length = ClippedGaussian(0.5, 3.0).perturb(np.zeros(40_000, np.float32))
    assert length == 0.0
    assert kstest(found / 1.5, norm.cdf).pvalue > 1e-6


def test_tiny_numbers_divide_by_nothing():
    for tiny in (5e-324, 1e-300, np.float32(1e-45)):
        found, _ = ClippedGaussian().perturb(np.array([tiny, 0.0]), silent)
        assert np.array_equal(found, [0.0, 0.0])


@pytest.mark.parametrize("size", [1, 3, (1 << 20) + 5])
def test_the_noise_of_the_system_is_normal_and_never_the_same(size):
    one, other = system_noise(size), system_noise(size)
    assert one.shape == (size,) and not np.array_equal(one, other)
    assert np.isfinite(one).all() and np.abs(one).max() < 9.43
    if size > 1000:
        assert kstest(one[:200_000], norm.cdf).pvalue > 1e-6
        assert abs(np.corrcoef(one[:-1], one[1:])[0, 1]) < 6 / math.sqrt(size)
        assert abs((one**4).mean() - 3) < 0.1


def test_the_noise_of_the_system_takes_every_bit_it_can_get(monkeypatch):
    bits = {"least": b"\0", "most": b"\xff"}
    for name, byte in bits.items():
        monkeypatch.setattr("os.urandom", lambda size, byte=byte: byte * size)
        assert np.isfinite(system_noise(4)).all(), name
    monkeypatch.setattr("os.urandom", lambda size: b"\0" * size)
    assert system_noise(1)[0] == pytest.approx(math.sqrt(2 * 64 * math.log(2)))


def test_noise_of_a_seed_comes_again_and_says_that_it_protects_nobody():
    update = np.ones(5)
    one, other = (ClippedGaussian().perturb(update, simulated_noise(np.random.default_rng(3))).update for _ in "ab")
    assert np.array_equal(one, other)
    assert "protects nobody" in inspect.getdoc(simulated_noise)


@pytest.mark.parametrize("drawn", [np.zeros(3), np.array([np.nan, 0.0]), np.zeros((2, 1)), np.array([np.inf, 0.0])])
def test_noise_that_is_none_is_refused(drawn):
    with pytest.raises(ConfigurationError, match="as many finite numbers"):
        ClippedGaussian().perturb(np.ones(2), lambda size: drawn)


@pytest.mark.parametrize("update", [np.ones(2, int), np.ones((2, 2)), np.ones(2, bool), np.ones(2, complex)])
def test_only_a_vector_of_floats_is_an_update(update):
    with pytest.raises(ConfigurationError, match="vector of floats"):
        ClippedGaussian().perturb(update)


@pytest.mark.parametrize("field", ["clip", "noise_multiplier"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), True, "1"])
def test_a_mechanism_without_noise_or_clip_cannot_be_built(field, value):
    with pytest.raises(ConfigurationError, match=field):
        ClippedGaussian(**{field: value})


def test_counting_samples_has_no_part_in_it():
    names = set(inspect.signature(ClippedGaussian.release).parameters) | set(
        inspect.signature(ClippedGaussian.perturb).parameters
    )
    assert names == {"self", "sent", "trained", "noise", "update"}


def moved(by):
    """The model after training, counters included."""
    return {n: a + by if a.dtype.kind == "f" else a + 5 for n, a in MODEL.items()}


def test_a_reply_has_the_names_shapes_and_dtypes_of_what_was_sent():
    reply = ClippedGaussian(1.0, 0.5).release(MODEL, moved(np.float16(0.1))).arrays
    assert [(n, a.shape, a.dtype) for n, a in reply.items()] == [(n, a.shape, a.dtype) for n, a in MODEL.items()]
    assert all(np.isfinite(a).all() for a in reply.values())


def test_integers_are_not_released():
    assert ClippedGaussian().release(MODEL, moved(np.float16(0.1))).arrays["steps"] == MODEL["steps"]


def test_all_arrays_share_one_clip():
    # 8 coordinates moved by 1: sqrt(8) long, so each keeps C / sqrt(8) = 0.353553.
    reply, length = ClippedGaussian(1.0, 0.01).release(MODEL, moved(np.float16(1)), silent)
    assert length == pytest.approx(math.sqrt(8))
    assert reply["w"] - MODEL["w"] == pytest.approx(np.full((2, 3), 0.353553), abs=1e-6)
    assert reply["b"] - MODEL["b"] == pytest.approx(np.full(2, 0.353553), abs=1e-3)


def test_what_training_ruined_goes_out_as_noise_alone():
    broken = {**MODEL, "w": np.full((2, 3), np.nan, np.float32)}
    reply, length = ClippedGaussian(1.0, 0.5).release(MODEL, broken, silent)
    assert math.isnan(length)
    assert all(np.array_equal(reply[name], MODEL[name]) for name in MODEL)


def test_noise_beyond_the_dtype_ends_at_its_largest_number():
    sent = {"h": np.zeros(2, np.float16)}
    reply = ClippedGaussian(1e6, 1.0).release(sent, sent, lambda size: np.array([5.0, -5.0])).arrays
    assert reply["h"].tolist() == [65504.0, -65504.0]


def test_a_difference_of_float32_numbers_is_not_rounded_before_the_noise():
    sent = {"w": np.array([2.0**24], np.float32)}
    trained = {"w": np.array([2.0**24 + 2], np.float32)}
    assert ClippedGaussian(10.0, 0.01).release(sent, trained, silent).secret_norm == 2.0


@pytest.mark.parametrize(
    "trained",
    [
        {},
        {**MODEL, "w": np.zeros((3, 2), np.float32)},
        {**MODEL, "steps": np.array(7.0)},
        dict(reversed(MODEL.items())),
        {**MODEL, "more": np.zeros(1)},
    ],
    ids=["missing", "shape", "kind", "order", "more"],
)
def test_arrays_that_do_not_belong_together_are_refused(trained):
    with pytest.raises(ConfigurationError, match="names, order, shapes and kinds"):
        ClippedGaussian().release(MODEL, trained)


def test_the_noise_has_the_promised_standard_deviation_whatever_the_update():
    rng = np.random.default_rng(5)
    for scale in (0.0, 1e-3, 1e6):
        update = rng.standard_normal(60_000) * scale
        mechanism = ClippedGaussian(2.0, 3.0)
        found = mechanism.perturb(update).update - mechanism.perturb(update, silent).update
        assert found.std() == pytest.approx(6.0, rel=0.02)


def test_the_privacy_loss_seen_stays_within_the_promise():
    # The worst pair: C and -C along one axis. Released numbers above 0 tell them apart; for the event Gaussian(sigma / 2),
    # so mu = 2 / sigma, the best test of two Gaussians is right with probability Phi(mu / 2).
    sigma, many = 1.5, 40_000
    rng = np.random.default_rng(11)
    noise = simulated_noise(rng)
    mechanism = ClippedGaussian(1.0, sigma)
    right = sum(
        (mechanism.perturb(np.array([sign * 9.0]), noise).update[0] * sign > 0)
        for sign in (1, -1)
        for _ in range(many // 2)
    )
    assert right / many == pytest.approx(norm.cdf(1 / sigma), abs=4 * 0.5 / math.sqrt(many))
