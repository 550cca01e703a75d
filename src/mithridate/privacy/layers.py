"""Figures of one layer's weights that honest training leaves within bounds and imprint attacks do not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mithridate.core.randomness import stream

__all__ = [
    "Weights",
    "balance",
    "identities",
    "outside_a_plane",
    "paired_rows",
    "parallel_rows",
    "row_ratio",
    "typical_size",
    "weights_of",
    "zero_rows",
]

LEAST_INPUTS = 8
"""What is said of rows of fewer numbers would be chance."""
TINIEST = float(np.finfo(np.float64).tiny)
_BLOCK = 1024


@dataclass(frozen=True)
class Weights:
    """The weights of one layer, one row per unit that it feeds.

    `bias` holds the thresholds that stand beside the rows: the layer's own, or those of the normalisation behind it. None where
    there are none, as in embeddings and low-rank adapters.
    """

    name: str
    rows: np.ndarray
    """(units, inputs) float64."""
    bias: np.ndarray | None
    kernel: tuple[int, ...] = ()
    """Spatial shape of a convolution's kernels; () for a dense layer."""


def weights_of(arrays: Mapping[str, np.ndarray]) -> Iterator[Weights]:
    """Every layer among named arrays of finite numbers below 1e150, as rows.

    Arrays with two dimensions and more are weights, (out, in, ...) as in PyTorch; one that its bias says to be (in, out), as in
    Keras, is turned, and a square one is looked at both ways round. Elementwise scales (LayerNorm over several dimensions), whose
    bias has their own shape, are no weights.
    """
    names = list(arrays)
    affine = {_bias_name(name) for name in names} & set(names)
    affine = {name for name in affine if arrays[name].ndim >= 2}
    for place, name in enumerate(names):
        array = arrays[name]
        if array.ndim < 2 or array.dtype.kind != "f" or array.size == 0:
            continue
        own = arrays.get(_bias_name(name))
        if name in affine or (own is not None and own.shape == array.shape):
            continue
        biases = [own] if own is not None else _following(arrays, names[place + 1 :])
        kernel = tuple(array.shape[2:])
        flat = array.reshape(array.shape[0], -1).astype(np.float64)
        across = _fitting(biases, array.shape[1]) if array.ndim == 2 else None
        if across is None or _fitting(biases, len(flat)) is not None:
            yield Weights(name, flat, _fitting(biases, len(flat)), () if max(kernel, default=1) == 1 else kernel)
        if across is not None:
            yield Weights(name, flat.T, across)


def parallel_rows(weights: Weights, cosine: float) -> float:
    """Share of the rows with another row at this cosine or more and another threshold b / ‖w‖: the bins of an imprint layer.

    The cosine is raised to where one in a hundred random rows at most has such a partner, which matters for few inputs:
    P(cosine >= c) is below (1 - c²)^((n - 1) / 2) / 2. Where most of the layer is 0, as behind pruning, a row of fewer than 16
    numbers points where another one does by chance and is not counted. Nor is a single pair among more rows.

    >>> layer = Weights("w", np.ones((4, 8)), np.array([0.0, 1.0, 2.0, 2.0]))
    >>> parallel_rows(layer, 0.98)
    1.0
    """
    rows, bias = weights.rows, weights.bias
    if bias is None or weights.kernel or rows.shape[1] < 2:
        return 0.0
    numbers = np.count_nonzero(rows, axis=1)
    alive = numbers >= (1 if 2 * numbers.sum() >= rows.size else 2 * LEAST_INPUTS)
    chance = 1 - (0.02 / len(rows)) ** (2 / (rows.shape[1] - 1))
    cosine = max(cosine, math.sqrt(chance))
    units, lengths = _directions(rows[alive])
    thresholds = np.clip(bias[alive] / lengths, -1e150, 1e150)
    # Parallel rows fall on the same place of any line, so they are neighbours in this order, whatever the number of rows.
    order = np.argsort(units @ stream(0, 0, "imprint").standard_normal(rows.shape[1]), kind="stable")
    found = 0
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]
        near = units[block] @ units[block].T >= cosine
        apart = np.abs(np.subtract.outer(thresholds[block], thresholds[block]))
        found += int((near & (apart > 1e-6 * (1e-30 + np.abs(thresholds[block]).max()))).any(axis=1).sum())
    return found / len(rows) if found > 2 or found == len(rows) else 0.0


def outside_a_plane(weights: Weights) -> float:
    """Part of the rows' energy, each at length 1, that lies outside the plane that holds most of it; 1 where it says nothing.

    An imprint layer measures one number of the sample, so its rows span a line, or a plane where a constant input stands in for
    the bias.

    >>> outside_a_plane(Weights("w", np.outer(np.arange(1.0, 10.0), np.ones(9)), np.zeros(9))) < 1e-12
    True
    """
    rows = weights.rows[weights.rows.any(axis=1)]
    if weights.bias is None or weights.kernel or min(rows.shape) < LEAST_INPUTS:
        return 1.0
    units, _ = _directions(rows)
    basis = stream(0, 0, "imprint").standard_normal((rows.shape[1], LEAST_INPUTS))
    for _ in range(3):
        basis = np.linalg.qr(units.T @ (units @ basis))[0]
    energy = np.linalg.svd(units @ basis, compute_uv=False) ** 2
    return max(0.0, 1.0 - float(energy[:2].sum()) / len(units))


