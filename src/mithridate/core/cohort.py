"""One round as a value: the updates of n clients to one model, and all that a defence may know about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, cmp_to_key
from typing import Any

import numpy as np

from mithridate.core.errors import ConfigurationError
from mithridate.core.kernels import Geometry, combine, geometry
from mithridate.core.kernels.project import project, row_norms, squared_distances_to
from mithridate.core.layout import Layout
from mithridate.core.randomness import stream

__all__ = ["Client", "Cohort", "Mark"]

Client = tuple[str, ...]
"""Who stands behind a row: one id, or several where the row is a sum (buckets, secure aggregation)."""


@dataclass(frozen=True)
class Mark:
    """What a stage or rule says about one client: why its row was dropped, weighed down or changed.

    `threshold` is the bound that `score` was held against; both are NaN where the reason is not a number.
    `dropped` tells whether the client lost its say in this round.
    """

    client: str
    stage: str
    score: float
    threshold: float
    reason: str
    dropped: bool = True


@dataclass(frozen=True, eq=False)
class Cohort:
    """The updates of one round. Immutable: stages return new cohorts.

    Args:
        model: (d,) float32, the flat broadcast that the updates refer to.
        updates: (n, d) float32, reply minus broadcast, never weights; made read-only. May be a memory map.
        clients: n tuples of client ids.
        weights: (n,) >= 0; a row of weight 0 counts as absent and sways no rule.
        round: The round's number, from 0.
        seed: With the round it fixes all randomness of the defence.
        reference: (d,) float32, a clean update computed by the venue, for guards that need one.
        probes: What the venue measured on every row, by the name of the need: (n, ...) float64, such as "losses" (n,).
        layout: Which named arrays the coordinates belong to, for guards that look at layers.
        previous: (d,) float32, the aggregate of the round before; filled in by the guard.
        marks: What the stages so far said.

    Raises:
        ConfigurationError: shapes that do not belong together, negative or non-finite weights.
    """

    model: np.ndarray
    updates: np.ndarray
    clients: tuple[Client, ...]
    weights: np.ndarray
    round: int = 0
    seed: int = 0
    reference: np.ndarray | None = None
    probes: Mapping[str, np.ndarray] = field(default_factory=dict)
    layout: Layout | None = None
    previous: np.ndarray | None = None
    marks: tuple[Mark, ...] = field(default=())

    def __post_init__(self) -> None:
        updates = frozen(self.updates, np.float32)
        if updates.ndim != 2:
            raise ConfigurationError(f"updates must have shape (n, d), not {updates.shape}")
        object.__setattr__(self, "updates", updates)
        self._check(*updates.shape)

    def _check(self, n: int, d: int) -> None:
        for name, shape, dtype in (
            ("model", (d,), np.float32),
            ("weights", (n,), np.float64),
            ("reference", (d,), np.float32),
            ("previous", (d,), np.float32),
        ):
            value = getattr(self, name)
            if value is None:
                continue
            array = frozen(value, dtype)
            if array.shape != shape:
                raise ConfigurationError(f"{name} must have shape {shape}, not {array.shape}")
            object.__setattr__(self, name, array)
        probes = {name: frozen(value, np.float64) for name, value in self.probes.items()}
        for name, value in probes.items():
            if value.ndim == 0 or value.shape[0] != n:
                raise ConfigurationError(
                    f"the probe {name!r} must have a value for each of {n} rows, not {value.shape}"
                )
        object.__setattr__(self, "probes", probes)
        if self.layout is not None and self.layout.d != d:
            raise ConfigurationError(f"the layout has {self.layout.d} coordinates, the model {d}")
        if len(self.clients) != n:
            raise ConfigurationError(f"{n} rows but {len(self.clients)} clients")
        if not (np.isfinite(self.weights) & (self.weights >= 0)).all():
            raise ConfigurationError("weights must be finite and not negative")

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.clients)

    @property
    def d(self) -> int:
        """Parameters."""
        return int(self.model.shape[0])

    @cached_property
    def geometry(self) -> Geometry:
        """All inner products of the rows, computed once."""
        return geometry(self.updates)

    @property
    def gram(self) -> np.ndarray:
        """(n, n) float64, the centred Gram matrix."""
        return self.geometry.gram

    @cached_property
    def norms(self) -> np.ndarray:
        """(n,) float64, the Euclidean norms of the rows."""
        return row_norms(self.updates)

    @property
    def squared_distances(self) -> np.ndarray:
        """(n, n) float64, squared Euclidean distances between rows."""
        return self.geometry.squared_distances

    @cached_property
    def distances(self) -> np.ndarray:
        """(n, n) float64, Euclidean distances between rows."""
        return np.asarray(np.sqrt(self.squared_distances))

    def ranked(self, scores: np.ndarray) -> np.ndarray:
        """Row numbers by rising score. Equal scores are ordered by what the rows hold, never by where they stand.

        (Position would favour the first of the identical rows that colluders send. The order of contents is
        lexicographic, which survives a common offset and a common scale.)
        """
        order = np.argsort(scores, kind="stable")
        values = scores[order]
        tied = np.flatnonzero(values[1:] == values[:-1])
        if all(self._alike(order[i], order[i + 1]) for i in tied):
            return order
        contents = {int(i): self.rows([i]).updates[0] for i in order[np.union1d(tied, tied + 1)]}

        def compare(one: int, two: int) -> int:
            if scores[one] != scores[two]:
                return -1 if scores[one] < scores[two] else 1
            differs = np.flatnonzero(contents[one] != contents[two])[:1]
            return 0 if differs.size == 0 else (-1 if contents[one][differs] < contents[two][differs] else 1)

        return np.array(sorted(range(self.n), key=cmp_to_key(compare)), np.intp)

    def _alike(self, one: int, two: int) -> bool:
        """Whether two rows are known to hold the same, without a look at them."""
        return one == two

    @property
    def present(self) -> Cohort:
        """The same cohort without its rows of weight zero."""
        return self if self.weights.all() else self._present

    # What a cohort keeps must not hold the cohort: its rows would stay in memory until somebody looks for cycles.
    @cached_property
    def _present(self) -> Cohort:
        return self._twin().rows(np.flatnonzero(self.weights))

    def _twin(self) -> Cohort:
        """Another cohort that holds the same, and all that is known of it."""
        found = replace(self)
        found.__dict__.update({name: self.__dict__[name] for name in ("geometry", "norms") if name in self.__dict__})
        return found

    def rng(self, name: str) -> np.random.Generator:
        """This round's random stream for the given purpose."""
        return stream(self.seed, self.round, name)

    def combine(self, share: np.ndarray) -> np.ndarray:
        """`share @ updates`, (d,) float32."""
        return combine(share, self.updates)

    def traced(self, share: np.ndarray) -> tuple[Cohort, np.ndarray]:
        """The cohort whose rows exist, and what each of its rows counts when the rows of this one count `share`."""
        return self, share

    def formed(self, into: np.ndarray) -> Cohort:
        """The cohort with its rows formed, in this (at least n, d) float32 memory if they were not yet.

        For those who try many cohorts in turn. The result is good until the memory is used again.
        """
        return self

    def project(self, vector: np.ndarray) -> np.ndarray:
        """`updates @ vector`, (n,) float64."""
        return project(self.updates, vector)

    def squared_distances_to(self, point: np.ndarray) -> np.ndarray:
        """‖u_i - point‖², (n,) float64."""
        return squared_distances_to(self.updates, point)

    def columns(self, chosen: np.ndarray) -> np.ndarray:
        """(n, k) float32, the rows at these coordinates only."""
        return np.take(self.updates, chosen, axis=1)

    def per_client(self, share: np.ndarray) -> dict[str, float]:
        """How much each client's own update counts when the rows count `share`."""
        found: dict[str, float] = {}
        for clients, part in zip(self.clients, share, strict=True):
            for client in clients:
                found[client] = found.get(client, 0.0) + float(part) / len(clients)
        return found

    def rows(self, kept: Sequence[int] | np.ndarray) -> Cohort:
        """Only these rows, in this order, copied only when somebody reads them; what is known of their geometry is kept."""
        from mithridate.core.derived import chosen

        return chosen(self, np.asarray(kept, np.intp))

    def with_updates(self, updates: np.ndarray, marks: Sequence[Mark] = ()) -> Cohort:
        """The same clients with other rows."""
        return Cohort(updates=updates, probes=self.probes, **self.beside(self.clients, self.weights, marks))

    def with_weights(self, weights: np.ndarray, marks: Sequence[Mark] = ()) -> Cohort:
        """The same rows weighed differently; what is known of their geometry is kept."""
        found = replace(self, weights=weights, marks=self.marks + tuple(marks))
        if "geometry" in self.__dict__:
            found.__dict__["geometry"] = self.geometry
        return found

    def with_previous(self, previous: np.ndarray | None) -> Cohort:
        """The same cohort, told what the last aggregate was."""
        return replace(self, previous=previous)

    def mixed(
        self,
        mixing: np.ndarray,
        marks: Sequence[Mark] = (),
        clients: tuple[Client, ...] | None = None,
        weights: np.ndarray | None = None,
    ) -> Cohort:
        """The cohort with rows `mixing @ updates`, formed only when somebody reads them.

        Its geometry follows from this one's in O(n³), so a linear rule behind linear stages never touches d in between.

        Args:
            mixing: (n', n).
            marks: What the stage says.
            clients: Who stands behind each new row; needed when n' differs from n.
            weights: (n',), the new rows' weights; needed when n' differs from n.
        """
        from mithridate.core.derived import mixed

        clients, weights = self.clients if clients is None else clients, self.weights if weights is None else weights
        return mixed(self, mixing, self.beside(clients, weights, marks))

    def shifted(self, offset: np.ndarray) -> Cohort:
        """The cohort with `offset` (d,) added to every row; a weighted sum adds it once, when it is formed."""
        from mithridate.core.derived import shifted

        return shifted(self, offset)

    def beside(self, clients: tuple[Client, ...], weights: np.ndarray, marks: Sequence[Mark] = ()) -> dict[str, Any]:
        """The fields that a cohort with other rows shares with this one."""
        return {
            "model": self.model,
            "clients": clients,
            "weights": weights,
            "round": self.round,
            "seed": self.seed,
            "reference": self.reference,
            "layout": self.layout,
            "previous": self.previous,
            "marks": self.marks + tuple(marks),
        }


def frozen(array: np.ndarray, dtype: Any) -> np.ndarray:
    """A read-only view (or, where the dtype differs, copy) of an array; the caller's own flag is left alone."""
    view = np.asarray(array, dtype).view()
    view.flags.writeable = False
    return view
