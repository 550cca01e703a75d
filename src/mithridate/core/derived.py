"""Cohorts whose rows follow from another's: chosen, mixed or shifted; formed only when somebody reads them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np

from mithridate.core.cohort import Cohort, Mark, frozen
from mithridate.core.errors import ConfigurationError
from mithridate.core.kernels import LARGEST, Geometry, combine, geometry
from mithridate.core.kernels.project import row_norms

__all__ = ["chosen", "mixed", "shifted"]


def chosen(source: Cohort, kept: np.ndarray) -> Cohort:
    """These rows of the source, in this order."""
    if isinstance(source, _Chosen):
        kept, source = source.kept[kept], source.source
    beside = source.beside(tuple(source.clients[i] for i in kept), source.weights[kept])
    if isinstance(source, _Mixed):
        return _Mixed(source=source.source, mixing=source.mixing[kept], probes={}, **beside)
    probes = {name: value[kept] for name, value in source.probes.items()}
    return _Chosen(source=source, kept=kept, probes=probes, **beside)


def mixed(source: Cohort, mixing: np.ndarray, beside: dict[str, Any]) -> Cohort:
    """Rows `mixing @ source.updates`; `beside` is what else the cohort holds. Nobody measured the mixtures: no probes."""
    if mixing.shape != (len(beside["clients"]), source.n):
        raise ConfigurationError(f"{len(beside['clients'])} rows of {source.n} cannot be mixed by {mixing.shape}")
    # The mixing matrices of chained stages are multiplied, so there is always one step to rows that exist.
    if isinstance(source, _Mixed):
        mixing, source = mixing @ source.mixing, source.source
    return _Mixed(source=source, mixing=frozen(mixing, np.float64), probes={}, **beside)


def shifted(source: Cohort, offset: np.ndarray) -> Cohort:
    """The source's rows plus one vector."""
    beside = source.beside(source.clients, source.weights)
    return _Shifted(source=source, offset=frozen(offset, np.float32), probes={}, **beside)


class _Derived(Cohort):
    """What all of them share: they hold a source instead of rows."""

    source: Cohort

    def __new__(cls, **held: Any) -> Self:
        """`dataclasses.replace` names the fields of a cohort and knows no source: what it asks for is a plain one."""
        return super().__new__(cls) if "source" in held else Cohort(**held)  # type: ignore[return-value] # as said

    def __init__(self, **held: Any) -> None:
        self.__dict__.update(held)
        self._check(len(self.clients), self.source.d)

    def with_weights(self, weights: np.ndarray, marks: Sequence[Mark] = ()) -> Cohort:
        return self._replaced(weights=weights, marks=self.marks + tuple(marks))

    def with_previous(self, previous: np.ndarray | None) -> Cohort:
        return self._replaced(previous=previous)

    def _replaced(self, **changed: Any) -> Self:
        """The same rows, and all that is known of them, beside other things."""
        held = {name: value for name, value in self.__dict__.items() if name != "_present"}
        return type(self)(**(held | changed))

    def _twin(self) -> Self:
        return self._replaced()


class _Chosen(_Derived):
    """Some of another cohort's rows. A weighted sum reads them where they lie."""

    kept: np.ndarray

    @cached_property
    def updates(self) -> np.ndarray:
        return frozen(self.source.updates[self.kept], np.float32)

    @cached_property
    def geometry(self) -> Geometry:
        # What the source does not know yet is asked of these rows alone: the others may hold anything.
        return self.source.geometry.rows(self.kept) if "geometry" in self.source.__dict__ else geometry(self.updates)

    @cached_property
    def norms(self) -> np.ndarray:
        return self.source.norms[self.kept] if "norms" in self.source.__dict__ else row_norms(self.updates)

    def combine(self, share: np.ndarray) -> np.ndarray:
        return self.source.combine(self._spread(share))

    def traced(self, share: np.ndarray) -> tuple[Cohort, np.ndarray]:
        return self.source, self._spread(share)

    def columns(self, chosen: np.ndarray) -> np.ndarray:
        return np.asarray(self.source.columns(chosen)[self.kept])

    def _spread(self, share: np.ndarray) -> np.ndarray:
        found = np.zeros((*np.shape(share)[:-1], self.source.n))
        found[..., self.kept] = share
        return found


class _Mixed(_Derived):
    """A matrix times another cohort's rows."""

    mixing: np.ndarray

    @cached_property
    def updates(self) -> np.ndarray:
        scale = np.diagonal(self.mixing)
        if self.mixing.shape[0] == self.mixing.shape[1] and np.count_nonzero(self.mixing) == np.count_nonzero(scale):
            return frozen(np.multiply(self.source.updates, scale[:, None].astype(np.float32)), np.float32)
        return frozen(self._filled(np.empty((self.n, self.d), np.float32)), np.float32)

    def _alike(self, one: int, two: int) -> bool:
        return bool((self.mixing[one] == self.mixing[two]).all())

    @cached_property
    def geometry(self) -> Geometry:
        return self.source.geometry.mixed(self.mixing)

    @cached_property
    def norms(self) -> np.ndarray:
        return self.geometry.norms

    def combine(self, share: np.ndarray) -> np.ndarray:
        return self.source.combine(share @ self.mixing)

    def traced(self, share: np.ndarray) -> tuple[Cohort, np.ndarray]:
        return self.source, np.asarray(share @ self.mixing)

    def formed(self, into: np.ndarray) -> Cohort:
        if "updates" in self.__dict__:
            return self
        return self._replaced(updates=frozen(self._filled(into[: self.n]), np.float32))

    def _filled(self, rows: np.ndarray) -> np.ndarray:
        """This memory with the rows in it."""
        distinct = self.n
        while distinct > 1 and self._alike(distinct - 1, distinct - 2):
            distinct -= 1  # the last rows are often colluders' and all the same: a copy costs less than a product
        # Whose geometry is known has been found to hold numbers only.
        largest = math.inf if "geometry" in self.source.__dict__ else LARGEST
        found = combine(self.mixing[:distinct], self.source.updates, largest, rows[:distinct])
        if not np.may_share_memory(found, rows):  # nothing was read, so nothing was written
            rows[:distinct] = found
        rows[distinct:] = rows[distinct - 1 : distinct]
        return rows

    def project(self, vector: np.ndarray) -> np.ndarray:
        return np.asarray(self.mixing @ self.source.project(vector))

    def columns(self, chosen: np.ndarray) -> np.ndarray:
        return combine(self.mixing, self.source.columns(chosen))

    def per_client(self, share: np.ndarray) -> dict[str, float]:
        return self.source.per_client(share @ self.mixing)


class _Shifted(_Derived):
    """Another cohort's rows, each plus the same vector."""

    offset: np.ndarray

    @cached_property
    def updates(self) -> np.ndarray:
        return frozen(self.source.updates + self.offset, np.float32)

    @cached_property
    def geometry(self) -> Geometry:
        return geometry(self.updates)

    @cached_property
    def norms(self) -> np.ndarray:
        return row_norms(self.updates)

    def combine(self, share: np.ndarray) -> np.ndarray:
        found = self.source.combine(share)
        found += np.multiply.outer(np.sum(share, axis=-1), self.offset).astype(np.float32)
        return found

    def per_client(self, share: np.ndarray) -> dict[str, float]:
        return self.source.per_client(share)
