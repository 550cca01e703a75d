"""The metrics that clients report about themselves: claims, of which one honest-looking number per name is passed on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mithridate.guard.policy import Metrics

__all__ = ["Claims", "agreed", "claims_of", "weighted_median"]

_MOST = 256
_LONGEST_NAME = 128


@dataclass(frozen=True)
class Claims:
    """What one client claims: finite numbers by name, and the names of what was turned away."""

    numbers: Mapping[str, float]
    odd: tuple[str, ...] = ()


def claims_of(records: Mapping[str, Any]) -> Claims:
    """The finite plain numbers among the metrics of a reply; lists, NaN, Inf and overlong names are turned away.

    Args:
        records: Its metric records.
    """
    numbers: dict[str, float] = {}
    odd: list[str] = []
    for record in records.values():
        for name, value in record.items():
            plain = (
                type(value) in (int, float)
                and len(name) <= _LONGEST_NAME
                and name.isprintable()
                and name not in numbers
            )
            if not plain or len(numbers) >= _MOST or not _finite(value):
                odd.append(name[:_LONGEST_NAME])
            else:
                numbers[name] = float(value)
    return Claims(numbers, tuple(odd[:_MOST]))


def agreed(claims: Sequence[Claims], weights: Sequence[float], how: Metrics) -> dict[str, float]:
    """One number per name: the weighted median (or mean) of those who claim it.

    A name counts if it is allowed or, where no names are given, if more than half of the clients claim it: what one client adds
    changes nothing, and what one leaves out does not stop the others.

    Args:
        claims: Of each client.
        weights: Of each client; >= 0.
        how: Which names, and median or mean.

    >>> honest, liar = Claims({"loss": 1.0}), Claims({"loss": 1e30, "evil": 1.0})
    >>> agreed([honest, honest, liar], [1, 1, 1], Metrics())
    {'loss': 1.0}
    """
    votes = Counter(name for claim in claims for name in claim.numbers)
    names = how.allow or sorted(name for name, count in votes.items() if 2 * count > len(claims))
    found = {}
    for name in names:
        if name == how.examples_key:
            continue
        known = [
            (claim.numbers[name], weight)
            for claim, weight in zip(claims, weights, strict=True)
            if name in claim.numbers
        ]
        if known:
            values, shares = np.array([value for value, _ in known]), np.array([share for _, share in known], float)
            if not shares.sum() > 0:
                shares = np.ones(len(known))
            mean = how.aggregate == "mean"
            found[name] = float(np.average(values, weights=shares)) if mean else weighted_median(values, shares)
    return found


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """The smallest value up to which lies at least half of the weight.

    >>> weighted_median(np.array([3., 1., 2.]), np.array([1., 1., 3.]))
    2.0
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])


def _finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False