def paired_rows(weights: Weights, tolerance: float = 5e-3) -> float:
    """Share of the rows whose positive numbers are the negative ones times one factor, in some order: trap weights as published.

    The k-th largest positive number is divided by the k-th largest negative one; the middle half of those ratios lies within
    the tolerance of their median. Honest ratios scatter by 1 / sqrt(inputs) or so.

    >>> paired_rows(Weights("w", np.outer([1.0, 2.0], np.concatenate([np.arange(1.0, 9.0), -0.9 * np.arange(1.0, 9.0)])), None))
    1.0
    """
    rows = weights.rows
    if weights.kernel or rows.shape[1] < 2 * LEAST_INPUTS:
        return 0.0
    found = 0
    for row in rows:
        positive, negative = np.sort(row[row > 0]), np.sort(-row[row < 0])
        if positive.size == negative.size >= LEAST_INPUTS and np.ptp(negative) > 0.01 * negative[-1]:
            ratios = positive / negative
            middle = np.median(ratios)
            found += bool(np.median(np.abs(ratios - middle)) <= tolerance * middle)
    return found / len(rows)


def balance(weights: Weights) -> float:
    """Standard deviation over the rows of their sum, each over its length; 1 where it says nothing.

    Independent numbers give about 1 whatever their scale, trap weights (1 - s) / 2 or so.
    """
    rows = weights.rows[weights.rows.any(axis=1)]
    if weights.kernel or min(rows.shape) < 2 * LEAST_INPUTS:
        return 1.0
    return float(np.std(_directions(rows)[0].sum(axis=1)))


def identities(weights: Weights) -> float:
    """Share of the input channels that some kernel passes on untouched.

    0 where the other kernels are neither all silent, as in LOKI, nor of the ordinary kind, as in a way through for trap weights.
    A kernel passes a channel on where its one number that is not 0 stands in its middle.
    """
    if not weights.kernel or any(side % 2 == 0 for side in weights.kernel):
        return 0.0
    area = int(np.prod(weights.kernel))
    kernels = (weights.rows / max(float(np.abs(weights.rows).max()), TINIEST)).reshape(len(weights.rows), -1, area)
    energy = kernels**2
    total = energy.sum(axis=(1, 2))
    middle = energy[:, :, area // 2]
    passing = (total > 0) & (middle.max(axis=1) >= (1 - 1e-6) * total)
    others = kernels[~passing]
    silent = np.count_nonzero(others) / others.size if others.size else 0.0
    if not passing.any() or 0 < silent < 0.5:  # some numbers left here and there: pruned
        return 0.0
    return len(set(middle[passing].argmax(axis=1).tolist())) / kernels.shape[1]


def typical_size(weights: Weights) -> float:
    """Root mean square of the numbers that are not 0."""
    alive = weights.rows[weights.rows != 0]
    if alive.size == 0:
        return 0.0
    largest = float(np.abs(alive).max())
    return largest * float(np.sqrt(np.mean((alive / largest) ** 2)))


def row_ratio(weights: Weights) -> float:
    """Length of the longest row over the middle one, among those that are not 0."""
    lengths = np.linalg.norm(weights.rows / max(float(np.abs(weights.rows).max()), TINIEST), axis=1)
    alive = lengths[lengths > 0]
    return float(alive.max() / np.median(alive)) if alive.size else 0.0


def zero_rows(weights: Weights) -> float:
    """Share of the rows, or of the columns if that is more, that are 0 throughout.

    0 where what is left is itself mostly 0, as behind pruning number by number, or where all is 0, as at some starts.
    """
    most = 0.0
    for side in (weights.rows, weights.rows.T):
        silent = ~side.any(axis=1)
        if len(side) >= LEAST_INPUTS and not silent.all():
            alive = side[~silent][:, side.any(axis=0)]
            if np.count_nonzero(alive) >= max(0.5 * alive.size, LEAST_INPUTS**2):
                most = max(most, float(silent.mean()))
    return most


def _directions(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows at length 1 and their lengths; none may be 0. No square overflows or vanishes on the way."""
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=TINIEST)
    units = rows / largest
    scaled = np.linalg.norm(units, axis=1, keepdims=True)
    return units / np.maximum(scaled, TINIEST), (largest * np.maximum(scaled, TINIEST))[:, 0]


def _bias_name(name: str) -> str:
    head, found, tail = name.rpartition("weight")
    return f"{head}bias{tail}" if found else name + ".bias"


def _following(arrays: Mapping[str, np.ndarray], names: list[str]) -> list[np.ndarray]:
    """The vectors between a layer and the next one."""
    found = []
    for name in names:
        if arrays[name].ndim >= 2:
            break
        found.append(arrays[name])
    return found


def _fitting(biases: list[np.ndarray], units: int) -> np.ndarray | None:
    """The thresholds among some vectors: the first of a fitting length whose numbers differ, else the first that fits."""
    fitting = [bias for bias in biases if bias.shape == (units,) and bias.dtype.kind == "f"]
    varied = [bias for bias in fitting if np.ptp(bias) > 0]
    found = [*varied, *fitting]
    return found[0].astype(np.float64) if found else None
