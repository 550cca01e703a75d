"""The centred Gram matrix: all that a distance rule needs to know about n vectors of any length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mithridate.core.errors import NotFinite
from mithridate.core.kernels.blocks import refuse_unless_finite, row_peaks, strips
from mithridate.core.kernels.engine import fastest

__all__ = ["Geometry", "geometry", "portions"]

_ILL_CONDITIONED = 1e4
_ROUNDING = 1e-3
_PORTION_FLOATS = 1 << 23


@dataclass(frozen=True)
class Geometry:
    """Inner products of n rows u_i seen from a centre c.

    With x_i = u_i - c: `gram[i, j] = x_i . x_j`, `along[i] = x_i . c`, `centre_sq = c . c`. Raw products come back as
    u_i . u_j = gram[i, j] + along[i] + along[j] + centre_sq. Everything is float64.
    """

    gram: np.ndarray
    along: np.ndarray
    centre_sq: float

    @cached_property
    def squared_distances(self) -> np.ndarray:
        """‖u_i - u_j‖², (n, n), exactly zero on the diagonal and never negative."""
        own = np.diagonal(self.gram)
        found: np.ndarray = np.add.outer(own, own)
        for rows in portions(len(found)):
            found[rows] -= 2 * self.gram[rows]
            np.maximum(found[rows], 0.0, out=found[rows])
        np.fill_diagonal(found, 0.0)
        return found

    @cached_property
    def products(self) -> np.ndarray:
        """u_i . u_j, (n, n)."""
        return np.asarray(self.gram + self.along[:, None] + self.along[None, :] + self.centre_sq)

    @cached_property
    def norms(self) -> np.ndarray:
        """‖u_i‖, (n,)."""
        return np.asarray(np.sqrt(np.maximum(np.diagonal(self.gram) + 2 * self.along + self.centre_sq, 0.0)))

    def rows(self, kept: np.ndarray) -> Geometry:
        """The geometry of these rows alone, seen from the same centre."""
        return Geometry(self.gram[np.ix_(kept, kept)], self.along[kept], self.centre_sq)

    def mixed(self, mixing: np.ndarray) -> Geometry:
        """The geometry of the rows `mixing @ U`, without U.

        A row of `mixing` that does not sum to one moves the centre; seen from the mean of those sums times c, the new
        rows are mixing @ X + (sums - mean) c, and all products follow from the old ones.
        """
        sums = mixing.sum(axis=1)
        mean = float(sums.mean()) if sums.size else 1.0
        shift, along = sums - mean, mixing @ self.along
        cross = np.outer(along, shift)
        gram = mixing @ self.gram @ mixing.T + cross + cross.T + self.centre_sq * np.outer(shift, shift)
        return Geometry(gram, mean * (along + shift * self.centre_sq), mean * mean * self.centre_sq)


def geometry(matrix: np.ndarray) -> Geometry:
    """The geometry of the rows of an (n, d) float32 matrix, in one pass over column blocks.

    Products are formed per block in float32 on *centred* rows and accumulated in float64. Which centre matters: seen
    from a point far from the honest rows, their small distances drown in rounding. The pass starts from row 0; if most
    rows turn out to lie much nearer to each other than to that centre, it is run again from the row that lies most
    centrally (least median distance), which a minority of far rows cannot be. Clusters of rows that lie far from the centre
    and near to each other are then seen once more from within.

    Raises:
        NotFinite: a row holds NaN, Inf or a magnitude over `LARGEST`.

    Cost: one matrix product of n² d; rarely two; k² d more for a far cluster of k rows.
    """
    n = matrix.shape[0]
    if n == 0:
        return Geometry(np.zeros((0, 0)), np.zeros(0), 0.0)
    centre = 0
    for _ in range(3):
        seen = _pass(matrix, centre)
        typical = np.concatenate([np.median(seen.squared_distances[rows], axis=1) for rows in portions(n)])
        medoid = int(np.argmin(typical))
        if medoid == centre or seen.gram[medoid, medoid] <= _ILL_CONDITIONED * typical[medoid]:
            break
        centre = medoid
    refined = _refined(matrix, np.arange(n), seen.gram)
    return seen if refined is seen.gram else replace(seen, gram=refined)


def portions(n: int) -> Iterator[slice]:
    """All of n rows, a few at a time: what is made of an (n, n) matrix on the way should not be as large as itself."""
    step = max(1, _PORTION_FLOATS // max(n, 1))
    for first in range(0, n, step):
        yield slice(first, min(first + step, n))


def _refined(matrix: np.ndarray, rows: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """The Gram matrix with the distances inside far clusters made right.

    Rows that lie much nearer to each other than to the centre (colluders who send nearly the same far row) have distances
    that are nothing but rounding. Each such cluster S is seen again from one of its own rows s: with y_i = u_i - u_s,
    x_i . x_j = y_i . y_j + y_i . x_s + y_j . x_s + x_s . x_s, in which all but the first term cancels from distances.
    """
    own = np.diagonal(gram)
    near = np.empty(gram.shape, bool)
    for part in portions(len(gram)):
        squared = own[part, None] + own[None, :] - 2 * gram[part]
        near[part] = squared < _ROUNDING * np.maximum(own[part, None], own[None, :])
    np.fill_diagonal(near, False)
    if not near.any():
        return gram
    gram = gram.copy()
    for cluster in _components(near):
        first = cluster[0]
        inner = _refined(matrix, rows[cluster], _pass(matrix, rows[first], rows[cluster]).gram)
        along = gram[cluster, first] - gram[first, first]
        gram[np.ix_(cluster, cluster)] = inner + along[:, None] + along[None, :] + gram[first, first]
    return gram


def _components(near: np.ndarray) -> list[np.ndarray]:
    """The connected components of two rows or more."""
    found, left = [], set(np.flatnonzero(near.any(axis=1)).tolist())
    while left:
        component, edge = set(), {min(left)}
        while edge:
            component |= edge
            edge = set(np.flatnonzero(near[list(edge)].any(axis=0)).tolist()) - component
        left -= component
        found.append(np.array(sorted(component), np.intp))
    return found


def _pass(matrix: np.ndarray, centre: int, rows: np.ndarray | None = None) -> Geometry:
    """The geometry of the matrix, or of some of its rows, as one of its rows sees it."""
    chosen = np.arange(matrix.shape[0]) if rows is None else rows
    found: np.ndarray | None = None
    kernels = fastest(matrix.size)
    with np.errstate(over="ignore", invalid="ignore"):
        for _, strip in strips(matrix):
            part = kernels.centred_products(strip, chosen, centre)
            found = part if found is None else np.add(found, part, out=found)
            if not np.isfinite(found).all():
                refuse_unless_finite(row_peaks(matrix))
                raise NotFinite("the rows are too far apart for their inner products to be represented")
    if found is None:  # no columns
        found = np.zeros((len(chosen) + 1,) * 2)
    return Geometry(found[:-1, :-1], found[:-1, -1], float(found[-1, -1]))
