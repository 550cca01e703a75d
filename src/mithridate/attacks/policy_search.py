"""A policy that is learnt by trying: a linear map from a state to an action, and the cross-entropy search for a good one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["Lesson", "acted", "learnt"]

_WIDTH, _NARROWEST, _ELITE = (1.0, 0.3), 0.1, 3


class Lesson(NamedTuple):
    """What a search came to.

    weights: The best policy that was tried.
    before, after: What the first policy earned, and what this one earns, in the same rehearsal.
    """

    weights: np.ndarray
    before: float
    after: float


def acted(weights: np.ndarray, state: np.ndarray) -> np.ndarray:
    """(a,) in [-1, 1], what a policy does in a state: tanh(W s), with W (a, s).

    >>> acted(np.array([[0.0, 0.0], [2.0, -1.0]]), np.array([1.0, 2.0]))
    array([0., 0.])
    """
    return np.asarray(np.tanh(weights @ state))


def learnt(
    earned: Callable[[np.ndarray], float],
    weights: np.ndarray,
    rng: np.random.Generator,
    *,
    generations: int,
    population: int,
) -> Lesson:
    """The best policy that a cross-entropy search finds from here; never one that earns less than the first.

    Each generation draws `population` policies from a normal distribution about the last generation's elite, a third of the
    population; their mean and spread are those of the next one. The search begins wider in the first column, which is what a
    policy does whatever the state, as long as a state begins with 1. `earned` must give the same policy the same.

    From: Rubinstein 1999; de Boer et al., "A tutorial on the cross-entropy method", 2005.

    >>> rng = np.random.default_rng(0)
    >>> found = learnt(lambda w: -abs(float(w[0, 0]) - 2), np.zeros((1, 1)), rng, generations=9, population=12)
    >>> bool(abs(found.weights[0, 0] - 2) < 0.1), found.before
    (True, -2.0)
    """
    mean, spread = np.array(weights, np.float64), np.full(weights.shape, _WIDTH[1])
    spread[:, 0] = _WIDTH[0]
    before = best = earned(mean)
    chosen = mean
    for _ in range(generations):
        tried = mean + spread * rng.standard_normal((population, *mean.shape))
        values = np.array([earned(each) for each in tried])
        order = np.argsort(-values, kind="stable")
        if values[order[0]] > best:
            best, chosen = float(values[order[0]]), tried[order[0]]
        elite = tried[order[: max(2, population // _ELITE)]]
        mean, spread = elite.mean(axis=0), np.maximum(elite.std(axis=0), _NARROWEST)
    return Lesson(np.array(chosen), float(before), float(best))
