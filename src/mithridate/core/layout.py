"""Between named arrays, as a model has them, and the flat vector that every defence works on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mithridate.core.errors import ConfigurationError

__all__ = ["Entry", "Layout"]


@dataclass(frozen=True)
class Entry:
    """One named array: its shape and the dtype it is broadcast in."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def floating(self) -> bool:
        """Whether the entry is a parameter (floating point) rather than a counter or an index."""
        return np.dtype(self.dtype).kind == "f"


@dataclass(frozen=True)
class Layout:
    """Which named arrays a model has, in order. Only floating-point entries become coordinates of the flat vector.

    Counters and integer buffers (BatchNorm's `num_batches_tracked`) would dominate every distance, so they travel
    apart: `unflatten` takes them from `rest`.

    >>> layout = Layout.of({"w": np.zeros((2, 2), np.float32), "steps": np.array(3)})
    >>> layout.d
    4
    >>> layout.unflatten(np.arange(4.), rest={"steps": np.array(3)})["w"]
    array([[0., 1.],
           [2., 3.]], dtype=float32)
    """

    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if not any(entry.floating for entry in self.entries):
            raise ConfigurationError("the model has no floating-point array: there is nothing to aggregate")
        if len({entry.name for entry in self.entries}) != len(self.entries):
            raise ConfigurationError("two arrays of the model share a name")

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> Layout:
        return cls(tuple(Entry(name, tuple(a.shape), a.dtype.str) for name, a in arrays.items()))

    @cached_property
    def d(self) -> int:
        """Number of coordinates of the flat vector."""
        return sum(entry.size for entry in self.entries if entry.floating)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.entries)

    @cached_property
    def slices(self) -> tuple[tuple[Entry, slice], ...]:
        """Each floating-point entry with its place in the flat vector."""
        found, start = [], 0
        for entry in self.entries:
            if entry.floating:
                found.append((entry, slice(start, start + entry.size)))
                start += entry.size
        return tuple(found)

    def flatten(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """The floating-point arrays, end to end, as float32 of shape (d,)."""
        flat = np.empty(self.d, np.float32)
        for entry, place in self.slices:
            flat[place] = np.asarray(arrays[entry.name]).reshape(-1)
        return flat

    def unflatten(self, flat: np.ndarray, rest: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """Named arrays again, each in its own dtype; entries without coordinates come from `rest`.

        Arrays of the vector's dtype are views of it.
        """
        if flat.shape != (self.d,):
            raise ConfigurationError(f"the layout has {self.d} coordinates, the vector has shape {flat.shape}")
        places = dict(self.slices)
        arrays: dict[str, np.ndarray] = {}
        for entry in self.entries:
            if entry in places:
                arrays[entry.name] = flat[places[entry]].reshape(entry.shape).astype(entry.dtype, copy=False)
            elif rest is not None and entry.name in rest:
                arrays[entry.name] = rest[entry.name]
            else:
                raise ConfigurationError(f"{entry.name!r} has no coordinates: pass it in `rest`")
        return arrays
