"""Recordings: one round's cohort, whole, so that any guard can decide it again without data or training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mithridate.core.cohort import Client, Cohort
from mithridate.core.errors import MithridateError, StoreError
from mithridate.core.layout import Entry, Layout
from mithridate.guard.claims import Refusal
from mithridate.store.disk import mapped
from mithridate.store.packing import unpack
from mithridate.store.run import RunFolder

__all__ = ["Recording", "empty_cohort", "load_recording", "load_round", "save_round"]

_MOST_BYTES = 2**40


@dataclass(frozen=True, eq=False)
class Recording:
    """One recorded round.

    Args:
        cohort: The admitted replies; its updates are a view into the file and need not fit into memory.
        refusals: Who was not admitted, and why.
        exact: Whether the updates are the very bytes that the guard saw.
    """

    cohort: Cohort
    refusals: tuple[Refusal, ...]
    exact: bool


def save_round(folder: RunFolder, cohort: Cohort, refusals: tuple[Refusal, ...] = (), *, exact: bool = True) -> None:
    """Record a round; the first of its three writes (see `store.run`).

    `previous` and marks are not kept: the guard makes them, so a replay makes them again.

    Args:
        folder: The run.
        cohort: What was admitted, before any stage touched it; `empty_cohort` if nobody was.
        refusals: What was not.
        exact: Keep float32, so that a replay decides byte for byte alike. Otherwise every row is kept as float16 beside
            its largest magnitude, in half the space, with a relative error of 2^-11 of that magnitude.
    """
    value: dict[str, Any] = {
        "round": cohort.round,
        "seed": cohort.seed,
        "exact": exact,
        "model": np.asarray(cohort.model),
        "clients": [list(client) for client in cohort.clients],
        "weights": np.asarray(cohort.weights),
        "refusals": [[refusal.client, refusal.reason, refusal.detail] for refusal in refusals],
    }
    if cohort.reference is not None:
        value["reference"] = np.asarray(cohort.reference)
    if cohort.probes:
        value["probes"] = {name: np.asarray(found) for name, found in cohort.probes.items()}
    if cohort.layout is not None:
        value["layout"] = [[entry.name, list(entry.shape), entry.dtype] for entry in cohort.layout.entries]
    value |= {"updates": cohort.updates} if exact else _halved(cohort.updates)
    folder.write_recording(cohort.round, value)


def empty_cohort(model: np.ndarray, *, round: int, seed: int = 0) -> Cohort:
    """The cohort of a round in which nobody was admitted: no rows, so that its refusals are recorded all the same.

    >>> empty_cohort(np.zeros(3, np.float32), round=2).updates.shape
    (0, 3)
    """
    nothing = np.zeros((0, *np.shape(model)), np.float32)
    return Cohort(model, nothing, (), np.zeros(0), round=round, seed=seed)


def load_round(folder: RunFolder, round: int) -> tuple[Cohort, tuple[Refusal, ...]]:
    """The cohort and the refusals of a recorded round; errors as `load_recording`."""
    recording = load_recording(folder, round)
    return recording.cohort, recording.refusals


def load_recording(folder: RunFolder, round: int) -> Recording:
    """A recorded round.

    Raises:
        StoreError: not recorded, damaged, or not what a guard could have seen: wrong types, shapes or numbers.
    """
    path = folder.recording(round)
    value = unpack(mapped(path, _MOST_BYTES), str(path), views=True)
    try:
        recording = _recording(value)
    except (MithridateError, KeyError, TypeError, ValueError, AttributeError, MemoryError) as error:
        raise StoreError(f"{path}: not a recording: {type(error).__name__}: {error}") from error
    if recording.cohort.round != round:
        raise StoreError(f"{path}: holds round {recording.cohort.round}")
    return recording


def _recording(value: Any) -> Recording:
    exact = value["exact"]
    if type(exact) is not bool:
        raise ValueError("'exact' is neither true nor false")
    updates = _array(value, "updates", np.float32, 2) if exact else _whole(value)
    model = _array(value, "model", np.float32, 1)
    for name, array in (("model", model), ("updates", updates)):
        if not all(np.isfinite(row).all() for row in np.atleast_2d(array)):
            raise ValueError(f"{name!r} holds NaN or Inf, which admission lets nobody send")
    cohort = Cohort(
        model,
        updates,
        tuple(_client(client) for client in value["clients"]),
        _array(value, "weights", np.float64, 1),
        round=_whole_number(value["round"], 2**31),
        seed=_whole_number(value["seed"], 2**63),
        reference=_array(value, "reference", np.float32, 1) if "reference" in value else None,
        probes=_probes(value["probes"]) if "probes" in value else {},
        layout=_layout(value["layout"]) if "layout" in value else None,
    )
    return Recording(cohort, tuple(_refusal(*refusal) for refusal in value["refusals"]), exact)


def _halved(updates: np.ndarray) -> dict[str, np.ndarray]:
    scale = np.array([np.abs(row).max(initial=0.0) for row in updates], np.float32)
    rows = np.empty(updates.shape, np.float16)
    for half, row, largest in zip(rows, updates, scale, strict=True):
        half[:] = row / (largest or np.float32(1))
    return {"updates": rows, "scale": scale}


def _whole(value: Any) -> np.ndarray:
    rows, scale = _array(value, "updates", np.float16, 2), _array(value, "scale", np.float32, 1)
    return np.asarray(rows.astype(np.float32) * scale[:, None])


def _array(value: Any, name: str, dtype: Any, sides: int | None = None) -> np.ndarray:
    array = value[name]
    if type(array) is not np.ndarray or array.dtype != dtype or sides not in (None, array.ndim):
        raise ValueError(f"{name!r} must be {np.dtype(dtype)}" + ("" if sides is None else f" with {sides} sides"))
    return array


def _probes(found: Any) -> dict[str, np.ndarray]:
    if not isinstance(found, dict):
        raise ValueError("probes come by name")
    return {name: _array(found, name, np.float64) for name in found}


def _layout(entries: Any) -> Layout:
    found = []
    for name, shape, dtype in entries:
        if not isinstance(name, str) or not isinstance(dtype, str):
            raise ValueError("an entry of the layout has a name and a dtype")
        found.append(Entry(name, tuple(_whole_number(side, 2**40) for side in shape), dtype))
    return Layout(tuple(found))


def _client(ids: Any) -> Client:
    if not isinstance(ids, list) or not ids or not all(isinstance(each, str) for each in ids):
        raise ValueError("a row's clients must be a list of ids")
    return tuple(ids)


def _whole_number(value: Any, below: int) -> int:
    if type(value) is not int or not -below <= value < below:
        raise ValueError("round and seed must be whole numbers of sane size")
    return value


def _refusal(client: Any, reason: Any, detail: Any) -> Refusal:
    if not all(isinstance(text, str) for text in (client, reason, detail)):
        raise ValueError("a refusal consists of texts")
    return Refusal(client, reason, detail)
