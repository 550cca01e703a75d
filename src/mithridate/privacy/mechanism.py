"""The clipped Gaussian mechanism: one client's update leaves it only behind noise of the client's own."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mithridate.core.errors import ConfigurationError
from mithridate.core.layout import Layout
from mithridate.core.protocols import fits
from mithridate.privacy.events import Gaussian

__all__ = ["ClippedGaussian", "Noise", "Perturbed", "Released", "simulated_noise", "system_noise"]

Noise = Callable[[int], np.ndarray]
"""Gives that many independent standard normal numbers in float64."""

_BLOCK = 1 << 20
_LARGEST = 2.0**500
_STEPS = 24
"""The lattice has 2^24 to 2^25 steps per standard deviation of the noise."""


def system_noise(size: int) -> np.ndarray:
    """Standard normal numbers from the operating system's cryptographic generator: the noise that protects.

    Every number is made of its own 128 random bits (Box-Muller), so there is no seed to leak and no state to share between
    processes. Numbers beyond 9.42 do not occur; a true normal number is beyond with probability 4.6e-21.

    >>> bool(abs(system_noise(10_000).std() - 1) < 0.1)
    True
    """
    numbers = np.empty(size)
    for start in range(0, size, _BLOCK):
        part = numbers[start : start + _BLOCK]
        bits = np.frombuffer(os.urandom(16 * part.size), np.uint64).reshape(2, part.size)
        uniform = (bits[0].astype(np.float64) + 1.0) * 2.0**-64  # in (0, 1]
        angle = bits[1].astype(np.float64) * (2.0**-64 * 2.0 * math.pi)
        part[:] = np.sqrt(-2.0 * np.log(uniform)) * np.cos(angle)
    return numbers


def simulated_noise(rng: np.random.Generator) -> Noise:
    """Noise of a seeded generator, for experiments that must come out the same twice. It protects nobody: who knows the seed
    takes the noise off again, and numpy's generators are not made to hide theirs.

    >>> simulated_noise(np.random.default_rng(1))(2)
    array([0.34558419, 0.82161814])
    """
    return lambda size: rng.standard_normal(size)


class Perturbed(NamedTuple):
    """A perturbed update, and what only the client itself may know."""

    update: np.ndarray
    """(d,) float64, to be sent."""
    secret_norm: float
    """Norm before clipping; NaN where the update held no sane numbers. Never to leave the client, no log of the server's."""


class Released(NamedTuple):
    """A perturbed reply, and what only the client itself may know."""

    arrays: dict[str, np.ndarray]
    """To be sent."""
    secret_norm: float


