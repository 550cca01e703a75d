"""Krum, Multi-Krum and Bulyan: trust the rows that have many near neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mithridate.core.card import Card
from mithridate.core.cohort import Cohort
from mithridate.core.errors import UnmetPrecondition
from mithridate.core.kernels import column_mean_around_median, portions
from mithridate.core.protocols import Columnwise, Linear, at_least, fits

__all__ = ["Bulyan", "Krum", "MultiKrum"]


def _scores(squared_distances: np.ndarray, f: int) -> np.ndarray:
    """Sum of each row's n - f - 2 smallest squared distances to *other* rows."""
    n = squared_distances.shape[0]
    scores = np.empty(n)
    for rows in portions(n):
        some = squared_distances[rows]
        others = some[~np.eye(len(some), n, rows.start, dtype=bool)].reshape(len(some), n - 1)
        scores[rows] = np.sort(others, axis=1)[:, : max(n - f - 2, 0)].sum(axis=1)
    return scores


def _nearest(ascending: np.ndarray, f: int) -> np.ndarray:
    """The scores, from every row's squared distances to the others in rising order."""
    return np.asarray(ascending[:, : max(len(ascending) - f - 2, 0)].sum(axis=1))


@dataclass(frozen=True)
class Krum(Linear):
    """The one row with the least sum of squared distances to its n - f - 2 nearest neighbours.

    score_i = sum of the n - f - 2 smallest ‖u_i - u_j‖², j != i; the lowest wins, equal scores are settled by content.

    Args:
        f: Rows that may lie; needs n >= 2 f + 3.
    Raises:
        UnmetPrecondition: n is smaller.
    Cost: one Gram pass, O(n² d), shared through the cohort.
    From: Blanchard et al., NeurIPS 2017, arXiv:1703.02757, section 4.
    Differs: ByzFL and FLPoison use n - f - 1 neighbours, FLPoison and FedML distances that are not squared. Flower answers for
        any n, with one neighbour if need be; its newer code takes distances as ‖a‖² + ‖b‖² - 2 ab in the rows' precision,
        which cancels where whole models lie close together, so that it picks another row.
    Weak against: Alie, MinMax, and honest heterogeneity: it returns one client's update.

    >>> from mithridate.testing import cohort
    >>> Krum(f=1)(cohort([[0.], [1.], [2.], [4.], [6.]])).delta
    array([1.], dtype=float32)
    """

    f: int
    card: ClassVar[Card] = Card(
        "krum",
        "rule",
        "the one row whose n - f - 2 nearest neighbours are nearest",
        "Blanchard et al., NeurIPS 2017, arXiv:1703.02757",
        knows="omniscient",
        bears="n >= 2 f + 3",
        cost="one Gram pass, O(n² d)",
        weak=("alie", "min-max", "mimic"),
    )

    def __post_init__(self) -> None:
        fits(self.f, 0, math.inf, "f", whole=True)

    def share(self, cohort: Cohort) -> tuple[np.ndarray, np.ndarray]:
        at_least(cohort.n, 2 * self.f + 3, str(self), "2 f + 3")
        scores = _scores(cohort.squared_distances, self.f)
        return _equally(cohort.ranked(scores)[:1], cohort.n), scores


@dataclass(frozen=True)
class MultiKrum(Linear):
    """The mean of the m rows with the lowest Krum scores.

    Args:
        f: Rows that may lie; needs n >= 2 f + 3.
        m: Rows averaged, 1 <= m <= n - f; None means n - f.
    Raises:
        UnmetPrecondition: n is smaller, or m exceeds n - f.
    Cost: one Gram pass, O(n² d), shared through the cohort, and one combine.
    From: Blanchard et al., NeurIPS 2017, arXiv:1703.02757, section 5; proof for m = n - f in arXiv:2602.03899.
    Differs: Flower weighs the chosen rows by claimed examples, which a liar sets; FLPoison fixes m at 20 % of the rows.
    Weak against: Alie, MinMax.

    >>> from mithridate.testing import cohort
    >>> MultiKrum(f=1, m=2)(cohort([[0.], [1.], [2.2], [4.], [60.]])).delta
    array([1.6], dtype=float32)
    """

    f: int
    m: int | None = None
    card: ClassVar[Card] = Card(
        "multi-krum",
        "rule",
        "mean of the m rows with the lowest Krum scores",
        "Blanchard et al., NeurIPS 2017, arXiv:1703.02757",
        knows="omniscient",
        bears="n >= 2 f + 3",
        cost="one Gram pass, O(n² d)",
        weak=("alie", "min-max", "mimic"),
    )

    def __post_init__(self) -> None:
        fits(self.f, 0, math.inf, "f", whole=True)
        if self.m is not None:
            fits(self.m, 1, math.inf, "m", whole=True)

    def share(self, cohort: Cohort) -> tuple[np.ndarray, np.ndarray]:
        at_least(cohort.n, 2 * self.f + 3, str(self), "2 f + 3")
        m = cohort.n - self.f if self.m is None else self.m
        if m > cohort.n - self.f:
            raise UnmetPrecondition(f"{self} averages {m} rows, but at most n - f = {cohort.n - self.f} can be honest")
        scores = _scores(cohort.squared_distances, self.f)
        return _equally(cohort.ranked(scores)[:m], cohort.n), scores


