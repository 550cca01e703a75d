"""The defence on the attacker's own desk: what a guard would make of lies that nobody has formed yet."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mithridate.attacks.moments import mean_of
from mithridate.attacks.view import View
from mithridate.core.cohort import Cohort
from mithridate.core.errors import UnmetPrecondition
from mithridate.core.layout import Entry, Layout
from mithridate.core.protocols import Columnwise, Linear, Memory, Need

__all__ = ["Rehearsal", "Trial", "farthest", "known_layout", "largest"]

_NARROW = 1e-3


@dataclass(frozen=True, eq=False)
class Trial:
    """What the guard made of one rehearsed round.

    Args:
        deviation: ‖F(U) - mu‖; a refused round moves nothing, F = 0.
        seen: The cohort as the rule saw it; None if the round was refused before.
        share: (rows of `seen`,), what each counts; None for rules that are not linear, and where the round was refused.
        memory: The guard's memory after this round.
    """

    deviation: float
    seen: Cohort | None
    share: np.ndarray | None
    memory: Memory


class Rehearsal:
    """One round's guard, to be tried with the honest rows and any lies that are mixtures of known vectors.

    The basis is the h honest rows and the k given vectors: one Gram matrix of h + k rows. A trial describes the m lies by
    their coordinates in it, so that row-linear stages and linear rules cost O(n³) at most, whatever d is, and
    ‖F - mu‖² = b G bᵀ with F's coordinates less mu's in b. Anything else sees the rows formed, by one matrix product.

    The guard runs with the liars' own seed and memory: the server's are not theirs to know. A guard that needs a reference
    update is shown the honest mean, one that needs layers those of the liars' own network; one that needs probes cannot be
    rehearsed.

    Args:
        view: Shows the honest updates and the guard; its `rng` draws the seed that all trials of the round share.
        vectors: (k, d), what lies are made of besides the honest rows.
        memory: The guard's, from the trial that was played a round ago; None starts anew.
    Raises:
        UnmetPrecondition: the view hides the honest updates or the guard, or the guard needs what only the server measures.
    Cost: one copy of the honest rows and one Gram pass, O((h + k)² d).
    """

    def __init__(self, view: View, vectors: np.ndarray, memory: Memory = None) -> None:
        if view.guard is None:
            raise UnmetPrecondition("the attack needs to know the defence, and this view hides it")
        unknown = view.guard.needs - {Need.REFERENCE, Need.LAYOUT}
        if unknown:
            asked = ", ".join(sorted(need.value for need in unknown))
            raise UnmetPrecondition(f"the guard asks the server for {asked}, which liars cannot rehearse")
        self.guard, self.h, self.m = view.guard, view.seen.shape[0], view.m
        self.memory: Memory = self.guard.init() if memory is None else memory
        self.mean = mean_of(view.seen)
        names = tuple((f"basis-{i}",) for i in range(self.h + len(vectors)))
        with np.errstate(over="ignore"):
            rows = np.vstack([view.seen, np.asarray(vectors, np.float32)])
        self.basis = Cohort(
            model=view.model,
            updates=rows,
            clients=names,
            weights=np.ones(len(names)),
            round=view.round,
            seed=int(view.rng.integers(2**62)),
            reference=self.mean if Need.REFERENCE in self.guard.needs else None,
            layout=known_layout(view),
        )
        self._scratch = np.empty((0, view.d), np.float32)
        self._clients = tuple((client,) for client in (*view.honest, *view.clients))

    def coordinates(self, along: np.ndarray) -> np.ndarray:
        """(h + k,), the point mu + sum_j along_j (vector_j - mu), whose coordinates sum to one.

        Points that sum to one are seen from among the rows, so that an offset they share does not cost precision.
        """
        return np.concatenate([np.full(self.h, (1 - along.sum()) / self.h), along])

    def trial(self, lies: np.ndarray) -> Trial:
        """One round with these lies, (h + k,) for all liars or (m, h + k), in coordinates of the basis."""
        honest = np.eye(self.h, self.basis.n)
        mixing = np.vstack([honest, np.broadcast_to(lies, (self.m, self.basis.n))])
        try:
            cohort = self.basis.mixed(mixing, (), self._clients, np.ones(len(mixing)))
            seen, remembered = self.guard.staged(cohort, self.memory)
            return self._decided(seen, remembered)
        except UnmetPrecondition:
            return Trial(self._length, None, None, self.memory)

    def _decided(self, seen: Cohort, remembered: tuple[Memory, ...]) -> Trial:
        rule = self.guard.rule
        asked = Need.PREVIOUS in rule.needs or any(Need.PREVIOUS in stage.needs for stage in self.guard.stages)
        seen = seen.present
        if not asked and isinstance(rule, Linear) and type(rule).__call__ is Linear.__call__ and seen.n:
            share, _ = rule.shares(seen)
            source, along = seen.traced(share)
            if source is self.basis:
                return Trial(self._distance(along), seen, share, {"stages": remembered, "previous": None})
        aggregate = rule(self._formed(seen) if isinstance(rule, Columnwise) else seen)
        off = aggregate.delta - self.mean
        memory = {"stages": remembered, "previous": aggregate.delta if asked else None}
        return Trial(math.sqrt(np.dot(off, off)), seen, aggregate.share, memory)

    def _formed(self, seen: Cohort) -> Cohort:
        """The cohort with its rows in memory that all trials share: fresh memory for each costs more than the trial."""
        if self._scratch.shape[0] < seen.n:
            self._scratch = np.empty((seen.n, seen.d), np.float32)
        return seen.formed(self._scratch)

    def _distance(self, along: np.ndarray) -> float:
        """The distance from mu of the point with these coordinates."""
        off = along - self.coordinates(np.zeros(self.basis.n - self.h))
        return float(self.basis.geometry.mixed(off[None]).norms[0])

    @cached_property
    def _length(self) -> float:
        exact = self.mean.astype(np.float64)
        return float(np.sqrt(exact @ exact))


def known_layout(view: View) -> Layout | None:
    """The layers of the liars' own network, where they have one that covers the whole update."""
    if view.access is None:
        return None
    entries = tuple(Entry(name, (place.stop - place.start,), "<f4") for name, place in view.access.layers.items())
    return Layout(entries) if sum(entry.size for entry in entries) == view.d else None


