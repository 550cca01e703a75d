"""Minimum diameter averaging: the tightest n - f rows, found exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mithridate.core.card import Card
from mithridate.core.cohort import Cohort
from mithridate.core.protocols import Linear, at_least, fits

__all__ = ["MinDiameter"]


@dataclass(frozen=True)
class MinDiameter(Linear):
    """The mean of the n - f rows whose largest mutual distance is least.

    Searched exactly, without enumerating C(n, f) subsets: for a diameter D, n - f rows within D of each other exist exactly
    when the graph of pairs farther apart than D can be covered by f rows. The least such D is found by bisection over the
    n (n - 1)/2 distances; each question is a bounded vertex cover, pruned by degrees. Of several subsets of that diameter
    the search drops first the rows with the largest sum of distances.

    Args:
        f: Rows that may lie; needs n >= 2 f + 1.
    Raises:
        UnmetPrecondition: n is smaller.
    Cost: one Gram pass, O(n² d); the search is exponential in f in the worst case, at most O(1.5^f n log n) nodes.
    From: El Mhamdi et al., ICML 2018, arXiv:1802.07927, section 3.1; 2-approximation and exact bounds in arXiv:2312.12835.
    Differs: peers enumerate all subsets; krum recomputes the distances for each.
    Weak against: Alie, Mimic.

    >>> from mithridate.testing import cohort
    >>> MinDiameter(f=1)(cohort([[0.], [1.], [2.], [9.]])).delta
    array([1.], dtype=float32)
    """

    f: int
    card: ClassVar[Card] = Card(
        "min-diameter",
        "rule",
        "mean of the n - f rows that lie closest together",
        "El Mhamdi et al., ICML 2018, arXiv:1802.07927",
        knows="omniscient",
        bears="n >= 2 f + 1",
        cost="one Gram pass, O(n² d), and a search exponential in f",
        weak=("alie", "mimic"),
    )

    def __post_init__(self) -> None:
        fits(self.f, 0, math.inf, "f", whole=True)

    def share(self, cohort: Cohort) -> np.ndarray:
        n = cohort.n
        at_least(n, 2 * self.f + 1, str(self), "2 f + 1")
        squared = cohort.squared_distances
        order = cohort.ranked(-squared.sum(axis=1))  # a numbering by content: the search must not depend on position
        dropped = order[list(_tightest(squared[np.ix_(order, order)], self.f))]
        share = np.full(n, 1 / (n - self.f))
        share[dropped] = 0.0
        return share


def _tightest(squared: np.ndarray, f: int) -> tuple[int, ...]:
    """Exactly f rows whose removal leaves the least largest distance; rows are preferred in their order."""
    n = squared.shape[0]
    diameters = np.unique(squared[np.triu_indices(n, 1)])
    low, high, best = 0, len(diameters) - 1, _filled((), f)
    while low <= high:
        middle = (low + high) // 2
        far = np.packbits(squared > diameters[middle], axis=1, bitorder="little")
        cover = _cover([int.from_bytes(row.tobytes(), "little") for row in far], f)
        if cover is None:
            low = middle + 1
        else:
            best, high = _filled(cover, f), middle - 1
    return best


def _filled(cover: tuple[int, ...], f: int) -> tuple[int, ...]:
    """A cover made up to exactly f rows with the first rows that are not in it."""
    rest = (row for row in range(2 * f + 1) if row not in cover)
    return tuple(sorted(cover + tuple(row for row, _ in zip(rest, range(f - len(cover)), strict=False))))


def _cover(graph: list[int], budget: int) -> tuple[int, ...] | None:
    """At most `budget` vertices that touch every edge, or None. `graph[i]` holds i's neighbours as bits.

    A vertex with more neighbours than the budget must be in the cover; a graph whose edges outnumber budget x largest degree
    has none; otherwise branch on the vertex of largest degree: it is in, or all its neighbours are.
    """
    degrees = [neighbours.bit_count() for neighbours in graph]
    largest = max(degrees, default=0)
    if largest == 0:
        return ()
    if sum(degrees) > 2 * budget * largest:
        return None
    pivot = degrees.index(largest)
    with_pivot = _cover(_without(graph, 1 << pivot), budget - 1)
    if with_pivot is not None:
        return (pivot, *with_pivot)
    if largest > budget:
        return None
    around = graph[pivot]
    with_others = _cover(_without(graph, around), budget - largest)
    if with_others is None:
        return None
    return (*(row for row in range(len(graph)) if around >> row & 1), *with_others)


def _without(graph: list[int], gone: int) -> list[int]:
    return [0 if gone >> row & 1 else neighbours & ~gone for row, neighbours in enumerate(graph)]