@dataclass(frozen=True)
class Bulyan(Columnwise):
    """Krum picks theta = n - 2 f rows one by one; per coordinate, the theta - 2 f of them nearest the median are averaged.

    Each pick re-scores the rows that are left (r of them, r - f - 2 neighbours), and the picked row leaves the pool.

    Args:
        f: Rows that may lie; needs n >= 4 f + 3.
    Raises:
        UnmetPrecondition: n is smaller.
    Cost: one Gram pass, O(n² d), O(theta n²) for the picks, one sorting network over theta rows.
    From: El Mhamdi et al., ICML 2018, arXiv:1802.07927, section 4.
    Differs: the last picks have fewer than 2 f + 3 rows left, where Krum itself would refuse; as in the paper the picking goes
        on, with at least one neighbour. The authors' code stops at n - 2 f - 2 rows and averages differently; Flower's
        older code agrees, its newer picks all rows with one scoring; FLPoison indexes the shrunken array and returns duplicates.
    Weak against: Alie at the edge of its bound.

    >>> from mithridate.testing import cohort
    >>> Bulyan(f=1)(cohort([[1.], [10.], [11.], [12.], [30.], [40.], [900.]])).delta
    array([11.], dtype=float32)
    """

    f: int
    card: ClassVar[Card] = Card(
        "bulyan",
        "rule",
        "iterated Krum selection, then per coordinate the values nearest the median",
        "El Mhamdi et al., ICML 2018, arXiv:1802.07927",
        knows="omniscient",
        bears="n >= 4 f + 3",
        cost="one Gram pass, O(n² d + n³), and one sorting network",
        weak=("alie",),
    )

    def __post_init__(self) -> None:
        fits(self.f, 0, math.inf, "f", whole=True)

    def selected(self, cohort: Cohort) -> np.ndarray:
        """The theta row numbers that the first half picks, in the order of picking."""
        n, squared = cohort.n, cohort.squared_distances
        pool, away = np.arange(n), ~np.eye(n, dtype=bool)
        others = np.broadcast_to(pool, (n, n))[away].reshape(n, n - 1)
        rising = np.argsort(squared[away].reshape(n, n - 1), axis=1, kind="stable")
        # Every row's others by distance, sorted once: a picked row is struck out of the lists.
        names = np.take_along_axis(others, rising, 1)
        distances = np.take_along_axis(squared, names, 1)
        picked: list[int] = []
        for left in range(n, 2 * self.f, -1):
            # Fewer borne liars in the formula keep at least one neighbour in the small pools of the last picks.
            scores = _nearest(distances, min(self.f, max(left - 3, 0)))
            best = np.flatnonzero(scores == scores.min())
            place = int(best[0] if best.size == 1 else best[cohort.rows(pool[best]).ranked(np.zeros(best.size))[0]])
            picked.append(int(pool[place]))
            stay = np.arange(left) != place
            others = names[stay] != pool[place]
            pool, names = pool[stay], names[stay][others].reshape(left - 1, max(left - 2, 0))
            distances = distances[stay][others].reshape(left - 1, max(left - 2, 0))
        return np.array(picked, np.intp)

    def columns(self, cohort: Cohort) -> np.ndarray:
        at_least(cohort.n, 4 * self.f + 3, str(self), "4 f + 3")
        chosen = np.sort(self.selected(cohort))
        return column_mean_around_median(cohort.updates, len(chosen) - 2 * self.f, chosen)


def _equally(chosen: np.ndarray, n: int) -> np.ndarray:
    """Equal shares for the chosen rows."""
    share = np.zeros(n)
    share[chosen] = 1 / len(chosen)
    return share