def farthest(gain: Callable[[float], float], low: float, high: float, candidates: int) -> float:
    """Where in [low, high] a function of one positive number is largest, as far as so many looks at it can tell.

    Half of the looks go to a geometric grid; each of the others halves the wider of the two gaps beside the best so far.
    Gaps of a thousandth are left alone: the edge at which a selecting rule drops the liars is not to be walked on, for
    the rows that are sent are rounded. Of equal values the first found is kept.

    >>> round(farthest(lambda x: -abs(x - 3), 0.01, 1000, 40), 2)
    3.0
    """
    coarse = min(candidates, max(2, (candidates + 1) // 2))
    found = {float(x): gain(float(x)) for x in np.geomspace(low, high, coarse)}
    best = max(found, key=found.__getitem__)
    for _ in range(candidates - coarse):
        known = sorted(found)
        at = known.index(best)
        gaps = [(known[i + 1] / known[i], known[i], known[i + 1]) for i in (at - 1, at) if 0 <= i < len(known) - 1]
        gap, left, right = max(gaps, key=lambda gap: gap[0])
        if gap < 1 + _NARROW:
            break
        middle = float(np.sqrt(left * right))
        found[middle] = gain(middle)
        if found[middle] > found[best]:
            best = middle
    return best


def largest(holds: Callable[[float], bool], low: float, high: float, candidates: int) -> float:
    """The largest number in [low, high] for which a condition holds, as far as so many looks can tell; low if it never does.

    Half of the looks walk down a geometric grid until it holds; the others halve the gap above.

    >>> round(largest(lambda x: x <= 3, 0.01, 1000, 40), 2)
    3.0
    """
    coarse = min(candidates, max(2, (candidates + 1) // 2))
    above, found = None, low
    for x in np.geomspace(high, low, coarse):
        found = float(x)
        if holds(found):
            break
        above = found
    else:
        return low
    for _ in range(candidates - coarse):
        if above is None or above / found < 1 + _NARROW:
            break
        middle = float(np.sqrt(found * above))
        found, above = (middle, above) if holds(middle) else (found, middle)
    return found