@dataclass(frozen=True)
class ClippedGaussian:
    """Shorten one client's update to norm C and add noise to every coordinate: M(u) = u min(1, C / ‖u‖) + N(0, (sigma C)² I).

    What it protects, exactly. Unit: everything that the client's reply was computed from, its whole local data set. Neighbours:
    any two data sets whatever of one client (replace-one of the data set, local differential privacy). Two clipped updates are up
    to 2 C apart, so the L2 sensitivity is 2 C, and the event is a Gaussian with noise multiplier sigma C / (2 C) = sigma / 2. One
    sample or one patient of the client is protected as a part of that, with the same epsilon: without clipping sample by sample
    inside the training nothing better can be said of them. Who took part is not hidden. Nobody but the client is trusted.

    Total, whatever the training did: an update with NaN, Inf or numbers beyond 2^500 counts as the zero update and is
    released behind the same noise, since an error message would tell the server of the data. A zero update is noise alone.

    Lattice: the clipped update is cut towards zero to multiples of a step g (a power of two, 2^-25 to 2^-24 of the noise's
    standard deviation), which never lengthens it; the noise is rounded to multiples of g; both add up without rounding. So no
    low-order bit of the sum tells the update (Mironov 2012), as it does where a float is added to a float. Only then the result
    is rounded to the dtype of the model, which is post-processing.

    Weights: there are none, so `num-examples` cannot change the sensitivity. But the count is itself computed from the data: a
    client sends a public constant in its place. So do metrics leave past the noise: send none.

    Args:
        clip: C; (0, 2^40], at least 2^-40.
        noise_multiplier: sigma, standard deviation of the noise per C; [0.002, 1e6].
    Cost: O(d): 0.1 to 0.3 s per million coordinates, about 50 bytes each at the peak.
    From: Dwork, Roth 2014, appendix A (Gaussian mechanism); Balle, Wang, ICML 2018, arXiv:1805.06530 (exact epsilon for every
        sigma); Mironov, CCS 2012 (floating point).
    Differs: Flower's LocalDpMod takes the sensitivity as an argument and the classical formula, which holds for epsilon < 1
        only. `min(1, C / ‖u‖)` of a NaN is 1 in many codes: the clip is off.
    Weak against: the dimension. The mean of n such updates carries noise of norm sigma C sqrt(d / n): n = 100, d = 10,000,
        sigma = 1 gives 10 C where the signal is at most C. How long it took to train and to clip is not hidden, neither is an
        exact sampler claimed: rounding a float64 normal number to the lattice stands in for it.

    >>> mechanism = ClippedGaussian(clip=1.0, noise_multiplier=4.0)
    >>> mechanism.event()
    Gaussian(noise_multiplier=2.0)
    >>> mechanism.perturb(np.array([30.0, 40.0]), lambda size: np.array([0.5, -1.0])).update
    array([ 2.5999999 , -3.20000005])
    """

    clip: float = 1.0
    noise_multiplier: float = 4.0

    def __post_init__(self) -> None:
        fits(self.clip, 2.0**-40, 2.0**40, "clip")
        fits(self.noise_multiplier, 0.002, 1e6, "noise_multiplier")

    @property
    def std(self) -> float:
        """Standard deviation of the noise on every coordinate, sigma C."""
        return float(self.noise_multiplier) * float(self.clip)

    @property
    def step(self) -> float:
        """The lattice's step g, a power of two."""
        return float(2.0 ** (math.floor(math.log2(self.std)) - _STEPS))

    def event(self) -> Gaussian:
        """What one release costs, for any two data sets of one client: sensitivity 2 C."""
        return Gaussian(float(self.noise_multiplier) / 2.0)

    def perturb(self, update: np.ndarray, noise: Noise = system_noise) -> Perturbed:
        """One update behind noise. It costs `event()` each time: spend that first (`release.release`)."""
        update = np.asarray(update)
        if update.ndim != 1 or update.dtype.kind != "f":
            raise ConfigurationError(f"an update is a vector of floats, not {update.dtype} of shape {update.shape}")
        shortened, norm = self._clipped(update.astype(np.float64))
        drawn = np.asarray(noise(update.size), np.float64)
        if drawn.shape != update.shape or not np.isfinite(drawn).all():
            raise ConfigurationError("the noise must be as many finite numbers as were asked for")
        drawn = np.rint(drawn * (self.std / self.step))
        drawn += np.trunc(shortened / self.step)
        return Perturbed(drawn * self.step, norm)

    def release(
        self, sent: Mapping[str, np.ndarray], trained: Mapping[str, np.ndarray], noise: Noise = system_noise
    ) -> Released:
        """The reply of a client that got the arrays `sent` and made `trained` of them: `sent` plus the perturbed difference.

        All floating-point arrays are one vector with one norm, buffers included (BatchNorm's running variance may come out
        negative: take GroupNorm). Integer arrays are not released: the reply holds what was sent, since a step counter tells how
        many samples there are. What exceeds the dtype of the model ends at its largest number.

        Raises:
            ConfigurationError: `trained` has other names, shapes or kinds than `sent`.
        """
        layout = Layout.of(sent)
        if [(n, a.shape, a.dtype.kind) for n, a in trained.items()] != [
            (n, a.shape, a.dtype.kind) for n, a in sent.items()
        ]:
            raise ConfigurationError("the trained arrays must have the names, order, shapes and kinds of those sent")
        origin, reached = (_flat(layout, arrays) for arrays in (sent, trained))
        with np.errstate(over="ignore", invalid="ignore"):  # what is no number becomes the zero update
            perturbed = self.perturb(reached - origin, noise)
        arrays, start = {}, 0
        for entry in layout.entries:
            if not entry.floating:
                arrays[entry.name] = np.array(sent[entry.name])
                continue
            place = slice(start, start := start + entry.size)
            most = float(np.finfo(entry.dtype).max)
            values = np.clip(origin[place] + perturbed.update[place], -most, most)
            arrays[entry.name] = values.reshape(entry.shape).astype(entry.dtype)
        return Released(arrays, perturbed.secret_norm)

    def _clipped(self, update: np.ndarray) -> tuple[np.ndarray, float]:
        """The update, no longer than C, and its norm before; zeros and NaN where it holds no sane numbers."""
        largest = float(np.max(np.abs(update), initial=0.0))
        if not largest < _LARGEST:  # NaN included
            return np.zeros_like(update), math.nan
        norm = math.sqrt(float(np.dot(update, update)))
        # What summing d squares may lose is kept off C, so that no rounding carries an update beyond it.
        most = self.clip * (1.0 - (update.size + 8) * 2.0**-52)
        return (update * (most / norm) if norm > most else update), norm


def _flat(layout: Layout, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The floating-point arrays, end to end, in float64: a difference of float32 numbers must not be rounded before the noise."""
    parts = [np.asarray(arrays[entry.name], np.float64).reshape(-1) for entry in layout.entries if entry.floating]
    return np.concatenate(parts)
